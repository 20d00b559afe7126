"""Judging the probes that open a study: short jobs beside the baseline, with other learning rates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from autoloop.history.series import Series
from autoloop.stopping.base import StopDecision

NAME = "probe"
"""Who ends a probe, as the journal calls it."""


@dataclass(frozen=True, slots=True)
class Runner:
    """A job that takes part: the baseline, or a probe.

    Attributes:
        curve: Its curve of the objective so far; None where there is none yet.
        ended: Whether the job has ended.
        completed: Whether it came to its own end.
    """

    curve: Series | None = None
    ended: bool = False
    completed: bool = False

    def at(self, until: int) -> tuple[int, float] | None:
        """Its first evaluation at or after a step; None while that is to come.

        A job that ended before counts with its last value where it completed, else as one that has none.
        """
        curve = self.curve
        if curve is not None and len(curve) and curve.steps[-1] >= until:
            place = int((curve.steps >= until).argmax())
            return int(curve.steps[place]), float(curve.values[place])
        if not self.ended:
            return None
        if self.completed and curve is not None and len(curve):
            return int(curve.steps[-1]), float(curve.values[-1])
        return until, math.nan


@dataclass(frozen=True, slots=True)
class ProbeComparison:
    """Jobs at the step at which they are compared.

    Attributes:
        step: The step.
        values: Number of each job that has come so far -> its objective there.
        steps: Number of each of these -> the step of that evaluation.
        best: The probe that is better than all others, the baseline included; None for none, or while one is
            to come.
        open: Whether a job has not come so far.
    """

    step: int
    values: Mapping[int, float]
    steps: Mapping[int, int]
    best: int | None
    open: bool


def compared(
    baseline: int, runners: Mapping[int, Runner], until: int, maximize: bool = False
) -> ProbeComparison:
    """Compare the baseline and its probes at one step. It depends on their curves alone.

    Args:
        baseline: Number of the baseline's job.
        runners: Number of each job, the baseline included -> the job.
        until: The first evaluation at or after this step counts.
        maximize: Whether a larger objective is better.
    """
    places = {job: runner.at(until) for job, runner in runners.items()}
    reached = {job: place for job, place in places.items() if place is not None}
    values = {job: value for job, (_, value) in reached.items()}
    complete = len(reached) == len(runners)
    first = min(values, key=lambda job: (_rank(values[job], maximize), job != baseline), default=None)
    best = first if complete and first != baseline and _is_alone(values, first, maximize) else None
    steps = {job: at for job, (at, _) in reached.items()}
    return ProbeComparison(until, values, steps, best, not complete)


def ended_at(
    job: int, found: ProbeComparison, names: Mapping[int, str], maximize: bool = False
) -> StopDecision | None:
    """Why a probe ends at the step at which it is compared: another job is no worse there; None if none is.

    Args:
        job: Number of the probe.
        found: The comparison, which need not be complete.
        names: Number of each job -> its name.
        maximize: Whether a larger objective is better.
    """
    if job not in found.values:
        return None
    own = _rank(found.values[job], maximize)
    ahead = [one for one, value in found.values.items() if one != job and _rank(value, maximize) <= own]
    if not ahead:
        return None
    best = min(ahead, key=lambda one: _rank(found.values[one], maximize))
    value, other, at = found.values[job], found.values[best], found.steps[job]
    reason = f"{names[best]} is at {_number(other)} at step {at}, this one at {_number(value)}"
    evidence = {"step": at, "value": _plain(value), "against": names[best], "its_value": _plain(other)}
    return StopDecision(NAME, reason, at, evidence)


def goes_on(best: str | None) -> str:
    """Which probe goes on, in words.

    Args:
        best: Its name; None for none.
    """
    return f"{best} is best and goes on" if best else "none is better than the baseline and all others"


def _rank(value: float, maximize: bool) -> float:
    """The value as a number of which the smallest is best."""
    return math.inf if not math.isfinite(value) else -value if maximize else value


def _is_alone(values: Mapping[int, float], job: int | None, maximize: bool) -> bool:
    """Whether a job is better than every other."""
    if job is None or not math.isfinite(values[job]):
        return False
    own = _rank(values[job], maximize)
    return all(_rank(value, maximize) > own for one, value in values.items() if one != job)


def _number(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "no finite value"


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
