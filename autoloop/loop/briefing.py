"""What a strategy gets to see: round 1 as it stands, later all that is known. Values in, values out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autoloop.edits.effects import IgnoredKnob, ignored_paths
from autoloop.edits.variants import Variant
from autoloop.history.series import Series
from autoloop.loop.disposal import Disposal
from autoloop.loop.filling import Derive, Disposer, Obstacles, Round
from autoloop.loop.score import (
    ProposalOutcome,
    Scorecard,
    ignored_knobs,
    latest_outcomes,
    standing_losses,
    standings,
)
from autoloop.loop.steps import Limits
from autoloop.loop.telling import telling
from autoloop.rules.base import Decision
from autoloop.rules.paths import matches
from autoloop.strategies import Opening, Situation, Strategy
from autoloop.strategies.base import Bounds
from autoloop.strategies.early import EarlyResults, early_results
from autoloop.strategies.failed import FAILURES, FailedRegion
from autoloop.strategies.pace import Pacing
from autoloop.strategies.remembered import EarlierTrial
from autoloop.study.record import MEASURING, PROBE, Job, Study
from autoloop.study.settled import Lazy
from autoloop.study.trials import Trial

MOST_CURVES = 100
"""Of so many jobs, the latest, curves are looked at for what they had where some were ended early."""

VariantOf = Callable[[Job], Variant]
"""A job of the study -> the variant that it ran."""


CurveOf = Callable[[Job], Series | None]
"""A job that ended -> its curve of the objective; None where there is none."""


def no_curve(job: Job) -> Series | None:
    """Know of no curve."""
    return None


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every round of a study.

    Attributes:
        strategy: Who fills the rounds.
        derive: Makes children; see `Derive`.
        limits: When the study ends, and what it measures.
        seed: Its seed, for strategies that draw.
        bounds: Path pattern -> (low, high) for every value an edit may set.
        ignored: Knobs that the trainer is known to ignore.
        seed_paths: Where the seed of a training may stand in a config.
        repeats: Times that each starting point is run again in round 1.
        cooldown: See `Disposal`.
        freeze: See `Disposal`.
        pacing: Settings of the probes of the learning rate.
        earlier: Trials of earlier studies of this app.
        closed: Where jobs of these studies failed.
    """

    strategy: Strategy
    derive: Derive
    limits: Limits
    seed: int
    bounds: Bounds
    ignored: Sequence[IgnoredKnob]
    seed_paths: Sequence[str]
    repeats: int
    cooldown: int
    freeze: bool
    pacing: Pacing = field(default_factory=Pacing)
    earlier: Sequence[EarlierTrial] = ()
    closed: Sequence[FailedRegion] = ()

    @property
    def obstacles(self) -> Obstacles:
        """What stands against proposals before anything has run."""
        return Obstacles(ignored=self.ignored, regions=self.closed)

    @property
    def searched(self) -> list[str]:
        """Paths that the user wants searched."""
        space = getattr(self.strategy, "space", None)
        return (
            [path for path, entry in space.items() if entry is not False]
            if isinstance(space, Mapping)
            else []
        )

    def leave(self, config: Mapping[str, Any], ignored: Sequence[IgnoredKnob]) -> list[str]:
        """What no strategy may change by itself: the seed, and what the trainer ignores."""
        seeds = [path for path in self.seed_paths if matches(config, path)]
        return [*seeds[:1], *ignored_paths(ignored, config)]


@dataclass(frozen=True, slots=True)
class Known:
    """What the record tells when a later round is to be filled.

    Attributes:
        study: The record.
        number: Number of the round.
        room: How many jobs it may have at the most; None for any number.
        trials: Every finished trial by name, as they were planned, with the objective that it stands at.
        running: Variants of jobs that have not ended, as they were planned, measurements aside.
        ineffective: Knobs that jobs changed without effect.
        shown: Those of them that a strategy looks through (`autoloop.loop.telling`).
        early: See `Situation`.
    """

    study: Study
    number: int
    room: int | None
    trials: Mapping[str, Trial]
    running: Sequence[Variant]
    ineffective: Sequence[IgnoredKnob]
    shown: Sequence[Trial] = ()
    early: EarlyResults = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        study: Study,
        number: int,
        room: int | None,
        variant_of: VariantOf,
        curve_of: CurveOf = no_curve,
    ) -> Known:
        """Look into the record.

        Args:
            study: The record.
            number: Number of the round.
            room: How many jobs it may have at the most; None for any number.
            variant_of: The variant that a job ran.
            curve_of: The objective's curve of a job that ended.
        """
        value, several = standings(study), standing_losses(study) if study.aims.several else {}

        def trial(name: str) -> Trial:
            job = study.jobs[numbers[name]]
            trial = job.trial(variant_of(job))
            trial = replace(trial, losses=several.get(job.place, job.losses))
            return replace(trial, objective=value.get(job.place, job.objective))

        counted = study.counted()
        ended = [job for job in counted if job.state is not None]
        numbers = {job.name: job.job for job in ended}
        trials = Lazy(numbers, trial)
        shown = [trials[job.name] for job in telling(ended, value, several, study.maximize)]
        running = [variant_of(job) for job in counted if not job.measures and job.state is None]
        early = _early(counted, curve_of)
        return cls(study, number, room, trials, running, ignored_knobs(study), shown, early)

    @property
    def has_failures(self) -> bool:
        """Whether a job ended in a way that may say something against its settings."""
        return any(job.state in FAILURES for job in self.study.jobs.values())

    @property
    def start(self) -> Trial:
        """The baseline."""
        return next(iter(self.trials.values()))


