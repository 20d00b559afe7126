"""Taking the steps that start no job: a round is planned, rules are asked, a job gets another try."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hydra.types import HydraContext
from omegaconf import DictConfig

from autoloop.config.settings import Settings
from autoloop.edits.variants import Variant
from autoloop.errors import counted
from autoloop.loop.controls import limits_of
from autoloop.loop.due import at_end
from autoloop.loop.filling import Round
from autoloop.loop.steps import (
    Close,
    Decide,
    Measure,
    PlanRound,
    Requeue,
    Step,
    Stop,
)
from autoloop.rules.base import Decision
from autoloop.runner.planning import Planner
from autoloop.runner.short_plan import cut
from autoloop.store.journal import Journal
from autoloop.store.redact import logger
from autoloop.study.events import JobRequeued, Planned, RoundPlanned, RulesAsked, SearchClosed
from autoloop.study.record import PROBE, Job, Plan, Study
from autoloop.study.schedule import job_numbers
from autoloop.study.settled import Lazy
from autoloop.study.trials import Trial

log: logging.Logger = logger("autoloop")

#: Columns that the log gives a job that is planned, its name aside.
LONGEST = 120

#: What further jobs of a round are for, in words.
AIMS = {
    "race": "which of the best jobs is really the best: another seed",
    "anew": "the best went on from a checkpoint: its settings from the beginning",
    "ablate": "which edits of the winner have an effect: the winner without each of them",
    "reduce": "the winner without the edits that seem to have no effect",
    "check": "do they really have no effect: the winner with and without them on further seeds",
    "confirm": "is the winner really better: fresh seeds",
    "climb": "the best are trained for longer",
}


@dataclass(frozen=True, slots=True)
class Stepper:
    """Takes steps of one study, each written into the journal before it takes effect.

    Attributes:
        journal: The open journal.
        settings: What the study does.
        planner: Fills its rounds.
        first: Round 1.
        context: Has the callbacks that are asked after a round.
        config: The app's config, for the callbacks.
        settle: Finds out what the study is judged by, as far as that is open; called before a decision.
        keep_up: Draws the study; called after a decision.
    """

    journal: Journal
    settings: Settings
    planner: Planner
    first: Round
    context: HydraContext
    config: DictConfig
    settle: Callable[[], None]
    keep_up: Callable[[Study], None]

    def take(self, step: Step) -> Stop | None:
        """Take a step that starts no job; return why the study ends if there is nothing to propose."""
        journal = self.journal
        if isinstance(step, Requeue):
            journal.append(JobRequeued(job=journal.study.next_job, of=step.job.job, name=step.job.name))
        elif isinstance(step, Decide):
            self.settle()
            self._decide(step.round)
        elif isinstance(step, Close):
            limits = limits_of(journal.study, self.settings.limits).recorded()
            journal.append(SearchClosed(reason=step.reason, worthy=step.worthy, limits=limits))
            log.info("the search is over: %s", step.reason)
        elif isinstance(step, Measure):
            self._measure(step)
        elif isinstance(step, PlanRound):
            return self._plan_round(step)
        return None

    def _plan_round(self, step: PlanRound) -> Stop | None:
        """Plan a round; anew where a user had a job planned, or taken out of the plan, meanwhile."""
        journal = self.journal
        while True:
            known = journal.snapshot()
            planned = self._planned(step, known)
            with journal.lock:
                if journal.study.jobs.keys() == known.jobs.keys():
                    return self._plan(planned, step.aim)

    def _planned(self, step: PlanRound, known: Study) -> Round:
        if step.round == 1 and not known.jobs:
            return self.first
        if step.aim == PROBE:
            return self.planner.after_probe(known, step.places or 0)
        return self.planner.next(known, step.round, step.places)

    def _plan(self, planned: Round, aim: str) -> Stop | None:
        if not planned.variants and aim != PROBE:
            return self._nothing_new(planned)
        self._append_round(planned, aim)
        study = self.journal.study
        self.planner.remember(study, planned.variants)
        more = " more" if len(study.of_round(planned.number)) > len(planned.variants) else ""
        log.info("round %d: %s%s", planned.number, counted(len(planned.variants), "job"), more)
        longest = max((len(variant.name) for variant in planned.variants), default=0)
        for variant in planned.variants:
            log.info("  %-*s  %s", longest, variant.name, _describe(variant, self.settings.detail))
        return None

    def _nothing_new(self, planned: Round) -> Stop | None:
        """End the search where nothing is proposed; while jobs run, they may still bring ideas."""
        study = self.journal.study
        refused = "; ".join(f"{r.rule} on {r.trial}: {r.why}" for r in planned.refused[:5])
        stop = Stop(
            f"no rule has anything new to propose after round {planned.number - 1}"
            + (f", and {planned.silence}" if planned.silence else "")
            + (f" ({refused})" if refused else "")
        )
        if study.running():
            return stop
        end = at_end(study, limits_of(study, self.settings.limits), stop)
        return self.take(end) if isinstance(end, Close) else end

    def _measure(self, step: Measure) -> None:
        planned = self.planner.measure(self.journal.study, step)
        self._append_round(planned, step.aim)
        if planned.variants:
            log.info("%s: %s", AIMS[step.aim], counted(len(planned.variants), "job"))

    def append(self, planned: Round) -> None:
        """Write down a further part of a round that a user asked for."""
        self._append_round(planned)
        self.planner.remember(self.journal.study, planned.variants)

    def _append_round(self, planned: Round, aim: str = "") -> None:
        """Write down what is planned, each with the number of its job."""
        jobs = job_numbers(self.journal.study, planned.variants)
        self.journal.append(
            RoundPlanned(
                round=planned.number,
                variants=tuple(Planned(jobs[one.name], Plan.of(one)) for one in planned.variants),
                refused=tuple(planned.refused),
                aim=aim,
            )
        )

    def _decide(self, number: int) -> None:
        """Ask the callbacks about the jobs that ended, and write down what they said."""
        study = self.journal.study
        numbers = {job.name: job.job for job in study.counted() if job.state is not None}
        known = Lazy(numbers, lambda name: self.planner.beside(study, study.jobs[numbers[name]]))
        judged = study.unjudged()
        decisions = self._asked(number, judged, known)
        self.journal.append(
            RulesAsked(round=number, decisions=tuple(decisions), judged=tuple(job.job for job in judged))
        )
        self.keep_up(study)

    def _asked(self, number: int, judged: Sequence[Job], known: Mapping[str, Trial]) -> list[Decision]:
        """What the app's callbacks that have ``on_round_end`` say, ours among them."""
        decisions: list[Decision] = []
        settings = self.settings.aimed(self.journal.study.aim)
        for callback in self.context.callbacks.callbacks:
            ask: Callable[..., list[Decision] | None] | None = getattr(callback, "on_round_end", None)
            if ask is None:
                continue
            answer = ask(
                config=self.config,
                study_dir=self.planner.study_dir,
                round=number,
                trials=[known[job.name] for job in judged],
                known=known,
                rules=settings.rules,
                metrics=settings.metrics,
            )
            decisions.extend(answer or ())
        return decisions


def _describe(variant: Variant, detail: str) -> str:
    """Where a variant comes from and what it changes, in one line; ``detail`` says whether it may be cut."""
    origin = f"from {variant.parent} by {variant.rule}: " if variant.parent else ""
    edits = f": {' '.join(variant.edits)}" if variant.edits else ""
    line = f"{origin}{variant.reason}{edits}"
    if detail == "full" or len(line) <= LONGEST:
        return line
    return f"{cut(line, LONGEST)} (in full: autoloop why)"
