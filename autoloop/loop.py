"""The study as a state machine: what it is (values in), what to do next (a step out). No file, no clock.

`next_step` looks at the record of a study and says what is due: run jobs, decide about a round, plan a round,
or stop. `first_round` and `next_round` fill a round: strategies propose, this module disposes. It alone
checks
that a proposal can be applied, stays in bounds and was not run before, and it writes down each refusal in
words.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autoloop.disposal import apart
from autoloop.edits import ValueChange, change
from autoloop.effects import DeadKnob, dead_paths, why_dead
from autoloop.errors import EditError, NoChangeError
from autoloop.repeats import repeat
from autoloop.rules.base import Decision
from autoloop.score.progress import rounds_without_gain
from autoloop.study import Job, Study
from autoloop.trials import TrialState
from autoloop.until import Condition, met
from autoloop.variants import Variant, safe_name


@dataclass(frozen=True, slots=True)
class Limits:
    """When a study ends, whatever the rules say.

    Attributes:
        rounds: Rounds in all.
        max_jobs: Jobs in all, retries not counted; None for no limit.
        max_hours: Hours of running in all, over restarts; None for no limit.
        max_failures: Failed jobs in a row that end the study; None for no limit.
        retries: How often a failed job is tried again.
        fail_fast: End the study at the first failed job.
        patience: Rounds in a row without a gain over the noise that end the study; None for no limit.
        until: The study ends with the round that brings a job for which all of these hold; none for no such
            end.
    """

    rounds: int = 1
    max_jobs: int | None = None
    max_hours: float | None = None
    max_failures: int | None = None
    retries: int = 0
    fail_fast: bool = False
    patience: int | None = None
    until: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Flow:
    """How rounds follow each other.

    Attributes:
        barrier: Whether a round is decided about when it is complete; else whenever a slot is free, from what
            is known then. A round is then as many jobs as there are slots.
        quorum: Share (above 0, up to 1) of a round's jobs that must have ended for it to be complete; what
            the others say feeds the next decision.
        refill: Whether the slot of a job that a stop rule ended is given to another idea in the same round.
        slots: How many jobs run at a time; None where the launcher does not tell.
    """

    barrier: bool = True
    quorum: float = 1.0
    refill: bool = True
    slots: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """Run these jobs, then ask again."""

    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class Requeue:
    """Give this job a new number and run it again."""

    job: Job


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is to be done until a job ends."""


@dataclass(frozen=True, slots=True)
class Decide:
    """Ask the rules about the jobs that ended; the round they are recorded under."""

    round: int


@dataclass(frozen=True, slots=True)
class PlanRound:
    """Fill the round of this number; with a number of places only a further part of it."""

    round: int
    places: int | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """The study ends, and why."""

    reason: str
    failed: bool = False


Step = Run | Requeue | Wait | Decide | PlanRound | Stop


def next_step(study: Study, limits: Limits, flow: Flow = Flow()) -> Step:
    """What is due next.

    Args:
        study: The record so far.
        limits: When to end.
        flow: How rounds follow each other.
    """
    if not study.jobs:
        return PlanRound(1)
    ended = _ended_early(study, limits)
    if ended:
        return ended
    retry = next((job for job in study.counted() if _again(study, job, limits)), None)
    if retry:
        return Requeue(retry)
    waiting = tuple(study.waiting())
    if waiting:
        return Run(waiting)
    last = study.rounds[-1]
    if study.running() and not _complete(study, last, flow):
        return _meanwhile(study, last, limits, flow)
    if study.unjudged() or (last not in study.decisions and not study.running()):
        return Decide(last)
    if last == 1 and 1 not in study.decisions:
        return Wait()
    enough = _found_enough(study, limits, flow)
    if enough:
        return Wait() if study.running() else enough
    return PlanRound(last + 1) if flow.barrier else _one_more(study, last, flow)


def _complete(study: Study, number: int, flow: Flow) -> bool:
    """Whether enough jobs of a round have ended to decide about it."""
    if not flow.barrier:
        return True
    jobs = study.of_round(number)
    return sum(job.state is not None for job in jobs) >= math.ceil(flow.quorum * len(jobs) - 1e-9)


