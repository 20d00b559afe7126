"""One job of a study, as far as the journal records it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from autoloop.curves.jitters import result_jitter
from autoloop.curves.objective import Objective
from autoloop.edits import path_of
from autoloop.edits.variants import Variant
from autoloop.study.alike import nan_is_nan
from autoloop.study.events import Details, StopAsked
from autoloop.study.plans import AFTERWARDS, CHECK, CONFIRM, MEASURING, PROBE, REPEAT, Plan
from autoloop.study.trials import Trial, TrialState

_STOP_FIELDS = ("rule", "reason", "step", "evidence")  # of a stop rule, as other rules see it


@nan_is_nan
@dataclass(frozen=True, slots=True)
class Job:
    """One job of a study: planned, running (``run_dir`` set), or ended (``state`` set).

    Attributes:
        job: Number in the study, from 0.
        round: Number of the round, from 1.
        plan: The variant it runs.
        place: Sorts jobs as their variants were planned, and tells variants apart: a later try has the place
            of the first, and nothing else has.
        origin: Place of the job it was derived from; None for a starting point.
        retry_of: Number of the job it repeats, None for the first try.
        retried_by: Number of the job that repeats it, None if there is none.
        started: Whether it was started.
        run_dir: Directory of the job, relative to the study; empty before it starts.
        slot: Index of its slot, None where the launcher has no slots.
        gpus: GPU ids of its slot.
        handle: What finds it again in an engine that outlives the main process; empty where there is none.
        state: How it ended; None while it has not.
        objective: Value of the objective, of several the first; NaN if one is unknown and for what is
            INFEASIBLE.
        losses: Each of several objectives, turned so that lower is better.
        excess: How far each constraint is broken (`autoloop.curves.aims.Constraint`).
        feasible: Whether every constraint holds.
        summary: Metric -> ``{first, last, best, best_step, delta, pct, count}``.
        steps: Last step of its history, 0 if there is none.
        error: Why it did not complete, in one line.
        started_at: Seconds since the epoch, NaN if unknown.
        ended_at: The same.
        planned_as: How many events the journal held when it was planned; a retry inherits it.
        ended_as: The same of when it ended; 0 while it has not.
        restarts: How often its engine started it again.
        stop: What a stop rule said that wants it ended; None where none does.
        details: What else is known of its end.
        goes_on: Whether it is the probe that was found the best and trains to its end.
    """

    job: int
    round: int
    plan: Plan
    place: int = 0
    origin: int | None = None
    retry_of: int | None = None
    retried_by: int | None = None
    started: bool = False
    run_dir: str = ""
    slot: int | None = None
    gpus: tuple[str, ...] = ()
    handle: Mapping[str, str] = field(default_factory=dict)
    state: TrialState | None = None
    objective: float = math.nan
    losses: tuple[float, ...] = ()
    excess: tuple[float, ...] = ()
    feasible: bool = True
    summary: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    steps: int = 0
    error: str = ""
    started_at: float = math.nan
    ended_at: float = math.nan
    planned_as: int = 0
    ended_as: int = 0
    restarts: int = 0
    stop: StopAsked | None = None
    details: Details = field(default_factory=Details)
    goes_on: bool = False

    @property
    def name(self) -> str:
        """Name of the job: its variant's."""
        return self.plan.name

    @property
    def rule(self) -> str:
        """Rule of its variant; empty for one that the user gave."""
        return self.plan.rule

    @property
    def signature(self) -> str:
        """Signature of its variant."""
        return self.plan.signature

    @property
    def knobs(self) -> tuple[str, ...]:
        """Paths of its edits, as written, each once."""
        return knobs_of(self.plan)

    def jitter(self, aim: Objective) -> float:
        """How far its result jumps, as far as its curve tells; see `autoloop.curves.jitters`."""
        return result_jitter(self.details.jitters, aim)

    def whole(self) -> Job:
        """The job with all that is known of it at hand; see `autoloop.study.settled`."""
        return self

    def trial(self, variant: Variant) -> Trial:
        """The job, which has ended, as a trial of this variant, without its curves."""
        assert self.state is not None
        return Trial(
            variant,
            self.job,
            self.round,
            self.run_dir,
            self.state,
            self.objective,
            error=self.error,
            stopping={name: getattr(self.stopping, name) for name in _STOP_FIELDS} if self.stopping else {},
            jitters=self.details.jitters,
            losses=self.losses,
            excess=self.excess,
            feasible=self.feasible,
        )

    @property
    def begins_at(self) -> int:
        """The step of the checkpoint that it goes on from; 0 where it starts from the beginning."""
        step = self.plan.evidence.get("from_step", 0)
        return step if isinstance(step, int) and step > 0 else 0

    @property
    def begins_of(self) -> str:
        """Name of the job whose checkpoint a warm start goes on from; empty where it is none."""
        name = self.plan.evidence.get("from_job") if self.begins_at else None
        return name if isinstance(name, str) else ""

    @property
    def generation(self) -> int:
        """Number of the generation of a population that it belongs to, from 1; 1 where there is none."""
        number = self.plan.evidence.get("generation", 1)
        return number if isinstance(number, int) and number > 1 else 1

    @property
    def is_repeat(self) -> bool:
        """Whether it runs its parent's config once more, with another seed."""
        return self.rule in (REPEAT, CHECK, CONFIRM)

    @property
    def measures(self) -> bool:
        """Whether it is run to measure, and is no idea of its own."""
        return self.rule in MEASURING

    @property
    def stopping(self) -> StopAsked | None:
        """What a stop rule said where it ended the job; else None."""
        return self.stop if self.state in (TrialState.STOPPED, TrialState.INFEASIBLE) else None

    @property
    def stop_step(self) -> int | None:
        """The step up to which its curves count, where a stop rule ended it; else None."""
        return self.stopping.step if self.stopping else None

    @property
    def probes(self) -> bool:
        """Whether it is a short job that probes the learning rate."""
        return self.rule == PROBE

    @property
    def cost(self) -> float:
        """What it takes of a budget of whole trainings: 1; of a probe the share of the steps it trains."""
        of = self.plan.evidence.get("of") if self.probes else None
        if not of or self.goes_on or self.state is TrialState.COMPLETE:
            return 1.0
        steps = self.plan.evidence.get("until", of) if self.state is None else self.steps
        return min(1.0, float(steps) / float(of))

    @property
    def searches(self) -> bool:
        """Whether it belongs to the search, not to what measures the search's result."""
        return self.rule not in AFTERWARDS

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended, as far as the journal knows."""
        return self.started and self.state is None

    @property
    def known(self) -> bool:
        """Whether it came to its end with a result that can be compared."""
        return self.state is TrialState.COMPLETE and math.isfinite(self.objective)


def knobs_of(plan: Plan) -> tuple[str, ...]:
    """Paths of a variant's edits, as written, each once.

    Raises:
        EditError: An edit cannot be read.
    """
    return tuple(dict.fromkeys(path_of(edit) for edit in plan.edits))
