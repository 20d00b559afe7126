"""Planning rounds: the edge around `autoloop.loop.rounds`, where configs are composed and files are read."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from autoloop.config.compose import Composer
from autoloop.config.lazy import LazyConfig
from autoloop.config.settings import Settings
from autoloop.edits.variants import Variant
from autoloop.errors import AutoloopError
from autoloop.history.series import Series
from autoloop.loop.briefing import Besides, Known, Terms, opening_of, room_of
from autoloop.loop.controls import bounds_of, ignored_of, limits_of
from autoloop.loop.filling import Round
from autoloop.loop.rounds import after_probe, later_round, measuring_round, opening_round, requested_round
from autoloop.loop.score import ProposalOutcome, outcomes
from autoloop.loop.steps import Lengthen, Measure
from autoloop.rules.base import Decision
from autoloop.runner.longer import continued, without_continuing
from autoloop.runner.memory import NOTHING, Memory
from autoloop.runner.plan import Points
from autoloop.runner.progress import counting
from autoloop.runner.proposer import Answer, Proposer, ask, question_of
from autoloop.runner.queue_file import Queue, read_queue
from autoloop.runner.scorecard_file import load_outcomes, save_outcomes
from autoloop.runner.warm import WarmStart
from autoloop.store.reading import read_curves
from autoloop.store.redact import reveal
from autoloop.strategies import Foresight
from autoloop.strategies.base import ASKED_FOR
from autoloop.study.decisions import Refusal
from autoloop.study.events import UserControl
from autoloop.study.record import Job, Plan, Study
from autoloop.study.settled import OPEN
from autoloop.study.trials import Trial

log = logging.getLogger("autoloop")


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
        memory: Memory = NOTHING,
        stops: bool = False,
    ) -> None:
        """Set up for one study.

        Args:
            settings: Its settings.
            composer: Makes configs of variants.
            study_dir: Its directory.
            slots: Returns how many slots are to be kept busy, None if that is not known.
            memory: What earlier studies tell.
            stops: Whether the launcher can end single jobs.
        """
        self.settings = settings
        self.study_dir = study_dir
        self._composer = composer
        self._slots = slots
        self._memory = memory
        self._terms = replace(
            terms_of(settings, composer, stops),
            ignored=[*settings.ignored, *memory.ignored],
            earlier=memory.trials,
            closed=memory.closed,
        )
        self._variants: dict[int, Variant] = {}
        self._curves: dict[int, Series | None] = {}
        self._earlier: list[ProposalOutcome] | None = None

    def first(self, points: Points) -> Round:
        """Round 1, see `autoloop.loop.rounds.opening_round`.

        Raises:
            EditError: A named variant cannot be used.
            ConfigError: Repeats, racing, `minimal` or confirmation are asked for, and the config has no seed.
        """
        variants = len(points.starts) * len(points.named)
        terms = replace(self._terms, derive=counting(self._terms.derive, "planned", variants))
        return opening_round(terms, points.starts, points.named, self._slots)

    def foresee(self, planned: Round, start: Variant) -> Foresight:
        """What the strategy says it is going to do after this first round."""
        return self.settings.strategy.foresee(opening_of(self._terms, planned, start, self._slots()))

    def next(self, study: Study, number: int, places: int | None = None) -> Round:
        """A later round: what the strategy proposes, as far as nothing speaks against it.

        Args:
            study: The record.
            number: Number of the round.
            places: How many jobs it may have at the most; None for any number.
        """
        terms = self._going_on(self._terms_now(study), study)
        room = room_of(study, terms.limits, places)
        known = Known.of(study, number, room, self._variant_of, self.curve_of)
        answer = self._ask_outside(known)
        earlier = self._known_outcomes()
        queue = self._queue(study, known.start.name)
        besides = Besides(queue.waiting, answer.proposals, earlier, self._slots())
        planned = later_round(terms, known, besides)
        planned.refused += [*answer.problems, *self._new_refusals(study, queue.changed)]
        return planned

    def after_probe(self, study: Study, places: int) -> Round:
        """What round 1 goes on with once its probes have been judged.

        Args:
            study: The record.
            places: How many jobs it gets.
        """
        return after_probe(self._terms_now(study), study, places, self._slots(), self._variant_of)

    def measure(self, study: Study, step: Measure) -> Round:
        """What is run to measure, as a further part of the latest round."""
        terms = self._terms_now(study)
        if not isinstance(step, Lengthen):
            return measuring_round(terms, study, step, self._anew_of)
        jobs = [job for name in step.jobs if (job := study.by_name(name))]
        continues = self.settings.climbing.continues
        found = {job.name: continued(self._variant_of(job), job, continues, self.study_dir) for job in jobs}
        from_step = {job.name: job.steps for job in jobs if found[job.name]}
        return measuring_round(
            terms, study, step, lambda job: found[job.name] or self._variant_of(job), from_step
        )

    def plan_request(self, study: Study, control: UserControl) -> Round:
        """A variant that a user wants now, as a further part of the latest round.

        Raises:
            ConfigError: Each job runs on several seeds, and the config has no seed.
        """
        terms = self._going_on(self._terms_now(study), study)
        parent = control.of or next((job.name for job in study.counted() if job.origin is None), "")
        reason = control.reason or f"asked for by {control.by}"
        evidence = {"name": control.name} if control.name else {}
        wanted = Decision(ASKED_FOR, parent, reason, evidence, control.edits)
        return requested_round(terms, study, wanted, self._variant_of, control.name)

    def baseline(self, study: Study) -> Mapping[str, Any]:
        """The config of the first starting point."""
        return self._variant_of(next(iter(study.counted()))).config

    def _terms_now(self, study: Study) -> Terms:
        """What holds for a round that is planned now: users may have changed it since the study began."""
        bounds = bounds_of(study, self.settings.bounds)
        self._composer.bounds = dict(bounds)
        return replace(
            self._terms,
            limits=limits_of(study, self.settings.limits),
            bounds=bounds,
            ignored=[*ignored_of(study, self.settings.ignored), *self._memory.ignored],
        )

    def _going_on(self, terms: Terms, study: Study) -> Terms:
        """Let children go on from a checkpoint, where that is wanted."""
        wish = self.settings.climbing
        if not wish.warm_start or wish.continues is None:
            return terms
        warm = WarmStart(wish.continues, study, self.study_dir, self._composer, terms.derive)
        return replace(terms, derive=warm.derive)

    def _ask_outside(self, known: Known) -> Answer:
        """What the strategy's outside proposer says; nothing where it has none."""
        config = self.settings.strategy.proposer
        if not config:
            return Answer()
        study, start = known.study, known.start
        best = study.best()
        before = len(study.begun_with(max(1, known.number - 1)))
        places = before if known.room is None else min(before, known.room)
        bounds = bounds_of(study, self.settings.bounds)
        question = question_of(study, known.number, places, start.variant.config, bounds)
        answer = ask(Proposer.read(config), question, known.trials, best.name if best else start.name)
        for problem in answer.problems:
            log.warning("the outside proposer: %s", problem.why)
        return answer

    def _queue(self, study: Study, start: str) -> Queue:
        """What the user's queue asks for; one that cannot be read is reported and left alone."""
        try:
            return read_queue(self.study_dir, study, start)
        except AutoloopError as error:
            log.warning("the queue is ignored: %s", error)
            return Queue([], [])

    def _new_refusals(self, study: Study, refused: Sequence[Refusal]) -> list[Refusal]:
        """Refusals that no earlier round has, each logged."""
        known = {(one.rule, one.why, one.edits) for group in study.refused.values() for one in group}
        fresh = [one for one in refused if (one.rule, one.why, one.edits) not in known]
        for one in fresh:
            log.warning("%s", one.why)
        return fresh

    def trial(self, job: Job) -> Trial:
        """A trial without its curves, from the journal; its config is composed when somebody looks at it."""
        return job.trial(self._variant_of(job))

    def curve_of(self, job: Job) -> Series | None:
        """The objective's curve of a job that ended, from its directory; read once."""
        if job.place not in self._curves:
            metrics = self.settings.metrics
            curves = read_curves(self.study_dir / job.run_dir, metrics)
            self._curves[job.place] = curves.get(metrics.objective)
        return self._curves[job.place]

    def _variant_of(self, job: Job) -> Variant:
        found = self._variants.pop(job.place, None) or self._variant(job.plan)
        self._keep({job.place: found})
        return found

    def _anew_of(self, job: Job) -> Variant:
        """The variant of a job, trained from the beginning whatever the job itself went on from."""
        variant = self._variant_of(job)
        bare = without_continuing(variant, job, self.settings.climbing.continues)
        if bare is variant:
            return variant
        config, signed = LazyConfig(self._composer, bare.overrides), self._composer.signature(bare.overrides)
        return replace(bare, config=config, signature=signed)

    def _keep(self, variants: Mapping[int, Variant]) -> None:
        """Keep variants at hand, of a long study the thousands that were looked at last."""
        self._variants.update(variants)
        while len(self._variants) > OPEN:
            self._variants.pop(next(iter(self._variants)), None)

    def remember(self, study: Study, variants: Sequence[Variant]) -> None:
        """Keep variants that have jobs now, without their configs: the composer has the latest."""
        jobs = ((study.by_name(variant.name), variant) for variant in variants)
        self._keep({job.place: self._light(variant) for job, variant in jobs if job is not None})

    def _light(self, variant: Variant) -> Variant:
        return replace(variant, config=LazyConfig(self._composer, variant.overrides))

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
        self._earlier = [] if path is None else load_outcomes(path, but=(self._key, *self._memory.keys))

    def _known_outcomes(self) -> list[ProposalOutcome]:
        """What became of other studies' proposals, read once."""
        if self._earlier is None:
            self.load_scorecard()
        return [*(self._earlier or []), *self._memory.outcomes]

    @property
    def _key(self) -> str:
        return str(self.study_dir.resolve())


def terms_of(settings: Settings, composer: Composer, stops: bool) -> Terms:
    """What of the settings holds for every round, and who makes children.

    Args:
        settings: The study's settings.
        composer: Makes configs of variants.
        stops: Whether the launcher can end single jobs.
    """
    judging = settings.judging
    return Terms(
        strategy=settings.strategy,
        derive=lambda parent, edits: composer.derive(parent, [reveal(edit, os.environ) for edit in edits]),
        limits=settings.limits,
        seed=settings.seed,
        bounds=settings.bounds,
        ignored=settings.ignored,
        seed_paths=judging.seed_paths,
        repeats=judging.repeats,
        cooldown=judging.cooldown,
        freeze=judging.freeze,
        pacing=settings.pacing(stops),
    )