def _meanwhile(study: Study, number: int, limits: Limits, flow: Flow) -> Step:
    """What to do with a free slot while jobs of the round run: replace a job that was stopped, or wait."""
    jobs = study.of_round(number)
    stopped = sum(job.state is TrialState.STOPPED for job in jobs)
    replaced = len(jobs) - study.planned.get(number, len(jobs))
    full = limits.max_jobs is not None and len(study.counted()) >= limits.max_jobs
    if not flow.refill or replaced >= stopped or full or limits.rounds == 1:
        return Wait()
    return Decide(number) if study.unjudged() else PlanRound(number, places=1)


def _one_more(study: Study, last: int, flow: Flow) -> PlanRound:
    """Without a barrier: one more job, in this round while it has fewer jobs than there are slots."""
    size = max(flow.slots or 1, study.planned.get(1, 1) if last == 1 else 0)
    full = len(study.of_round(last)) >= size
    return PlanRound(last + 1 if full else last, places=1)


def _found_enough(study: Study, limits: Limits, flow: Flow) -> Stop | None:
    """The end of a search that went as it should."""
    worthy = met(study, limits.until)
    if worthy:
        found = ", ".join(condition.told(worthy) for condition in limits.until)
        return Stop(f"{worthy.name} meets every condition of until ({found})")
    rounds = len(study.rounds)
    open_round = not flow.barrier and _one_more(study, study.rounds[-1], flow).round == study.rounds[-1]
    if rounds >= limits.rounds and not open_round:
        return Stop(f"all {limits.rounds} rounds are done" if limits.rounds > 1 else "the round is done")
    if limits.max_jobs is not None and len(study.counted()) >= limits.max_jobs:
        return Stop(f"all {limits.max_jobs} jobs (max_jobs) are done")
    waited = rounds_without_gain(study) if limits.patience is not None else 0
    if limits.patience is not None and waited >= limits.patience:
        return Stop(f"{waited} rounds in a row brought no gain over the noise (patience={limits.patience})")
    return None


def _ended_early(study: Study, limits: Limits) -> Stop | None:
    failed = [job for job in study.counted() if _failed(job) and not _again(study, job, limits)]
    if limits.fail_fast and failed:
        return Stop(f"job {failed[0].job} ({failed[0].name}) failed and fail_fast is set", failed=True)
    streak = failures_in_a_row(study)
    if limits.max_failures is not None and streak >= limits.max_failures:
        return Stop(f"{streak} jobs failed in a row (max_failures={limits.max_failures})", failed=True)
    hours = study.seconds / 3600
    if limits.max_hours is not None and hours >= limits.max_hours:
        return Stop(f"the time is up: {hours:.2f} hours (max_hours={limits.max_hours:g})")
    return None


def failures_in_a_row(study: Study) -> int:
    """How many of the jobs that ended last failed, without one between that did not."""
    ended = sorted((job for job in study.counted() if job.state), key=lambda job: job.ended_at)
    streak = 0
    for job in ended:
        if _failed(job):
            streak += 1
        elif job.state is not TrialState.INTERRUPTED:
            streak = 0
    return streak


def _failed(job: Job) -> bool:
    return job.state in (TrialState.FAILED, TrialState.TIMEOUT)


def _again(study: Study, job: Job, limits: Limits) -> bool:
    """Whether this job is to be tried again.

    After a failure `retries` times. After an interruption always where the whole study was interrupted, once
    where something on the machine ended the job alone.
    """
    tries = [other.state for other in study.jobs.values() if other.name == job.name]
    if job.state is TrialState.INTERRUPTED:
        return tries.count(TrialState.INTERRUPTED) <= 1 + len(study.resumes)
    return job.state is TrialState.FAILED and tries.count(TrialState.FAILED) <= limits.retries


@dataclass(frozen=True, slots=True)
class Derived:
    """A child's config, what leads to it and what changed on the way.

    Attributes:
        config: The whole resolved config.
        overrides: The complete list of Hydra overrides that composes it.
        signature: Hash of the config.
        changes: (path, old value, new value) of each value that changed.
        notes: What was rounded, clipped or left alone, in words.
    """

    config: Mapping[str, Any]
    overrides: tuple[str, ...]
    signature: str
    changes: tuple[ValueChange, ...] = ()
    notes: tuple[str, ...] = ()


