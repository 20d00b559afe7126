"""What became of a variant: the trial that rules and strategies look at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from autoloop.curves.summary import MetricSummary
from autoloop.edits.variants import Variant
from autoloop.history.series import History
from autoloop.study.alike import nan_is_nan


class TrialState(str, Enum):
    """How a job ended."""

    COMPLETE = "COMPLETE"  # ran to its end
    FAILED = "FAILED"  # exception, exit code, signal, or no history
    STOPPED = "STOPPED"  # ended early by a stop rule
    TIMEOUT = "TIMEOUT"  # over its time limit, or stalled
    INFEASIBLE = "INFEASIBLE"  # out of memory or a non-finite loss: neither a parent nor proposed again
    INTERRUPTED = "INTERRUPTED"  # the study or the machine ended under it: queued again


@nan_is_nan
@dataclass(frozen=True, slots=True)
class Trial:
    """One finished job: its variant, where it ran, how it ended and what its curves say.

    Attributes:
        variant: The variant that ran; ``variant.name`` is unique in the study.
        job: Number of the job in the study, from 0.
        round: Number of the round, from 1.
        run_dir: Directory of the job, relative to the study.
        state: How the job ended.
        objective: Value of the objective, NaN where it is unknown.
        summary: Metric name -> its summary, under canonical metric names.
        history: Metric name -> curve, under canonical metric names; may be empty for trials of older rounds.
        error: Why the job did not complete, in one line; empty otherwise.
        stopping: What a stop rule said where it ended the job: ``rule``, ``reason``, ``step``, ``evidence``.
        metric: Canonical name of the metric that is the study's objective; empty for a return value.
        goal: Whether that is best low (``min``) or high (``max``).
        jitters: Metric -> how far single points of its curve jump, see `autoloop.curves.jitters`.
        losses: Each of several objectives, turned so that lower is better; empty where there is one.
        excess: How far each constraint is broken, negative where it holds, NaN where that is unknown.
        feasible: Whether every constraint holds.
    """

    variant: Variant
    job: int
    round: int
    run_dir: str
    state: TrialState
    objective: float = math.nan
    summary: Mapping[str, MetricSummary] = field(default_factory=dict)
    history: History = field(default_factory=lambda: History({}))
    error: str = ""
    stopping: Mapping[str, Any] = field(default_factory=dict)
    metric: str = ""
    goal: str = "min"
    jitters: Mapping[str, float] = field(default_factory=dict)
    losses: tuple[float, ...] = ()
    excess: tuple[float, ...] = ()
    feasible: bool = True

    @property
    def stop_step(self) -> int | None:
        """The last step that counts, where a stop rule ended the job; else None."""
        return int(self.stopping["step"]) if self.stopping else None

    @property
    def name(self) -> str:
        """Name of the trial: its variant's."""
        return self.variant.name

    @property
    def usable(self) -> bool:
        """Whether children may be derived from this trial's curves."""
        return self.state in (TrialState.COMPLETE, TrialState.STOPPED)
