"""Summary: a history condensed to a few numbers per metric.

NaN and infinite values are set aside: first, last, best, delta and pct speak of the finite points, ``count``
counts all points, and ``finite_share`` tells how many were finite. A metric without a finite point has NaN
for every number and None for ``best_step``; one with a single point has delta 0 and pct 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from autoloop.curves import series as curves
from autoloop.errors import ConfigError
from autoloop.history.series import Series

_GOALS = ("min", "max")
_TAIL_SHARE = 0.2  # of the points: the end whose slope and level a summary tells


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """A metric in seven numbers, and what single points do not tell.

    Attributes:
        first: First finite value.
        last: Last finite value.
        best: Lowest finite value, or highest where the goal is "max".
        best_step: First step at which ``best`` was reached; None if there is none.
        delta: ``last - first``.
        pct: ``100 * delta / |first|``, in percent; 0 where delta is 0, infinite where only ``first`` is 0.
        count: Logged numbers, finite or not.
        tail_mean: Mean of the last fifth of the finite points.
        tail_spread: Standard deviation (n - 1) of those points; 0 for a single one.
        slope: Theil-Sen slope over that fifth, per step; see :func:`autoloop.curves.series.slope`.
        slope_stderr: Standard error of the slope.
        area: Mean height over all steps; see :func:`autoloop.curves.series.area`.
        finite_share: Share (0 to 1) of the logged numbers that are finite.
        spikes: Number of spikes; see :func:`autoloop.curves.series.spikes`.
        goal: "min" or "max".
    """

    first: float
    last: float
    best: float
    best_step: int | None
    delta: float
    pct: float
    count: int
    tail_mean: float = math.nan
    tail_spread: float = 0.0
    slope: float = math.nan
    slope_stderr: float = math.nan
    area: float = math.nan
    finite_share: float = 1.0
    spikes: int = 0
    goal: str = "min"

    def as_dict(self) -> dict[str, float | int | None]:
        """Return the seven numbers by name, fit for JSON: NaN and infinities become None."""
        names = ("first", "last", "best", "best_step", "delta", "pct", "count")
        return {name: _json_number(getattr(self, name)) for name in names}


def _json_number(value: float | int | None) -> float | int | None:
    return value if value is None or math.isfinite(value) else None


def goal_of(metric: str, goals: Mapping[str, str] | None = None) -> str:
    """Return whether a metric is best low ("min", the default) or high ("max").

    Args:
        metric: Name of the metric.
        goals: Metric or glob -> goal. An exact name wins over globs, an earlier glob over a later one.

    Raises:
        ConfigError: If the goal is neither "min" nor "max".
    """
    return stated_goal(metric, goals or {}) or "min"


def stated_goal(metric: str, goals: Mapping[str, str]) -> str:
    """The same, but empty for a metric that none of ``goals`` matches."""
    pattern = metric if metric in goals else next((p for p in goals if fnmatchcase(metric, p)), None)
    goal = "" if pattern is None else goals[pattern]
    if pattern is not None and goal not in _GOALS:
        raise ConfigError(f"the goal of metric {pattern!r} is {goal!r}; it can be 'min' or 'max'")
    return goal


def summarize(
    history: Mapping[str, Series], goals: Mapping[str, str] | None = None
) -> dict[str, MetricSummary]:
    """Return the summary of each metric of a history.

    Args:
        history: Metric -> series.
        goals: Metric or glob -> "min" or "max"; a metric that none matches has "min".

    Raises:
        ConfigError: If a goal is neither "min" nor "max".
    """
    return {name: summarize_series(series, goal_of(name, goals)) for name, series in history.items()}


@curves.quiet
def summarize_series(series: Series, goal: str = "min") -> MetricSummary:
    """Return the summary of one series; see :class:`MetricSummary` for each number."""
    points = curves.finite(series)
    if not len(points):
        nan = math.nan
        return MetricSummary(nan, nan, nan, None, nan, nan, len(series), finite_share=0.0, goal=goal)
    values = points.values
    first, last = float(values[0]), float(values[-1])
    best = int(values.argmin() if goal == "min" else values.argmax())
    end = curves.tail(points, _TAIL_SHARE)
    trend, error = curves.slope(end)
    return MetricSummary(
        first=first,
        last=last,
        best=float(values[best]),
        best_step=int(points.steps[best]),
        delta=last - first,
        pct=percent(last - first, first),
        count=len(series),
        tail_mean=float(end.values.mean()),
        tail_spread=float(np.std(end.values, ddof=1)) if len(end) > 1 else 0.0,
        slope=trend,
        slope_stderr=error,
        area=curves.area(points),
        finite_share=curves.finite_share(series),
        spikes=len(curves.spikes(points)),
        goal=goal,
    )


def percent(delta: float, base: float) -> float:
    """Return a change in percent of ``|base|``; 0 for no change, infinite for a change from 0."""
    if delta == 0:
        return 0.0
    return 100 * delta / abs(base) if base else math.copysign(math.inf, delta)


def as_dicts(
    summary: Mapping[str, MetricSummary], names: Iterable[str] | None = None
) -> dict[str, dict[str, float | int | None]]:
    """Return summaries in the form of ``autorun_summary.json``: metric -> the seven numbers."""
    return {
        name: summary[name].as_dict() for name in (summary if names is None else names) if name in summary
    }
