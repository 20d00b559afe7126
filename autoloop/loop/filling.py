"""Filling a round: strategies propose, this module disposes. Values in, a round out. No file, no clock.

It alone checks that a proposal can be applied, stays in bounds and was not run before, and it writes down
each refusal in words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autoloop.edits import ValueChange, change, format_literal
from autoloop.edits.effects import DeadKnob, dead_paths, why_dead
from autoloop.edits.variants import Variant, free_name, safe_name
from autoloop.errors import EditError, MisfitError, NoChangeError, counted
from autoloop.loop.disposal import apart
from autoloop.loop.repeats import repeat
from autoloop.rules.base import Decision
from autoloop.strategies.base import ASKED_FOR
from autoloop.strategies.failed import FailedRegion, lies_where_jobs_failed
from autoloop.study.decisions import Refusal
from autoloop.study.record import REPEAT, WITHOUT


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


@dataclass(slots=True)
class Round:
    """A round being filled: the variants to run and the proposals refused.

    Attributes:
        number: Number of the round, from 1.
        seen: Signature -> name of the variant that has it, over the whole study.
        places: How many more variants fit; None for any number.
        variants: What will run.
        refused: What will not.
        silence: Why the strategy had nothing but what rules proposed, where nothing will run.
        taken: Names of all jobs of the study, whether planned, running or ended, and of ``variants``.
    """

    number: int
    seen: dict[str, str]
    places: int | None = None
    variants: list[Variant] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    silence: str = ""
    taken: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.taken = {*self.taken, *self.seen.values()}

    def add(self, variant: Variant) -> None:
        """Take a variant in, whoever wants it, under a name that no other job of the study has."""
        variant = replace(variant, name=free_name(variant.name, self.taken))
        self.taken.add(variant.name)
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
    planned: Round,
    variant: Variant,
    path: str,
    seeds: Iterable[int],
    why: str,
    derive: Derive,
    rule: str = REPEAT,
) -> None:
    """Put a config into a round once more for each of these seeds, but for those that it ran with.

    Args:
        planned: The round.
        variant: The config to run again.
        path: Path of the seed in it.
        seeds: The seeds.
        why: What for, as a sentence.
        derive: See `Derive`.
        rule: What it is called in the journal.

    Raises:
        EditError: The config does not take another seed.
    """
    for seed in seeds:
        again = repeat(variant, path, seed, why, rule)
        derived = derive(variant, again.edits)
        twin = planned.seen.get(derived.signature)
        if twin is None:
            planned.add(_with(again, derived))
        else:
            planned.refuse(again, f"already run as {twin}")


def add_without(
    planned: Round,
    start: Variant,
    of: str,
    left: Mapping[str, Any],
    dropped: Sequence[str],
    rule: str,
    derive: Derive,
) -> None:
    """Put a config into a round without some of its changes.

    Args:
        planned: The round.
        start: The starting point of the config.
        of: Name of the job that has the config.
        left: Path -> value of the changes that are left.
        dropped: Paths of the others.
        rule: What it is called in the journal.
        derive: See `Derive`.
    """
    knob = f"-{dropped[0].rpartition('.')[2]}" if rule == WITHOUT else ""
    child = replace(
        start,
        name=safe_name(f"{of[:40]}-{rule}{knob}"),
        edits=tuple(f"{path}@set={format_literal(value)}" for path, value in left.items()),
        parent=start.name,
        rule=rule,
        reason=f"{of} without its change of {', '.join(dropped)}",
        evidence={"without": list(dropped)},
        expects=f"no worse than {of}",
    )
    try:
        derived = derive(start, child.edits)
    except EditError as error:
        planned.refuse(child, error.why)
        return
    twin = planned.seen.get(derived.signature)
    if twin is None:
        planned.add(_with(child, derived))
    else:
        planned.refuse(child, f"already run as {twin}")


class Disposer:
    """Says of each proposal what would become of it; asks once, however often it is asked.

    Attributes:
        parents: Every variant that may have children, by name.
        seen: Signature -> name of every variant that ran or is planned.
        taken: Names of all jobs of the study.
    """

    def __init__(
        self,
        parents: Mapping[str, Variant],
        seen: Mapping[str, str],
        derive: Derive,
        objection: Objection = no_objection,
        dead: Sequence[DeadKnob] = (),
        taken: Iterable[str] = (),
        regions: Sequence[FailedRegion] = (),
    ) -> None:
        """Set up for one round.

        Args:
            parents: Every variant that may have children, by name.
            seen: Signature -> name of every variant that ran or is planned.
            derive: See `Derive`.
            objection: See `Objection`.
            dead: Knobs that the trainer does not heed; edits of them are skipped.
            taken: Names of further jobs of the study, such as those that run.
            regions: Where jobs failed again and again; only the user's own variants may lead there.
        """
        self._regions = regions
        self.parents = parents
        self.seen = dict(seen)
        self.taken = {*parents, *taken}
        self._derive = derive
        self._objection = objection
        self._dead = dead
        self._known: dict[tuple[str, str, tuple[str, ...]], Derived | str] = {}
        self._misfits: set[tuple[str, str, tuple[str, ...]]] = set()

    def usable(self, proposal: Decision) -> tuple[str, ...]:
        """The edits of a proposal that its parent's config has and the trainer heeds."""
        return tuple(usable_edits(proposal.edits, self.parents[proposal.trial].config, self._dead)[0])

    def refusal(self, proposal: Decision) -> str:
        """Why the loop would refuse this proposal; empty where it would take it."""
        found = self.appraise(proposal)
        return found if isinstance(found, str) else ""

    def misfit(self, proposal: Decision) -> bool:
        """Whether a proposal leads to a config that Hydra does not compose."""
        self.appraise(proposal)
        return _key(proposal) in self._misfits

    def outcome(self, proposal: Decision) -> object:
        """The signature of the config that a proposal leads to; of one that is refused, its words."""
        found = self.appraise(proposal)
        return found.signature if isinstance(found, Derived) else (proposal.trial, proposal.edits)

    def appraise(self, proposal: Decision) -> Derived | str:
        """The child that a proposal leads to, or why there is none."""
        key = _key(proposal)
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
            self._misfits |= {_key(proposal)} if isinstance(error, MisfitError) else set()
            return error.why
        twin = self.seen.get(derived.signature)
        if twin is not None:
            return f"already run as {twin}" if twin != parent.name else "changes nothing"
        why = self._objection(proposal, derived.changes) or self._failing(proposal, derived)
        return why or replace(derived, notes=(*derived.notes, *skipped))

    def _failing(self, proposal: Decision, derived: Derived) -> str:
        """Why a child would fail, as others did before it."""
        if proposal.rule == ASKED_FOR:
            return ""
        return lies_where_jobs_failed(self._regions, derived.config, (path for path, _, _ in derived.changes))


def _key(proposal: Decision) -> tuple[str, str, tuple[str, ...]]:
    return (proposal.rule, proposal.trial, proposal.edits)


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
    planned = Round(number, dict(disposer.seen), places, taken=disposer.taken)
    for proposal in proposals:
        for idea in _ideas(proposal, disposer.parents):
            if places is not None and len(planned.variants) >= places:
                planned.refuse(idea, f"the budget leaves no place: {counted(places, 'job')} left")
            else:
                _take_proposal(planned, idea, disposer)
    return planned


def _ideas(proposal: Decision, parents: Mapping[str, Variant]) -> list[Decision]:
    """The proposal; where its edits oppose each other, one proposal for each side."""
    sides = apart(proposal.edits, parents[proposal.trial].config)
    return [replace(proposal, edits=edits) for edits in sides] if len(sides) > 1 else [proposal]


def _take_proposal(planned: Round, proposal: Decision, disposer: Disposer) -> None:
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
        name=safe_name(f"r{planned.number}_{proposal.rule}"),
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
