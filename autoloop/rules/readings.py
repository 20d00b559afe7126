"""Finding a metric of a trial, and saying in words why it cannot be judged."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autoloop.curves import series as curves
from autoloop.errors import counted
from autoloop.history.series import Series
from autoloop.rules.names import LABELS, OBJECTIVE, in_words, is_name, is_usual_loss, logged
from autoloop.study.trials import Trial

FEW = 5
"""So many points or fewer make a judgement one with doubt: a run that logs once an epoch."""

_SHOWN = 5  # names of metrics, where the one looked for is not there

FINITE_SHARE = 0.9  # a metric with fewer finite values than this share is not judged


@dataclass(frozen=True, slots=True)
class Curve:
    """The finite values of one metric, or the reason why there is nothing to judge.

    Attributes:
        metric: Name under which it was found.
        series: Steps and finite values.
        problem: Why the curve cannot be judged; empty where it can.
        upwards: Whether it is better high: so is an objective that is to grow.
    """

    metric: str = ""
    series: Series = field(default_factory=lambda: Series.of([]))
    problem: str = ""
    upwards: bool = False

    @property
    def doubt(self) -> str:
        """What a reader must know of a judgement on so few points; empty where they are enough."""
        return f" ({len(self.series)} points only)" if len(self.series) <= FEW else ""

    def facts(self, counted: bool = True) -> dict[str, Any]:
        """Return which metric it is, and how many points where they are few and count, as evidence."""
        few = counted and self.doubt
        return {"metric": self.metric, **({"points": len(self.series)} if few else {})}


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

    A loss is a metric whose name ends in ``loss``, or another usual one (`names.METRICS`). A diverged run
    looks healthy elsewhere: LeRobot then logs ``ot_pi_sum`` 1.0 and ends with exit code 0.
    """
    for metric in {**trial.summary, **trial.history}:
        values = _recorded(trial, metric).values
        if is_usual_loss(metric) and len(values) and not math.isfinite(values[-1]):
            return metric
    return ""


def first_of(metrics: Sequence[str]) -> str:
    """Return alternatives in words: ``loss, */loss or *_loss``; more than three are shortened."""
    words = in_words(metrics)
    if len(words) > 3:
        words = [*words[:2], f"one of {len(words) - 2} more"]
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def find_curve(trial: Trial, metrics: Sequence[str], min_points: int = 1) -> Curve:
    """Return the curve of the first of ``metrics`` that was logged, without its non-finite values.

    Where only a summary is left of a metric, its first and last value stand for the curve.

    Args:
        trial: The trial to look at.
        metrics: Names of the metric, the most telling first; ``<objective>`` and the names of `names.METRICS`
            stand for what it logged of them.
        min_points: How many finite values a judgement needs.
    """
    reason = unusable(trial)
    if reason:
        return Curve(problem=reason)
    curves = [_curve(trial, metric, min_points) for metric in metrics]
    good = [curve for curve in curves if not curve.problem]
    return good[0] if good else Curve(problem="; ".join(curve.problem for curve in curves))


def _curve(trial: Trial, name: str, min_points: int) -> Curve:
    """Return the curve of one metric, which may be one of the names that stand for several."""
    if not is_name(name):
        return _judgeable(name, _recorded(trial, name), min_points)
    seen = {**trial.history, **trial.summary}
    metric = trial.metric if name == OBJECTIVE else logged(name, seen)
    if name == OBJECTIVE and not metric:
        return Curve(name, problem="the objective is what the job returns: it has no curve")
    if not metric:
        return Curve(name, problem=f"{LABELS[name]} was not logged{_instead(seen)}")
    upwards = name == OBJECTIVE and trial.goal == "max"
    return replace(_judgeable(metric, _recorded(trial, metric), min_points), upwards=upwards)


def _instead(seen: Iterable[str]) -> str:
    """Return some of what was logged, for a reader who knows the metric by another name."""
    names = sorted(seen)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f" (there is {', '.join(names[:_SHOWN])}{more})" if names else ""


def _recorded(trial: Trial, metric: str) -> Series:
    """Return the series of a metric; where there is none, the two points of its summary.

    A summary sets non-finite values aside: where they are too many, a NaN stands at the end.
    """
    if metric in trial.history:
        return trial.history[metric]
    if metric not in trial.summary:
        return Series.of([])
    known = trial.summary[metric]
    ends = [known.first, known.last][-min(known.count, 2) :] if known.count else []
    return Series.of([*ends, math.nan] if known.finite_share < FINITE_SHARE else ends)


def _judgeable(metric: str, series: Series, min_points: int) -> Curve:
    """Return the finite part of a series, or what is wrong with it."""
    points = curves.finite(series)
    if not len(series):
        return Curve(metric, problem=f"{metric} was not logged")
    if curves.finite_share(series) < FINITE_SHARE or not math.isfinite(series.values[-1]):
        lost = len(series) - len(points)
        return Curve(metric, problem=f"{metric} has {lost} of {len(series)} values that are not finite")
    if len(points) < min_points:
        has = counted(len(points), "point")
        return Curve(metric, problem=f"{metric} has {has}, too few (needs {min_points})")
    return Curve(metric, points)
