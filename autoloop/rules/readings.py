"""Finding a metric of a trial, and saying in words why it cannot be judged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from autoloop.trials import Trial

FINITE_SHARE = 0.9  # a metric with fewer finite values than this share is not judged


@dataclass(frozen=True, slots=True)
class Curve:
    """The finite values of one metric, or the reason why there is nothing to judge.

    Attributes:
        metric: Name under which it was found.
        steps: int64 (n,), ascending.
        values: float64 (n,), finite.
        problem: Why the curve cannot be judged; empty where it can.
    """

    metric: str = ""
    steps: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    values: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    problem: str = ""


def unusable(trial: Trial) -> str:
    """Return why a trial's curves must not be judged, or an empty string."""
    if not trial.usable:
        return f"the job ended {trial.state.value}" + (f" ({trial.error})" if trial.error else "")
    broken = diverged(trial)
    return (
        f"{broken} is not finite at the end: the run diverged, nothing else it logs counts" if broken else ""
    )


def diverged(trial: Trial) -> str:
    """Return the name of a loss whose last value is not finite, or an empty string.

    A loss is a metric whose name ends in ``loss``. A diverged run looks healthy elsewhere: LeRobot then logs
    ``ot_pi_sum`` 1.0 and ends with exit code 0.
    """
    for metric in {**trial.summary, **trial.history}:
        values = _recorded(trial, metric)[1]
        if metric.endswith("loss") and len(values) and not math.isfinite(values[-1]):
            return metric
    return ""


def find_curve(trial: Trial, metrics: Sequence[str], min_points: int = 1) -> Curve:
    """Return the curve of the first of ``metrics`` that was logged, without its non-finite values.

    Where only a summary is left of a metric, its first and last value stand for the curve.

    Args:
        trial: The trial to look at.
        metrics: Names of the metric, the most telling first.
        min_points: How many finite values a judgement needs.
    """
    reason = unusable(trial)
    if reason:
        return Curve(problem=reason)
    curves = [_finite(metric, *_recorded(trial, metric), min_points) for metric in metrics]
    good = [curve for curve in curves if not curve.problem]
    return good[0] if good else Curve(problem="; ".join(curve.problem for curve in curves))


def _recorded(trial: Trial, metric: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return steps and values of a metric; of its summary where there is no curve."""
    if metric in trial.history:
        return trial.history[metric].steps, trial.history[metric].values
    if metric not in trial.summary:
        return np.zeros(0, np.int64), np.zeros(0)
    known = trial.summary[metric]
    values = [known.first, known.last][-min(known.count, 2) :] if known.count else []
    return np.arange(len(values)), np.asarray(values, float)


def _finite(metric: str, steps: NDArray[np.int64], values: NDArray[np.float64], min_points: int) -> Curve:
    """Return the curve without its non-finite values, or what is wrong with it."""
    finite = np.isfinite(values)
    count, kept = len(values), int(finite.sum())
    if not count:
        return Curve(metric, problem=f"{metric} was not logged")
    if kept < FINITE_SHARE * count or not finite[-1]:
        return Curve(metric, problem=f"{metric} has {count - kept} of {count} values that are not finite")
    if kept < min_points:
        return Curve(metric, problem=f"{metric} has {kept} points, too few to judge (needs {min_points})")
    return Curve(metric, steps[finite], values[finite])
