"""MixedStrategy: rules on the best trials, a sampler over the space, the user's and an outside's ideas."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from autoloop.edits import format_literal
from autoloop.errors import counted
from autoloop.rules import checks
from autoloop.rules.base import Decision
from autoloop.rules.paths import is_number, matches
from autoloop.strategies.avoid import avoided
from autoloop.strategies.base import NO_RULES, OUTSIDE, Foresight, Opening, Situation, Strategy, filled_up
from autoloop.strategies.failed import FailedRegion, alike
from autoloop.strategies.gaussian import APART, LEAST_POINTS, GaussianProcess
from autoloop.strategies.optuna_sampler import KINDS, OptunaSampler
from autoloop.strategies.samplers import Floats, QuasiRandom, Random, Sampler, Seen, ask_where_jobs_live
from autoloop.strategies.shares import is_share
from autoloop.strategies.space import Knob, read_space
from autoloop.strategies.words import CHOICE, NEAR, Known, ranges, sampled
from autoloop.study.record import MEASURING
from autoloop.study.trials import Trial, TrialState

SAMPLERS = ("gaussian", "quasi_random", "random", *KINDS)
GO_ON = "go_on"
NO_STEPS = (*NO_RULES, "variants", "sweep")  # who makes a trial without taking a step from its parent
SPARE = 4  # points asked for beyond those needed, in case some have run already
MORE = 3  # times as many points are asked for where some do not compose
PROBES = (0.1, 0.35, 0.6, 0.9)  # places of a knob where it is tried alone
SHARED = 4  # where a round has fewer jobs, shares hold over so many of the latest


class MixedStrategy(Strategy):
    """Fills each round by quota from several sources.

    In this order: variants of the user's that wait in the queue (all of them); proposals of an outside
    program (up to ``outside_share`` of the round); proposals of rules on the best ``parents`` trials so far
    (in round 2 on the baseline too, and that first), best parents first, the more successful rules first (up
    to ``rules_share``), among them ``go_on``: a rule's step that made the best trial better than its parent,
    once more; and a sampler over the whole space for the rest. What one source cannot fill the sampler does.
    Shares hold over the round, also where it is filled job by job, and over four jobs where it has fewer.

    Round 1 is what the user asked for. A later round has ``variants_per_run`` jobs for each that round 1 was
    planned with, or ``size`` jobs. Where slots have GPUs or ``n_jobs`` says how many there are, both are
    filled up to a multiple of them, round 1 with points of the space.

    The sampler turns the knobs of ``space``, or every number that has bounds or was changed by a variant or
    rule, between their bounds, and from ``start / span`` to ``start * span`` where none are said; never the
    seed. A share (a beta, a dropout, a probability, told by its name and a value from 0 to 1) stays below 1
    where no bound is said. It learns from every finished trial, whoever proposed it, and leaves out where
    jobs failed alike; a knob that cannot be moved without a config that does not compose is left alone. Its
    points are children of the baseline, at the baseline's seed.

    Wrong to use where a value within the bounds can do harm (the sampler goes anywhere between them), with
    more than about 20 knobs and few jobs, and where each child is to differ from its parent by one idea.

    Args:
        size: Jobs of a round, the first one included; null for as many as round 1 was planned with, times
            ``variants_per_run``.
        variants_per_run: Jobs of a later round for each of round 1, at least 1; without effect beside
            ``size``.
        rules_share: Largest share of a round that rules fill (0 to 1).
        outside_share: Largest share that the outside proposer fills.
        parents: From how many of the best trials rules may go on.
        sampler: ``gaussian`` (built in), ``quasi_random``, ``random``, or Optuna's ``tpe`` and ``optuna_gp``.
        space: Path -> ``[low, high]``, ``{choices: [..]}`` or null: these knobs and no others. Empty, or with
            nothing but ``path: false`` in it: the knobs named above, but for those.
        span: Factor up and down where no bound is said, above 1.
        first_reach: Part of the way to the ends of the space that every second point of round 1 may go (0 to
            1); the others go all the way, since nobody knows how far off the baseline is.
        proposer: ``{command: .., timeout_s: ..}`` of an outside program; null for none.
    """

    def __init__(
        self,
        *,
        size: int | None = None,
        variants_per_run: int = 1,
        rules_share: float = 0.5,
        outside_share: float = 0.25,
        parents: int = 2,
        sampler: str = "gaussian",
        space: Mapping[str, Any] | None = None,
        span: float = 4.0,
        first_reach: float = 0.5,
        proposer: Mapping[str, Any] | None = None,
    ) -> None:
        kind = "MixedStrategy"
        self.size = None if size is None else checks.whole(kind, "size", size, 1)
        self.variants_per_run = checks.whole(kind, "variants_per_run", variants_per_run, 1)
        self.rules_share = checks.number(kind, "rules_share", rules_share, 0.0, 1.0)
        self.outside_share = checks.number(kind, "outside_share", outside_share, 0.0, 1.0)
        self.parents = checks.whole(kind, "parents", parents, 1)
        self.name = checks.choice(kind, "sampler", sampler, SAMPLERS)
        self.sampler = _sampler(self.name)
        self.space = dict(space or {})
        self.span = checks.number(kind, "span", span, 1.0, over=True)
        self.first_reach = checks.number(kind, "first_reach", first_reach, 0.0, 1.0)
        self.proposer = dict(proposer) if proposer else None

    def open(self, opening: Opening) -> list[Decision]:
        """Return points for the places of round 1 that are free: by turns anywhere, and near the baseline."""
        free = filled_up(max(self.size or 0, opening.planned), opening.slots) - opening.planned
        config, known = opening.start.config, (opening.bounds, opening.touched, self.span, opening.leave)
        knobs = read_space(config, self.space, *known) if free else ()
        if not knobs:
            return []
        proposals, stuck = self._opened(opening, knobs, free)
        while stuck:
            knobs = tuple(knob for knob in knobs if knob.path not in stuck)
            refused = proposals[-1:]
            proposals, stuck = self._opened(opening, knobs, free) if knobs else ([], frozenset())
            proposals = [*refused, *proposals]
        return proposals

    def _opened(
        self, opening: Opening, knobs: Sequence[Knob], free: int
    ) -> tuple[list[Decision], frozenset[str]]:
        """Return points of round 1; where one does not compose because of some knobs, these as well."""
        start = np.array([knob.unit(opening.start.config) for knob in knobs])
        seen = Seen(start[None], np.array([np.nan]), start, opening.seed)
        spread = QuasiRandom().ask(seen, MORE * (free + SPARE))
        reach = np.where(np.arange(len(spread)) % 2, self.first_reach, 1.0)
        proposals: list[Decision] = []
        for point in start + reach[:, None] * (spread - start):
            if not free:
                break
            one = sampled(opening.start.name, knobs, point, "fills up round 1, so that no slot stands idle")
            proposals += [one] if one else []
            misfit = one is not None and opening.misfit(one)
            stuck = _stuck(opening.start.name, knobs, point, opening.misfit) if misfit else frozenset()
            if stuck:
                return proposals, stuck
            free -= not misfit
        return proposals, frozenset()

    def propose(self, situation: Situation) -> list[Decision]:
        """Return the round's proposals, and before each source's those of it that will be refused."""
        size = self._size(situation.opened, situation.slots)
        count = size if situation.places is None else min(size, situation.places)
        had = _lately(situation, count)
        jobs = len(had) + count
        of_rules = sum(rule not in NO_RULES for rule in had)
        due = [
            _Due(situation.outside, math.ceil(self.outside_share * jobs), had.count(OUTSIDE)),
            _Due(self._of_rules(situation), _rounded(self.rules_share * jobs), of_rules),
        ]
        taken = _Round(situation)
        taken.fill(situation.waiting, max(count, len(situation.waiting)))
        for one in sorted(due, key=lambda one: one.had_share):
            taken.fill(one.source, min(count, taken.count + one.meant - one.had))
        taken.fill(self._of_sampler(situation, count - taken.count), count)
        taken.fill(self._of_rules(situation), count)
        return taken.proposals

    def foresee(self, opening: Opening) -> Foresight:
        """Say how a later round is divided, and what the sampler turns."""
        size = self._size(opening.planned - opening.repeats, opening.slots)
        of = max(size, SHARED)
        most, of_outside = _rounded(self.rules_share * of), math.ceil(self.outside_share * of)
        config, known = opening.start.config, (opening.bounds, opening.touched, self.span, opening.leave)
        knobs = read_space(config, self.space, *known, usual=True)
        given = any(entry is not False for entry in self.space.values())
        turns = "turns" if given else "turns, besides what rules have changed by then"
        return Foresight(
            rules=f"Of {of} jobs up to {most} may be children that these rules make of the best "
            f"{self.parents} trials so far, the first that fires first",
            rounds=f"A later round has {counted(size, 'job')}.",
            besides=[
                *(
                    [f"Of {of} jobs up to {of_outside} may be what strategy.proposer wants."]
                    if self.proposer
                    else []
                ),
                f"The others are points of the space, chosen by a sampler ({self.name}), which {turns}:",
                *(f"  {line}" for line in ranges(knobs)),
                *(() if knobs else ["  nothing yet: no number has bounds, and no variant changes one"]),
            ],
            dry="neither rules nor the sampler have anything new to propose",
        )

    def silence(self, situation: Situation) -> str:
        """Say why the sampler has nothing to propose."""
        start = _start(situation)
        if start is None or not _has_result(situation):
            return "no trial has a result that the sampler could learn from"
        if not self._knobs(situation, start.variant.config):
            return (
                "the sampler has no knob to turn: no number has bounds or was changed by a variant or rule "
                "(name some in bounds, variants or strategy.space)"
            )
        return "what the sampler proposes is refused"

    def _knobs(self, situation: Situation, config: Mapping[str, Any]) -> tuple[Knob, ...]:
        """Return what the sampler may turn."""
        known = (situation.bounds, _touched(situation), self.span, situation.leave)
        return read_space(config, self.space, *known, usual=True)

    def _size(self, opened: int, slots: int | None) -> int:
        """Return how many jobs a later round has."""
        return filled_up(self.size or max(1, self.variants_per_run * opened), slots)

    def _why(self, seen: Seen) -> str:
        """Return what a point of the sampler is good for."""
        count = int(np.isfinite(seen.losses).sum())
        evenly = self.name == "gaussian" and count < LEAST_POINTS
        return CHOICE["quasi_random" if evenly else self.name].format(trials=counted(count, "trial"))

    def _of_rules(self, situation: Situation) -> list[Decision]:
        """Return what rules say of the best trials: the first word on each, then the second words."""
        ranked = _ranked(situation)
        best, broken = ranked[: self.parents], _broken(situation)
        first, each = next(iter(best), None), []
        for trial in [*_new_starts(situation, best), *best]:
            fired = [one for one in situation.decisions if one.judged == trial.name and one.fired]
            fired = fired or list(situation.proposed(trial.name))
            fired = [*_go_on(trial, situation), *fired] if trial is first else fired
            each.append(sorted(fired, key=situation.preference, reverse=True))
        healing = [one for one in situation.decisions if one.fired and one.judged in broken]
        rows = zip_longest(*each)
        return [*healing, *(one for row in rows for one in row if one is not None)]

    def _of_sampler(self, situation: Situation, count: int) -> Iterator[Decision]:
        """Yield points of the space, as children of the baseline.

        Knobs that cannot be moved without a config that does not compose are left alone from then on.
        """
        start = _start(situation)
        if count <= 0 or start is None or not _has_result(situation):
            return
        knobs = self._knobs(situation, start.variant.config)
        while knobs:
            stuck = yield from self._points(situation, start, knobs, count)
            if not stuck:
                return
            knobs = tuple(knob for knob in knobs if knob.path not in stuck)

    def _points(
        self, situation: Situation, start: Trial, knobs: tuple[Knob, ...], count: int
    ) -> Generator[Decision, None, frozenset[str]]:
        """Yield points of a space; end where one does not compose because of some knobs, and return these."""
        config, ranked = start.variant.config, _ranked(situation)
        best = next(iter(ranked), start)
        knobs = tuple(knob.extended(knob.unit(best.variant.config), self.span) for knob in knobs)
        seen = _seen(situation, knobs, config)
        why = self._why(seen) + _kept_out(situation.failed, knobs, config)
        told = Known.of(ranked, knobs)
        running = np.array([[knob.unit(one.config) for knob in knobs] for one in situation.running])
        asked, misfits = 0, 1
        for more in (count + SPARE, MORE * (count + SPARE)):
            points = ask_where_jobs_live(self.sampler, seen, more)[asked:] if misfits else ()
            asked, misfits = more, 0
            for point in sorted(
                points, key=lambda one: _is_at(one, seen.points, APART) + _is_at(one, running, NEAR)
            ):
                proposal = sampled(start.name, knobs, point, why, told)
                if proposal is None:
                    continue
                yield proposal
                if situation.misfit(proposal):
                    misfits += 1
                    stuck = _stuck(start.name, knobs, point, situation.misfit)
                    if stuck:
                        return stuck
        return frozenset()


def _rounded(number: float) -> int:
    """Return the nearest whole number, a half upwards."""
    return math.floor(number + 0.5)


def _lately(situation: Situation, count: int) -> Sequence[str]:
    """Return the rules of the jobs that shares are counted over, beside so many new ones."""
    known = situation.planned
    return known[max(0, len(known) - max(situation.begun, SHARED - count)) :]


@dataclass(frozen=True, slots=True)
class _Due:
    """What is due to a source: its proposals, how many jobs it should have, and how many it has had."""

    source: Sequence[Decision]
    meant: int
    had: int

    @property
    def had_share(self) -> float:
        """How much of its share the source has had; the one with the least goes first."""
        return self.had / self.meant if self.meant else 1.0


def _is_at(point: Floats, known: Floats, reach: float) -> bool:
    """Whether a known point is so near to another on every knob that the other is no news and goes last."""
    return bool(len(known) and np.abs(known - point).max(axis=1).min() <= reach)


class _Round:
    """Proposals on their way to a round: counts those that the loop will take."""

    def __init__(self, situation: Situation) -> None:
        self.proposals: list[Decision] = []
        self.count = 0
        self._situation = situation
        self._known: set[object] = set()

    def fill(self, source: Iterable[Decision], until: int) -> None:
        """Take proposals from a source until the round has so many."""
        if self.count >= until:
            return
        for proposal in source:
            if self.count >= until:
                return
            outcome = self._situation.outcome(proposal)
            if outcome in self._known:
                continue
            self._known |= {outcome, (proposal.trial, proposal.edits)}
            self.proposals.append(proposal)
            self.count += not self._situation.refusal(proposal)


def _stuck(
    start: str, knobs: Sequence[Knob], point: Floats, misfit: Callable[[Decision], bool]
) -> frozenset[str]:
    """Return the paths of knobs that do not compose wherever they alone are moved to.

    Args:
        start: Name of the baseline.
        knobs: The space.
        point: A point that does not compose.
        misfit: See `Situation`.
    """
    stuck = set()
    for knob, unit in zip(knobs, point, strict=True):
        places = (sampled(start, (knob,), (place,), "tried alone") for place in (float(unit), *PROBES))
        if all(misfit(one) for one in places if one is not None):
            stuck.add(knob.path)
    return frozenset(stuck)


def _kept_out(regions: Sequence[FailedRegion], knobs: Sequence[Knob], config: Mapping[str, Any]) -> str:
    """Return where a sampler does not go because jobs failed there, as words of a reason."""
    turned = {place for knob in knobs for place, _ in matches(config, knob.path)}
    told = [one.told for one in regions if turned & {fence.path for fence in one.fences}]
    return f", leaving out {'; '.join(told)}" if told else ""


def _sampler(name: str) -> Sampler:
    if name in KINDS:
        return OptunaSampler(name)
    built_in: dict[str, Sampler] = {
        "gaussian": GaussianProcess(),
        "quasi_random": QuasiRandom(),
        "random": Random(),
    }
    return built_in[name]


def _ranked(situation: Situation) -> list[Trial]:
    """Return the completed trials with an objective, the best first; those that measure are none of them.

    Of equals the one that was planned first comes first.
    """
    sign = -1 if situation.maximize else 1
    known = [
        trial
        for trial in situation.trials.values()
        if trial.state is TrialState.COMPLETE
        and math.isfinite(trial.objective)
        and trial.variant.rule not in MEASURING
    ]
    return sorted(known, key=lambda trial: sign * trial.objective)


def _new_starts(situation: Situation, best: Sequence[Trial]) -> list[Trial]:
    """Return the starting points that just ended and are not among the best: what ails them is heard once."""
    known = {trial.name for trial in best}
    starts = (one for one in situation.finished if one.variant.parent is None and one.usable)
    return [one for one in starts if one.name not in known]


def _broken(situation: Situation) -> set[str]:
    """Return the names of the trials that a rule may heal; one that was stopped for being behind is not."""
    told = (TrialState.COMPLETE, TrialState.STOPPED)
    return {name for name, one in situation.trials.items() if one.state not in told}


def _has_result(situation: Situation) -> bool:
    """Whether a sampler can learn something: a trial has an objective, or shows where it does not work."""
    trials = situation.trials.values()
    return any(one.state is TrialState.INFEASIBLE or math.isfinite(one.objective) for one in trials)


def _touched(situation: Situation) -> list[str]:
    """Return the paths of what variants and rules have changed so far."""
    ideas = (one.variant for one in situation.trials.values() if one.variant.rule not in MEASURING)
    return [path for variant in ideas for path, _, _ in variant.changes]


def _start(situation: Situation) -> Trial | None:
    """Return the starting point that the best trial descends from."""
    ranked = _ranked(situation)
    trial = ranked[0] if ranked else next(iter(situation.trials.values()), None)
    while trial is not None and trial.variant.parent in situation.trials:
        trial = situation.trials[trial.variant.parent or ""]
    return trial


def _go_on(trial: Trial, situation: Situation) -> list[Decision]:
    """Return a rule's step that made a trial better than its parent, once more.

    A point of the sampler is no step, and what the user asked for changes too much at once.
    """
    parent = situation.trials.get(trial.variant.parent or "")
    known = {one.name for one in _ranked(situation)}
    if trial.variant.rule in NO_STEPS or parent is None or parent.name not in known:
        return []
    gain = (trial.objective - parent.objective) * (1 if situation.maximize else -1)
    edits = tuple(edit for change in trial.variant.changes if (edit := _again(*change)))
    if gain <= 0 or not edits:
        return []
    reason = f"{trial.name} is better than {parent.name}: the same step once more"
    evidence = {"objective": trial.objective, "parent_objective": parent.objective}
    return [Decision(GO_ON, trial.name, reason, evidence, edits, f"better than {trial.objective:.4g}")]


def _again(path: str, old: Any, new: Any) -> str:
    """Return the edit that takes a step between positive numbers once more; empty for other changes."""
    if not (is_number(old) and is_number(new)) or old <= 0 or new <= 0:
        return ""
    value = new * (new / old)
    if value >= 1 and is_share(path, new):
        return ""
    whole = isinstance(old, int) and isinstance(new, int)
    return f"{path}@set={format_literal(round(value) if whole else float(f'{value:.3g}'))}"


def _seen(situation: Situation, knobs: Sequence[Knob], start: Mapping[str, Any]) -> Seen:
    """Return the finished trials as points; one that crashed like no other or was interrupted tells nothing.

    A stopped trial counts with what it had reached.
    """
    sign = -1 if situation.maximize else 1
    trials = [one for one in situation.trials.values() if one.variant.rule not in MEASURING]
    failed = alike(trials)
    lost = {one.name for group in failed for one in group}
    told = (TrialState.COMPLETE, TrialState.INFEASIBLE, TrialState.STOPPED)
    trials = [one for one in trials if one.state in told or one.name in lost]
    losses = [sign * one.objective if one.usable else math.nan for one in trials]
    passed = [one for one in trials if one.usable]
    return Seen(
        _places(trials, knobs),
        np.array(losses, dtype=np.float64),
        np.array([knob.unit(start) for knob in knobs]),
        situation.seed,
        avoided(
            knobs,
            start,
            situation.failed,
            [_places(group, knobs) for group in failed] if passed else [],
            _places(passed, knobs),
        ),
    )


def _places(trials: Sequence[Trial], knobs: Sequence[Knob]) -> Floats:
    """Return trials as points: float64 (n, d)."""
    points = [[knob.unit(one.variant.config) for knob in knobs] for one in trials]
    return np.array(points, dtype=np.float64).reshape(len(trials), len(knobs))
