"""Planning rounds: from the study's record, through a strategy and the loop, to variants that compose."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from autoloop.config.compose import Composer, LazyConfig
from autoloop.config.settings import Settings
from autoloop.edits.effects import DeadKnob, dead_paths
from autoloop.edits.variants import Variant
from autoloop.errors import AutoloopError, ConfigError, EditError
from autoloop.loop.disposal import Disposal
from autoloop.loop.filling import (
    Disposer,
    Round,
    add_repeats,
    add_without,
    first_round,
    next_round,
)
from autoloop.loop.repeats import fresh_seeds, nth_seed, seed_of, seed_path
from autoloop.loop.score import Outcome, Scorecard, knobs, outcomes, root, standings
from autoloop.loop.steps import Measure, Reseed, TakeBack
from autoloop.rules.base import Decision
from autoloop.rules.paths import matches
from autoloop.runner.plan import Points
from autoloop.runner.proposer import Answer, Proposer, ask, question_of
from autoloop.runner.queue_file import waiting
from autoloop.runner.scorecard_file import load_outcomes, save_outcomes
from autoloop.store.redact import reveal
from autoloop.strategies import Foresight, Opening, Situation
from autoloop.strategies.failed import failed_regions
from autoloop.study.record import CHECK, CONFIRM, MEASURING, MINIMAL, REPEAT, WITHOUT, Job, Plan, Study
from autoloop.study.trials import Trial

log = logging.getLogger("autoloop")

RESEEDED = {
    "race": (REPEAT, "{} is among the leaders"),
    "check": (CHECK, "{} on another seed, to see whether edits that seem to do nothing do nothing"),
    "confirm": (CONFIRM, "confirms {} with a fresh seed"),
}
"""Aim -> the rule and the reason of jobs that run a config with further seeds."""


class Planner:
    """Fills the rounds of one study.

    Attributes:
        settings: The study's settings.
        study_dir: Its directory.
    """

    def __init__(
        self,
        settings: Settings,
        composer: Composer,
        study_dir: Path,
        slots: Callable[[], int | None] = lambda: None,
    ) -> None:
        """Set up for one study.

        Args:
            settings: Its settings.
            composer: Makes configs of variants.
            study_dir: Its directory.
            slots: Tells of how many slots none is to stand idle, None if that is not known.
        """
        self.settings = settings
        self.study_dir = study_dir
        self._composer = composer
        self._slots = slots
        self._variants: dict[int, Variant] = {}
        self._earlier: list[Outcome] | None = None

    def first(self, points: Points) -> Round:
        """Round 1: the starting points, the user's variants, repeats, and what the strategy adds.

        Raises:
            EditError: A named variant cannot be used.
            ConfigError: Repeats, racing, `minimal` or confirmation are asked for, and the config has no seed.
        """
        planned = first_round(points.starts, points.named, self._composer.derive, self.settings.ignored)
        repeats = self.settings.judging.repeats
        limits = self.settings.limits
        if limits.racing or limits.minimal or limits.confirm:
            seed_path(points.starts[0].config, self.settings.judging.seed_paths)  # told before anything runs
        for start in points.starts if repeats else ():
            path = seed_path(start.config, self.settings.judging.seed_paths)
            seeds = islice(fresh_seeds(seed_of(start.config, path)), repeats)
            why = f"measures the noise: {start.name} with another seed"
            add_repeats(planned, start, path, seeds, why, self._composer.derive)
        if limits.rounds > 1:
            self._fill_up(planned, points.starts[0])
        return planned

    def _fill_up(self, planned: Round, start: Variant) -> None:
        """Add what the strategy wants in round 1 beside the user's variants."""
        limit = self.settings.limits.max_jobs
        parents = {variant.name: variant for variant in planned.variants}
        dead = self.settings.ignored
        disposer = Disposer(parents, planned.seen, self._composer.derive, dead=dead, taken=planned.taken)
        opening = replace(self._opening(planned, start), misfit=disposer.misfit)
        places = None if limit is None else max(0, limit - len(planned.variants))
        more = next_round(1, self.settings.strategy.open(opening), disposer, places)
        for variant in more.variants:
            planned.add(variant)
        planned.refused += more.refused

    def foresee(self, planned: Round, start: Variant) -> Foresight:
        """What the strategy says it is going to do after this first round."""
        return self.settings.strategy.foresee(self._opening(planned, start))

    def _opening(self, planned: Round, start: Variant) -> Opening:
        asked_for = [variant for variant in planned.variants if variant.rule not in MEASURING]
        return Opening(
            start,
            planned=len(planned.variants),
            repeats=len(planned.variants) - len(asked_for),
            seed=self.settings.seed,
            slots=self._slots(),
            bounds=self.settings.bounds,
            touched=[path for variant in asked_for for path, _, _ in variant.changes],
            leave=self._leave(start.config, self.settings.ignored),
        )

    def next(self, study: Study, number: int, places: int | None = None) -> Round:
        """A later round: what the strategy proposes, as far as nothing speaks against it.

        Args:
            study: The record.
            number: Number of the round.
            places: How many jobs it may have at the most; None for any number.
        """
        value = standings(study)
        trials = {
            job.name: replace(self.trial(job), objective=value.get(job.place, job.objective))
            for job in study.counted()
            if job.state is not None
        }
        judging = self.settings.judging
        dead = [*self.settings.ignored, *_found_dead(study)]
        failed = failed_regions(list(trials.values()))
        disposer = Disposer(
            {name: trial.variant for name, trial in trials.items()},
            {job.plan.signature: job.name for job in study.jobs.values()},
            self._composer.derive,
            Disposal(study, number, judging.cooldown, judging.freeze).objection,
            dead,
            study.names,
            failed,
        )
        start = next(iter(trials.values()))
        finished = [trials[study.jobs[job].name] for job in study.recent if study.jobs[job].name in trials]
        limit = self.settings.limits.max_jobs
        left = None if limit is None else limit - study.searched
        room = min((count for count in (places, left) if count is not None), default=None)
        answer = self._ask_outside(study, number, room, start.variant, trials)
        ideas = [job for job in study.counted() if not job.measures]
        opened = {job.place for job in study.begun_with(1) if not job.measures}
        since = [job for job in ideas if job.place not in opened]
        situation = Situation(
            finished=finished,
            trials=trials,
            decisions=list(_said_of(study, finished)),
            round=number,
            seed=self.settings.seed,
            maximize=study.maximize,
            refusal=disposer.refusal,
            misfit=disposer.misfit,
            outcome=disposer.outcome,
            preference=self._preference(study),
            proposed=lambda name: list(_fired_on(study, name)),
            waiting=self._waiting(study, start.name),
            outside=answer.proposals,
            slots=self._slots(),
            bounds=self.settings.bounds,
            leave=self._leave(start.variant.config, dead),
            opened=len(opened),
            planned=[job.plan.rule for job in since],
            begun=sum(job.round == number for job in since),
            places=room,
            running=[self._variant_of(job) for job in ideas if job.state is None],
            failed=failed,
        )
        planned = next_round(number, self.settings.strategy.propose(situation), disposer, room)
        planned.refused += answer.problems
        if not planned.variants:
            planned.silence = self.settings.strategy.silence(situation)
        return planned

    def _leave(self, config: Mapping[str, Any], dead: Sequence[DeadKnob]) -> list[str]:
        """What no strategy is to turn by itself: the seed, and what the trainer does not heed."""
        seeds = [path for path in self.settings.judging.seed_paths if matches(config, path)]
        return [*seeds[:1], *dead_paths(dead, config)]

    def _ask_outside(
        self, study: Study, number: int, room: int | None, start: Variant, trials: Mapping[str, Trial]
    ) -> Answer:
        """What the strategy's outside proposer says; nothing where it has none."""
        config = self.settings.strategy.proposer
        if not config:
            return Answer()
        best = study.best()
        before = len(study.begun_with(max(1, number - 1)))
        places = before if room is None else min(before, room)
        question = question_of(study, number, places, start.config, self.settings.bounds)
        answer = ask(Proposer.read(config), question, trials, best.name if best else start.name)
        for problem in answer.problems:
            log.warning("the outside proposer: %s", problem.why)
        return answer

    def _waiting(self, study: Study, start: str) -> list[Decision]:
        """The user's variants that wait in the queue; a queue that cannot be read is told and left alone."""
        try:
            return waiting(self.study_dir, study, start)
        except AutoloopError as error:
            log.warning("the queue is left aside: %s", error)
            return []

    def measure(self, study: Study, step: Measure) -> Round:
        """What is run to measure, as a further part of the latest round."""
        seen = {job.plan.signature: job.name for job in study.jobs.values()}
        planned = Round(study.rounds[-1], seen, taken=set(study.names))
        if isinstance(step, Reseed):
            self._reseed(study, planned, step)
        else:
            self._take_back(study, planned, step)
        return planned

    def _take_back(self, study: Study, planned: Round, step: TakeBack) -> None:
        """Add a config without some of its changes, each time made anew from its starting point."""
        job = self._job(study, step.job)
        start, rule = self._variant_of(root(study, job)), MINIMAL if step.aim == "reduce" else WITHOUT
        changed = knobs(study, job)
        for paths in step.groups:
            left = {path: new for path, (_, new) in changed.items() if path not in paths}
            add_without(planned, start, job.name, left, paths, rule, self._composer.derive)

    def _reseed(self, study: Study, planned: Round, step: Reseed) -> None:
        rule, why = RESEEDED[step.aim]
        for offset in step.offsets:
            for name in step.jobs:
                variant = self._variant_of(self._job(study, name))
                try:
                    path = seed_path(variant.config, self.settings.judging.seed_paths)
                    seed = nth_seed(seed_of(variant.config, path), offset)
                    add_repeats(planned, variant, path, [seed], why.format(name), self._composer.derive, rule)
                except (ConfigError, EditError) as error:
                    planned.refuse(variant, getattr(error, "why", str(error)))

    def _job(self, study: Study, name: str) -> Job:
        job = study.by_name(name)
        assert job is not None  # a step names jobs of this very study
        return job

    def trial(self, job: Job) -> Trial:
        """A trial without its curves, from the journal; its config is composed when somebody looks at it."""
        return job.trial(self._variant_of(job))

    def _variant_of(self, job: Job) -> Variant:
        if job.place not in self._variants:
            self._variants[job.place] = self._variant(job.plan)
        return self._variants[job.place]

    def remember(self, study: Study, variants: Sequence[Variant]) -> None:
        """Keep variants that have jobs now, so that their configs need not be composed again."""
        jobs = ((study.by_name(variant.name), variant) for variant in variants)
        self._variants.update((job.place, variant) for job, variant in jobs if job is not None)

    def _variant(self, plan: Plan) -> Variant:
        overrides = tuple(reveal(override, os.environ) for override in plan.overrides)
        return plan.variant(LazyConfig(self._composer, overrides), overrides)

    def keep_score(self, study: Study) -> None:
        """Write what became of this study's proposals into the scorecard that other studies read."""
        path = self.settings.judging.scorecard
        if path is not None:
            save_outcomes(path, self._key, outcomes(study))

    def load_scorecard(self) -> None:
        """Read what became of other studies' proposals.

        Raises:
            ConfigError: The file is no scorecard.
        """
        path = self.settings.judging.scorecard
        self._earlier = [] if path is None else load_outcomes(path, but=self._key)

    @property
    def _key(self) -> str:
        return str(self.study_dir.resolve())

    def _preference(self, study: Study) -> Any:
        if self._earlier is None:
            self.load_scorecard()
        card = Scorecard([*(self._earlier or ()), *outcomes(study)])
        return lambda decision: card.win_rate(decision.rule, decision.edits)


def _fired_on(study: Study, name: str) -> Sequence[Decision]:
    job = study.by_name(name)
    return () if job is None else study.fired.get(job.place, ())


def _said_of(study: Study, finished: Sequence[Trial]) -> Iterator[Decision]:
    """What the rules said of some trials of the last two rounds, silent decisions included."""
    names = {trial.name for trial in finished}
    for number in sorted(study.decisions)[-2:]:
        for decision in study.decisions[number]:
            if decision.judged in names:
                yield decision


def _found_dead(study: Study) -> list[DeadKnob]:
    """Knobs that jobs of this study turned in vain."""
    return [
        DeadKnob(path, f"no effect in {job.name}: the trainer ignores it")
        for job in study.jobs.values()
        for path in job.details.unheeded
    ]