@dataclass(frozen=True, slots=True)
class Besides:
    """What a strategy gets to see that is in no record.

    Attributes:
        waiting: Variants of the user's that wait in the queue, as proposals.
        outside: What the outside proposer wants.
        earlier: What became of other studies' proposals.
        slots: Of so many slots none is to stand idle; None if that is not known.
    """

    waiting: Sequence[Decision] = ()
    outside: Sequence[Decision] = ()
    earlier: Sequence[ProposalOutcome] = ()
    slots: int | None = None


def _early(counted: Sequence[Job], curve_of: CurveOf) -> EarlyResults:
    """What jobs had where some were ended early; curves are only asked for where there are some."""
    jobs = [job for job in counted if not job.measures and math.isfinite(job.objective)]
    ended = {job.name: job.stop_step for job in jobs if job.stop_step is not None}
    if not ended:
        return {}
    latest = [job for job in jobs if job.known or job.name in ended][-MOST_CURVES:]
    curves = {job.name: curve for job in latest if (curve := curve_of(job)) is not None}
    return early_results(ended, curves)


def room_of(study: Study, limits: Limits, places: int | None) -> int | None:
    """How many jobs a round may have: its places, as far as the budget goes; None for any number.

    Further seeds of each of them are in the budget too.
    """
    whole = None if limits.max_jobs is None else math.floor(limits.max_jobs - study.searched)
    left = None if whole is None else -(-whole // limits.seeds)
    return min((count for count in (places, left) if count is not None), default=None)


def opening_of(terms: Terms, planned: Round, start: Variant, slots: int | None) -> Opening:
    """What a strategy gets to see when round 1 is to be filled up.

    Args:
        terms: What holds for the study.
        planned: The round so far.
        start: The baseline.
        slots: See `Besides`.
    """
    asked_for = [variant for variant in planned.variants if variant.rule not in MEASURING]
    return Opening(
        start,
        planned=len(planned.variants),
        repeats=len(planned.variants) - len(asked_for),
        probes=sum(variant.rule == PROBE for variant in asked_for),
        seed=terms.seed,
        slots=slots,
        bounds=terms.bounds,
        touched=[path for one in asked_for if one.rule != PROBE for path, _, _ in one.changes],
        leave=terms.leave(start.config, terms.ignored),
        pace=terms.pacing.of(start.config) if terms.limits.rounds > 1 else "rounds=1 runs nothing more",
    )


def disposer_of(terms: Terms, known: Known, failed: Sequence[FailedRegion]) -> Disposer:
    """Who says what becomes of proposals for a later round.

    Args:
        terms: What holds for the study.
        known: What the record tells.
        failed: Where jobs failed again and again.
    """
    study = known.study
    return Disposer(
        Lazy(known.trials, lambda name: known.trials[name].variant),
        {job.signature: job.name for job in study.jobs.values()},
        terms.derive,
        Obstacles(
            Disposal(study, known.number, terms.cooldown, terms.freeze, searched=terms.searched).objection,
            [*terms.ignored, *known.ineffective],
            failed,
            study.controls.refused,
        ),
        study.names,
    )


def situation_of(
    terms: Terms, known: Known, besides: Besides, disposer: Disposer, failed: Sequence[FailedRegion]
) -> Situation:
    """What a strategy gets to see when a later round is to be filled.

    Args:
        terms: What holds for the study.
        known: What the record tells.
        besides: What no record has.
        disposer: Says what would become of proposals.
        failed: Where jobs failed again and again.
    """
    study, trials = known.study, known.trials
    finished = [trials[study.jobs[job].name] for job in study.recent if study.jobs[job].name in trials]
    begun = {job.place for job in study.begun_with(1) if not job.measures}
    opened = {place for place in begun if (job := study.at(place)) and not job.probes}
    since = [job for job in study.counted() if not job.measures and job.place not in begun]
    card = Scorecard([*besides.earlier, *latest_outcomes(study)])
    return Situation(
        finished=finished,
        trials=trials,
        decisions=list(_decisions_on(study, finished)),
        round=known.number,
        seed=terms.seed,
        maximize=study.maximize,
        refusal=disposer.refusal,
        misfit=disposer.misfit,
        outcome=disposer.outcome,
        preference=lambda decision: card.win_rate(decision.rule, decision.edits),
        proposed=lambda name: list(_fired_on(study, name)),
        waiting=besides.waiting,
        outside=besides.outside,
        slots=besides.slots,
        bounds=terms.bounds,
        leave=terms.leave(known.start.variant.config, [*terms.ignored, *known.ineffective]),
        opened=len(opened),
        planned=[job.rule for job in since],
        begun=sum(job.round == known.number for job in since),
        places=known.room,
        running=known.running,
        failed=failed,
        early=known.early,
        earlier=terms.earlier,
        telling=known.shown if len(known.shown) < len(trials) else None,
    )


def _fired_on(study: Study, name: str) -> Sequence[Decision]:
    job = study.by_name(name)
    return () if job is None else study.fired_on(job.place)


def _decisions_on(study: Study, finished: Sequence[Trial]) -> Iterator[Decision]:
    """The decisions on some trials of the last two rounds, silent ones included."""
    names = {trial.name for trial in finished}
    for number in sorted(study.decisions)[-2:]:
        for decision in study.decisions[number]:
            if decision.judged in names:
                yield decision
