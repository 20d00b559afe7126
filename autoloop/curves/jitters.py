"""How far a run's own results jump from one point to the next, beside which a difference is to be seen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from autoloop.curves.metrics import Metrics
from autoloop.curves.objective import RETURNED, Objective
from autoloop.curves.series import jitter, tail
from autoloop.curves.summary import MetricSummary
from autoloop.history.series import Series

FEWEST = 5
"""A curve of fewer points does not tell how far they jump."""

ENDS = {"last": 1.0, "best": 0.5, "tail_mean": 0.5}
"""Which number of a curve is a result -> its standard deviation, in that of single points.

The best of 5 to 100 points has 0.67 to 0.43, the mean of the last fifth no more than that of two points.
"""

BETWEEN = math.sqrt(2.0)
"""The standard deviation of a difference, in that of either of two results which jump for themselves."""

_ROUNDING = 1e-4  # a returned value that differs from a logged one by no more than this share is the same


def jitters(
    curves: Mapping[str, Series],
    summary: Mapping[str, MetricSummary],
    metrics: Metrics,
    returned: float | None,
) -> dict[str, float]:
    """Standard deviation of single points, of each metric that may be what a study is judged by.

    Args:
        curves: Metric -> curve. One of `FEWEST` points or more counts, by the later half where that has as
            many too.
        summary: Metric -> its summary.
        metrics: Knows which metrics have a goal.
        returned: What the task returned; where it is the last or best value of a curve it has that one's.

    Returns:
        Metric, or `RETURNED`, -> its jitter in its own units.
    """
    known = [name for name in curves if metrics.known_goal(name) or name == metrics.objective]
    found = {name: value for name in known if math.isfinite(value := _of(curves[name]))}
    return {**found, **dict(_of_returned(found, summary, returned))}


def result_jitter(found: Mapping[str, float], aim: Objective) -> float:
    """Standard deviation of a job's result, as far as its curve tells; NaN where it does not.

    Args:
        found: What `jitters` returned for the job.
        aim: What the study is judged by.
    """
    of_curve = ENDS.get(aim.stat, 1.0) if aim.metric else 1.0
    return found.get(aim.metric or RETURNED, math.nan) * of_curve


def _of(curve: Series) -> float:
    if len(curve) < FEWEST:
        return math.nan
    end = tail(curve, share=0.5) if len(curve) >= 2 * FEWEST else curve
    return float(f"{jitter(end):.4g}")


def _of_returned(
    found: Mapping[str, float], summary: Mapping[str, MetricSummary], returned: float | None
) -> Iterator[tuple[str, float]]:
    """The jitter of a returned value that is the last or best one of a curve."""
    for name, value in found.items() if returned is not None and returned != 0 else ():
        for stat in ("last", "best"):
            logged = getattr(summary.get(name), stat, None)
            if logged is not None and math.isclose(logged, returned or 0.0, rel_tol=_ROUNDING):
                yield RETURNED, value * ENDS[stat]
                return