Derive = Callable[[Variant, Sequence[str]], Derived]
"""(parent, edits) -> the child; raises EditError where the edits do not fit the parent's config."""


Objection = Callable[[Decision, Sequence[tuple[str, Any, Any]]], str]
"""(proposal, what it changes) -> why it is not worth a job; empty where nothing speaks against it."""


def no_objection(proposal: Decision, changes: Sequence[tuple[str, Any, Any]]) -> str:
    """Object to nothing."""
    return ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A proposal that is not run, and why."""

    trial: str
    rule: str
    edits: tuple[str, ...]
    why: str


@dataclass(slots=True)
class Round:
    """A round being filled: the variants to run and the proposals refused.

    Attributes:
        number: Number of the round, from 1.
        seen: Signature -> name of the variant that has it, over the whole study.
        places: How many more variants fit; None for any number.
        variants: What will run.
        refused: What will not.
    """

    number: int
    seen: dict[str, str]
    places: int | None = None
    variants: list[Variant] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    def add(self, variant: Variant) -> None:
        """Take a variant in."""
        self.seen[variant.signature] = variant.name
        self.variants.append(variant)

    def refuse(self, proposal: Variant | Decision, why: str) -> None:
        """Write down why a proposal is not run."""
        if isinstance(proposal, Decision):
            self.refused.append(Refusal(proposal.trial, proposal.rule, proposal.edits, why))
        else:
            self.refused.append(Refusal(proposal.parent or "", proposal.rule, proposal.edits, why))


def first_round(
    starts: Sequence[Variant], named: Sequence[Variant], derive: Derive, dead: Sequence[DeadKnob] = ()
) -> Round:
    """Fill round 1: each starting point, followed by the user's variants of it.

    Args:
        starts: The baseline, or one starting point for each combination of a Hydra choice sweep.
        named: The user's variants; of each, ``name``, ``edits``, ``rule`` and ``reason`` are used. A variant
            whose ``rule`` is ``"sweep"`` comes from a comma list: where it equals another it is left out
            without an error.
        derive: See `Derive`.
        dead: Knobs that the trainer does not heed; a variant that turns one says so in its notes.

    Raises:
        EditError: A named variant cannot be applied, changes nothing, or equals another.
    """
    planned = Round(1, {})
    for start in starts:
        _take_start(planned, start)
    for start in starts:
        for variant in named:
            _take_named(planned, start, variant, derive, several=len(starts) > 1)
    order = {start.name: position for position, start in enumerate(starts)}
    planned.variants = [replace(v, notes=(*v.notes, *_unheeded(v, dead))) for v in planned.variants]
    planned.variants.sort(key=lambda variant: order[variant.parent or variant.name])
    return planned


def _unheeded(variant: Variant, dead: Sequence[DeadKnob]) -> list[str]:
    """What a variant changes in vain, in words."""
    known = dead_paths(dead, variant.config) if variant.changes else {}
    told = ((path, why_dead([path], known, variant.config)) for path, _, _ in variant.changes)
    return [f"{path}: the trainer does not heed it: {why}" for path, why in told if why]


def _take_start(planned: Round, start: Variant) -> None:
    twin = planned.seen.get(start.signature)
    if twin is None:
        planned.add(start)
    else:
        planned.add(replace(start, notes=(*start.notes, f"same config as {twin}, asked for twice")))


def _take_named(planned: Round, start: Variant, variant: Variant, derive: Derive, several: bool) -> None:
    swept = variant.rule == "sweep"
    name = safe_name(f"{variant.name}-{start.name}") if several else variant.name
    child = replace(variant, name=name, parent=start.name)
    edits, kept = (variant.edits, []) if swept else effective_edits(variant.edits, start.config)
    try:
        derived = derive(start, edits)
    except NoChangeError as error:
        if not swept:
            raise _of_variant(error, name) from error
        planned.refuse(child, f"the same config as {start.name}")
        return
    except EditError as error:
        raise _of_variant(error, name) from error
    twin = planned.seen.get(derived.signature)
    if twin is None:
        derived = replace(derived, notes=(*derived.notes, *kept))
        planned.add(_with(child, derived))
    elif swept:
        planned.refuse(child, f"the same config as {twin}")
    else:
        raise EditError(
            f"variant {name!r} has the same config as {twin!r}; change one of them or take it out"
        )


def _of_variant(error: EditError, name: str) -> EditError:
    """The same error, naming the variant it was found in."""
    told = EditError(f"in variant {name!r}:\n{error}", error.text, error.position, error.nearest)
    told.why = error.why
    return told


def add_repeats(
    planned: Round, variant: Variant, path: str, seeds: Iterable[int], why: str, derive: Derive
) -> None:
    """Put a config into a round once more for each of these seeds, but for those that it ran with.

    Args:
        planned: The round.
        variant: The config to run again.
        path: Path of the seed in it.
        seeds: The seeds.
        why: What for, as a sentence.
        derive: See `Derive`.
    """
    for seed in seeds:
        again = repeat(variant, path, seed, why)
        derived = derive(variant, again.edits)
        twin = planned.seen.get(derived.signature)
        if twin is None:
            planned.add(_with(again, derived))
        else:
            planned.refuse(again, f"already run as {twin}")


class Disposer:
    """Says of each proposal what would become of it; asks once, however often it is asked.

    Attributes:
        parents: Every variant of the study by name.
    """

    def __init__(
        self,
        parents: Mapping[str, Variant],
        seen: Mapping[str, str],
        derive: Derive,
        objection: Objection = no_objection,
        dead: Sequence[DeadKnob] = (),
    ) -> None:
        """Set up for one round.

        Args:
            parents: Every variant of the study by name.
            seen: Signature -> name of every variant that ran or is planned.
            derive: See `Derive`.
            objection: See `Objection`.
            dead: Knobs that the trainer does not heed; edits of them are skipped.
        """
        self.parents = parents
        self.seen = dict(seen)
        self._derive = derive
        self._objection = objection
        self._dead = dead
        self._known: dict[tuple[str, str, tuple[str, ...]], Derived | str] = {}

    def usable(self, proposal: Decision) -> tuple[str, ...]:
        """The edits of a proposal that its parent's config has and the trainer heeds."""
        return tuple(usable_edits(proposal.edits, self.parents[proposal.trial].config, self._dead)[0])

    def refusal(self, proposal: Decision) -> str:
        """Why the loop would refuse this proposal; empty where it would take it."""
        found = self.appraise(proposal)
        return found if isinstance(found, str) else ""

    def outcome(self, proposal: Decision) -> object:
        """The signature of the config that a proposal leads to; of one that is refused, its words."""
        found = self.appraise(proposal)
        return found.signature if isinstance(found, Derived) else (proposal.trial, proposal.edits)

    def appraise(self, proposal: Decision) -> Derived | str:
        """The child that a proposal leads to, or why there is none."""
        key = (proposal.rule, proposal.trial, proposal.edits)
        if key not in self._known:
            self._known[key] = self._appraised(proposal)
        return self._known[key]

    def _appraised(self, proposal: Decision) -> Derived | str:
        parent = self.parents[proposal.trial]
        edits, skipped = usable_edits(proposal.edits, parent.config, self._dead)
        if not edits:
            return "; ".join(skipped)
        try:
            derived = self._derive(parent, edits)
        except EditError as error:
            return error.why
        twin = self.seen.get(derived.signature)
        if twin is not None:
            return f"already run as {twin}" if twin != parent.name else "changes nothing"
        why = self._objection(proposal, derived.changes)
        return why or replace(derived, notes=(*derived.notes, *skipped))


