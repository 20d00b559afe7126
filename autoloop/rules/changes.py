"""How a curve stands and how it changed, with the noise of those numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autoloop.curves import series as curves
from autoloop.history.series import Series

LEVEL_WORDS = {
    "last": "last value",
    "tail": "median of the last quarter",
    "max": "largest value",
}
LEVELS = tuple(LEVEL_WORDS)
SPAN_WORDS = {
    "first_last": "the run (last against first)",
    "start": "the run (tail against first)",
    "run": "the run",
    "end": "its last half",
}
SPANS = tuple(SPAN_WORDS)
WINDOW = 0.25  # share of the points that the head and the tail of a run take in
LEAST = {"first_last": 2, "start": 2, "run": 2, "end": 3}  # points without which a change means nothing
END = 0.5  # share of the points that the end of a run takes in
SIGMAS = 2.0  # a change counts where it is larger than this many standard errors


@dataclass(frozen=True, slots=True)
class LevelChange:
    """A change between two points of a curve.

    Attributes:
        first: Level before.
        last: Level after.
        pct: ``100 * (last - first) / |first|``; not finite where ``first`` is 0.
        noise_pct: Standard error of ``pct``; NaN where it was not estimated, infinite where it cannot be.
    """

    first: float
    last: float
    pct: float
    noise_pct: float

    @property
    def doubt_pct(self) -> float:
        """Two standard errors, 0 where the error was not estimated."""
        return 0.0 if math.isnan(self.noise_pct) else SIGMAS * self.noise_pct

    def fell_by(self, pct: float) -> bool:
        """Whether it fell by more than ``pct`` percent and by more than two standard errors."""
        return -self.pct > max(pct, self.doubt_pct)

    def rose_by(self, pct: float) -> bool:
        """Whether it rose by more than ``pct`` percent and by more than two standard errors."""
        return self.pct > max(pct, self.doubt_pct)

    @property
    def mirrored(self) -> LevelChange:
        """The same change of a metric that is better high, as one that is better low would show it."""
        return replace(self, pct=-self.pct)

    def facts(self) -> dict[str, Any]:
        """Return the numbers as evidence, without those that are not finite."""
        numbers = {"first": self.first, "last": self.last, "pct": self.pct, "noise_pct": self.noise_pct}
        return {key: value for key, value in numbers.items() if math.isfinite(value)}


def level(series: Series, stat: str) -> float:
    """Return the level of a series of finite values, at least one: one of `LEVELS`."""
    if stat == "last":
        return float(series.values[-1])
    return float(series.values.max()) if stat == "max" else curves.level(curves.tail(series, WINDOW)).value


def measure(series: Series, span: str) -> LevelChange:
    """Return how a series of finite values, at least two, changed.

    Args:
        series: The curve.
        span: ``first_last`` compares the last value with the first; ``start`` the median of the last quarter
            of the points with the first value; ``run`` that median with the one of the first quarter; ``end``
            takes a robust line (Theil-Sen) through the last half
            of the points, at least three, and compares its ends.
    """
    if span == "first_last":
        return _change(float(series.values[0]), float(series.values[-1]), math.nan)
    if span == "start":
        tail = curves.level(curves.tail(series, WINDOW))
        return _change(float(series.values[0]), tail.value, math.hypot(tail.stderr, tail.spread))
    if span == "run":
        moved = curves.relative_change(series, WINDOW)
        return LevelChange(moved.head.value, moved.tail.value, 100 * moved.value, 100 * moved.spread)
    share = max(END, LEAST["end"] / len(series))
    return _along_line(curves.tail(series, min(share, 1.0)))


@np.errstate(over="ignore", invalid="ignore")
def _along_line(series: Series) -> LevelChange:
    """Return the change along a robust line through all the points."""
    slope, error = curves.slope(series)
    away = (series.steps - series.steps[0]).astype(np.float64)
    first = float(np.median(series.values - slope * away))
    return _change(first, first + slope * float(away[-1]), error * float(away[-1]))


def _change(first: float, last: float, error: float) -> LevelChange:
    scale = 100 / abs(first) if first else math.nan
    return LevelChange(first, last, scale * (last - first), scale * error)
