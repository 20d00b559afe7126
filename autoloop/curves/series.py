"""Curves: what can be said about one series, as pure functions of numpy arrays.

Everything works on the finite points only; each function says what it returns when there are too few.
``share`` is a part of the curve's length in points (0 to 1), ``steps`` a number of training steps. Logged
values are noisy (5 % to 60 % from point to point), so nothing here rests on a single point: levels are
medians, slopes are Theil-Sen slopes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from autoloop.history.series import Series

Floats = NDArray[np.float64]

_MAD_TO_SIGMA = 1.4826  # median absolute deviation of a normal distribution -> its standard deviation
_MAX_SLOPE_POINTS = 300  # more are thinned by medians of neighbours: pairs grow with the square
_SPIKE_SIGMAS = 6.0  # standard deviations; twice what is usual for Hampel's identifier
_BEYOND_NEIGHBOURS = 0.564  # mean distance of a normal point from the median of itself and its neighbours
_SPIKE_WINDOW = 11  # points; the level around a point is the median of so many

#: Differences of values near the largest float overflow to infinity, which says what it should.
quiet = np.errstate(over="ignore", invalid="ignore")


@dataclass(frozen=True, slots=True)
class Level:
    """A level of a curve: median of a window and how sure it is.

    Attributes:
        value: Median of the window; NaN if it holds no finite point.
        spread: Standard deviation of single points around it, from the median absolute deviation; 0 for
            fewer than two points.
        count: Finite points in the window.
    """

    value: float
    spread: float
    count: int

    @property
    def stderr(self) -> float:
        """Standard error of the median (1.2533 spread / sqrt(n), for normal noise); NaN without points."""
        return 1.2533 * self.spread / self.count**0.5 if self.count else float("nan")


def finite(series: Series) -> Series:
    """Return the points of a series whose values are finite."""
    keep = np.isfinite(series.values)
    return series if keep.all() else Series(series.steps[keep], series.values[keep])


def finite_share(series: Series) -> float:
    """Return the share (0 to 1) of values that are neither NaN nor infinite; NaN for an empty series."""
    return float(np.isfinite(series.values).mean()) if len(series) else float("nan")


def tail(series: Series, share: float | None = None, steps: int | None = None) -> Series:
    """Return the end of a series: its last points.

    Args:
        series: The curve.
        share: Part of the points, rounded up, so at least one; 0.2 if neither argument is given.
        steps: Points within so many training steps of the last one; wins over ``share``.
    """
    return _window(series, share, steps, from_end=True)


def head(series: Series, share: float | None = None, steps: int | None = None) -> Series:
    """Return the beginning of a series; arguments as for :func:`tail`."""
    return _window(series, share, steps, from_end=False)


def _window(series: Series, share: float | None, steps: int | None, from_end: bool) -> Series:
    if not len(series):
        return series
    if steps is not None:
        near = (
            series.steps >= series.steps[-1] - steps if from_end else series.steps <= series.steps[0] + steps
        )
        return Series(series.steps[near], series.values[near])
    part = 0.2 if share is None else share
    if not 0 < part <= 1:
        raise ValueError(f"share is a part of the curve between 0 and 1, got {share}")
    count = int(np.ceil(part * len(series) - 1e-9))
    cut = slice(len(series) - count, None) if from_end else slice(0, count)
    return Series(series.steps[cut], series.values[cut])


def median(values: Floats) -> float:
    """Return the median of finite values, at least one; for few values faster than numpy's."""
    ordered = np.sort(values)
    return float(ordered[(ordered.size - 1) // 2] + ordered[ordered.size // 2]) / 2


@quiet
def level(series: Series) -> Level:
    """Return the median of a series and the spread of its points around it."""
    values = finite(series).values
    if not values.size:
        return Level(float("nan"), 0.0, 0)
    middle = median(values)
    spread = _MAD_TO_SIGMA * median(np.abs(values - middle)) if values.size > 1 else 0.0
    return Level(middle, spread, int(values.size))


@quiet
def slope(series: Series) -> tuple[float, float]:
    """Return the robust slope of a series and its standard error, in units of the metric per step.

    The Theil-Sen estimator: the median of the slopes between all pairs of points (Sen, J. Am. Stat. Assoc.
    63 (1968) 1379), which up to 29 % of wild points do not move. Its standard error is half the width of
    Sen's distribution-free interval for one standard deviation: the pair slopes at ranks
    (N +- sqrt(n (n - 1) (2 n + 5) / 18)) / 2 of N pairs. Over 300 points, medians of neighbours take their
    place first. Points are assumed independent; where they are smoothed the error is too small.

    Returns:
        ``(slope, stderr)``; ``(nan, nan)`` for fewer than two finite points, an infinite error for two.
    """
    points = finite(series)
    x, y = _thinned(points.steps.astype(np.float64), points.values)
    n = x.size
    if n < 2:
        return float("nan"), float("nan")
    i, j = _pairs(n)
    count = i.size
    half = np.sqrt(n * (n - 1) * (2 * n + 5) / 18) / 2
    low = max(int(np.floor(count / 2 - half)), 0)
    high = min(int(np.ceil(count / 2 + half)), count - 1)
    ranks = [low, (count - 1) // 2, count // 2, high]
    smaller, below, above, larger = np.partition((y[j] - y[i]) / (x[j] - x[i]), ranks)[ranks].tolist()
    return (below + above) / 2, (larger - smaller) / 2 if n > 2 else float("inf")


@lru_cache(maxsize=8)
def _pairs(count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the indices of all pairs of so many points, the earlier one first."""
    i, j = np.triu_indices(count, 1)
    return i, j


def _thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return at most 300 points: medians of neighbouring points where there are more."""
    size = -(-x.size // _MAX_SLOPE_POINTS)
    if size <= 1:
        return x, y
    cuts = np.arange(0, x.size, size)
    parts = [slice(start, start + size) for start in cuts.tolist()]
    return np.array([median(x[part]) for part in parts]), np.array([median(y[part]) for part in parts])


@dataclass(frozen=True, slots=True)
class RelativeChange:
    """How far a curve moved between two windows, relative to the first.

    Attributes:
        value: ``(tail - head) / |head|`` of the windows' medians: -0.1 is a fall by 10 %. NaN without
            finite points; infinite where the head is 0 and the tail is not; 0 where both are 0.
        spread: Standard error of ``value`` from the scatter inside the windows.
        head: Level of the first window.
        tail: Level of the last window.
    """

    value: float
    spread: float
    head: Level
    tail: Level


@quiet
def relative_change(series: Series, share: float = 0.2, steps: int | None = None) -> RelativeChange:
    """Return how far a curve moved from its first to its last window, and how sure that is.

    Args:
        series: The curve; only its finite points count.
        share: Size of each window as a part of the finite points.
        steps: Look only at the last so many steps of the curve; windows are shares of those.
    """
    points = finite(series)
    if steps is not None:
        points = tail(points, steps=steps)
    begin, end = level(head(points, share)), level(tail(points, share))
    difference, base = end.value - begin.value, abs(begin.value)
    error = float(np.hypot(begin.stderr, end.stderr))
    if base == 0:
        value = 0.0 if difference == 0 else float(np.copysign(np.inf, difference))
        return RelativeChange(value, float("nan") if difference else 0.0, begin, end)
    return RelativeChange(difference / base, error / base, begin, end)


@quiet
def spikes(series: Series, sigmas: float = _SPIKE_SIGMAS) -> NDArray[np.int64]:
    """Return the steps at which a curve jumps far away from its neighbourhood (Hampel's identifier).

    A point is a spike if it differs by more than ``sigmas`` standard deviations from the median of the 11
    points around it; the deviation is 1.4826 times the median absolute residual of the whole curve (Hampel,
    J. Am. Stat. Assoc. 69 (1974) 383). Fewer than 11 finite points, or a curve without scatter where most
    residuals are 0: the residuals' mean absolute value takes the median's place, so a lone jump in a
    constant curve is still found.

    Returns:
        int64 (k,), steps of the spikes; empty for fewer than 3 finite points.
    """
    points = finite(series)
    if len(points) < 3:
        return np.zeros(0, dtype=np.int64)
    width = min(_SPIKE_WINDOW, len(points) - (len(points) + 1) % 2)
    padded = np.pad(points.values, width // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, width)
    around = np.partition(windows, width // 2, axis=1)[:, width // 2]
    residual = np.abs(points.values - around)
    sigma = _MAD_TO_SIGMA * median(residual) or float(residual.mean())
    return points.steps[residual > sigmas * sigma] if sigma > 0 else np.zeros(0, dtype=np.int64)


@quiet
def jitter(series: Series) -> float:
    """Return the standard deviation of single points around a curve, in units of the metric.

    From how far each point lies beyond both of its neighbours: of a curve that only rises or only falls that
    is 0, however steep it is; of independent normal points it is 0.564 standard deviations on average. 0 for
    fewer than 3 finite points.
    """
    values = finite(series).values
    if values.size < 3:
        return 0.0
    before, middle, after = values[:-2], values[1:-1], values[2:]
    within = np.clip(middle, np.minimum(before, after), np.maximum(before, after))
    return float(np.abs(middle - within).mean()) / _BEYOND_NEIGHBOURS


@quiet
def area(series: Series) -> float:
    """Return the mean height of a curve: the trapezoid integral over steps divided by the steps it spans.

    In units of the metric. One finite point gives its value, none NaN. Two runs of equal length with equal
    ends differ in it if one got there sooner.
    """
    points = finite(series)
    if len(points) < 2:
        return float(points.values[0]) if len(points) else float("nan")
    width = np.diff(points.steps)
    return float(((points.values[1:] + points.values[:-1]) / 2 * width).sum() / width.sum())


def time_per_step(runtime: Series) -> float:
    """Return seconds per training step: the slope of ``_runtime`` over steps; NaN below two points."""
    return slope(runtime)[0]