def next_round(
    number: int, proposals: Sequence[Decision], disposer: Disposer, places: int | None = None
) -> Round:
    """Fill a later round from what a strategy proposes.

    Args:
        number: Number of the round.
        proposals: Decisions with edits, the most wanted first.
        disposer: Says what becomes of each.
        places: How many variants fit at the most; None for any number.

    Returns:
        The round; without variants if no proposal is new.
    """
    planned = Round(number, dict(disposer.seen), places)
    names = _fresh_names(number, disposer.parents)
    for proposal in proposals:
        for idea in _ideas(proposal, disposer.parents):
            if places is not None and len(planned.variants) >= places:
                planned.refuse(idea, f"the budget leaves no place: {places} jobs are left")
            else:
                _take_proposal(planned, idea, disposer, names)
    return planned


def _ideas(proposal: Decision, parents: Mapping[str, Variant]) -> list[Decision]:
    """The proposal; where its edits oppose each other, one proposal for each side."""
    sides = apart(proposal.edits, parents[proposal.trial].config)
    return [replace(proposal, edits=edits) for edits in sides] if len(sides) > 1 else [proposal]


def _take_proposal(
    planned: Round, proposal: Decision, disposer: Disposer, names: Callable[[str], str]
) -> None:
    found = disposer.appraise(proposal)
    if isinstance(found, str):
        planned.refuse(proposal, found)
        return
    twin = planned.seen.get(found.signature)
    if twin is not None:
        planned.refuse(proposal, f"the same config as {twin}")
        return
    parent = disposer.parents[proposal.trial]
    child = Variant(
        name=names(proposal.rule),
        edits=disposer.usable(proposal),
        parent=parent.name,
        rule=proposal.rule,
        reason=proposal.reason,
        evidence=dict(proposal.evidence),
        expects=proposal.expects,
        overrides=(),
        config={},
        signature="",
    )
    planned.add(_with(child, found))


def usable_edits(
    edits: Sequence[str], config: Mapping[str, Any], dead: Sequence[DeadKnob] = ()
) -> tuple[list[str], list[str]]:
    """The edits that fit this config, and a sentence for each that does not.

    A rule names the knobs of several kinds of config; those that this one lacks are skipped, never invented.
    So are edits that turn nothing but knobs which the trainer does not heed.
    """
    fitting, skipped = _sieved(edits, config, EditError)
    unheeded = dead_paths(dead, config)
    usable = []
    for edit in fitting:
        places = [path for path, _, _ in change([edit], config).changes] if unheeded else []
        why = why_dead(places, unheeded, config)
        if why:
            skipped.append(f"{edit}: skipped, {why}")
        else:
            usable.append(edit)
    return usable, skipped


def effective_edits(edits: Sequence[str], config: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The edits of a variant that change something here, and a sentence for each of the others.

    A user's variant may say `lambda@set=0.1` of a baseline that has just that; if nothing else is left, all
    of its edits are returned, so that applying them tells what is wrong.
    """
    effective, kept = _sieved(edits, config, NoChangeError)
    return (effective, kept) if effective else (list(edits), [])


def _sieved(
    edits: Sequence[str], config: Mapping[str, Any], skip: type[EditError]
) -> tuple[list[str], list[str]]:
    """The edits without those that raise an error of this kind, and a sentence for each of these."""
    passed, skipped = [], []
    for edit in edits:
        try:
            change([edit], config)
        except skip as error:  # noqa: PERF203 - a handful of edits
            skipped.append(f"{edit}: skipped, {error.why}")
        except EditError:
            passed.append(edit)  # applying it tells the user what is wrong
        else:
            passed.append(edit)
    return passed, skipped


def _with(variant: Variant, derived: Derived) -> Variant:
    return replace(
        variant,
        config=derived.config,
        overrides=derived.overrides,
        signature=derived.signature,
        changes=derived.changes,
        notes=derived.notes,
    )


def _fresh_names(number: int, taken: Mapping[str, object]) -> Callable[[str], str]:
    """A function that names children: r2_rule, r2_rule_2, ... never one that is taken."""
    used = set(taken)

    def candidates(stem: str) -> Iterator[str]:
        yield stem
        count = 2
        while True:
            yield f"{stem}_{count}"
            count += 1

    def fresh(rule: str) -> str:
        name = next(name for name in candidates(f"r{number}_{rule}") if name not in used)
        used.add(name)
        return name

    return fresh
