"""How a curve changed, with the noise of that number."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

LEVELS = ("last", "tail", "max")
SPANS = ("first_last", "run", "end")
WINDOW = 0.25  # share of the points that the head and the tail of a run take in
SIGMAS = 2.0  # a change counts where it is larger than this many standard errors
END = 0.5  # share of the points that the end of a run takes in


@dataclass(frozen=True, slots=True)
class Change:
    """A change between two points of a curve.

    Attributes:
        first: Level before.
        last: Level after.
        pct: ``100 * (last - first) / |first|``, NaN where ``first`` is 0.
        noise_pct: Standard error of ``pct``; NaN where it was not estimated.
    """

    first: float
    last: float
    pct: float
    noise_pct: float

    def fell_by(self, pct: float) -> bool:
        """Whether it fell by more than ``pct`` percent and by more than two standard errors."""
        return -self.pct > max(pct, self.doubt_pct)

    def rose_by(self, pct: float) -> bool:
        """Whether it rose by more than ``pct`` percent and by more than two standard errors."""
        return self.pct > max(pct, self.doubt_pct)

    @property
    def doubt_pct(self) -> float:
        """Two standard errors, 0 where the error was not estimated."""
        return SIGMAS * self.noise_pct if math.isfinite(self.noise_pct) else 0.0

    def facts(self) -> dict[str, Any]:
        """Return the numbers as evidence, without those that are unknown."""
        numbers = {"first": self.first, "last": self.last, "pct": self.pct, "noise_pct": self.noise_pct}
        return {key: value for key, value in numbers.items() if math.isfinite(value)}


def level(values: Values, stat: str) -> float:
    """Return the level of finite values (n,), n >= 1: one of `LEVELS`."""
    if stat == "last":
        return float(values[-1])
    return float(values.max()) if stat == "max" else float(np.median(values[-_window(values) :]))


def measure(values: Values, span: str) -> Change:
    """Return how finite values (n,), n >= 2, changed.

    Args:
        values: The curve.
        span: ``first_last`` compares the last value with the first; ``run`` the median of the last quarter of
            the points with that of the first; ``end`` takes a robust line (Theil-Sen) through the last half
            and compares its ends.
    """
    if span == "first_last":
        return _change(float(values[0]), float(values[-1]), math.nan)
    if span == "run":
        window = _window(values)
        head, tail = values[:window], values[-window:]
        return _change(
            float(np.median(head)),
            float(np.median(tail)),
            math.hypot(_median_error(head), _median_error(tail)),
        )
    return _end(values[-max(2, math.ceil(END * len(values))) :])


def _end(values: Values) -> Change:
    """Return the change along a Theil-Sen line through all the points."""
    n = len(values)
    rows, columns = np.triu_indices(n, 1)
    slope = float(np.median((values[columns] - values[rows]) / (columns - rows)))
    line = slope * np.arange(n)
    start = float(np.median(values - line))
    spread = 1.4826 * float(np.median(np.abs(values - line - start)))
    return _change(start, start + slope * (n - 1), spread * math.sqrt(12 / n))


def _change(first: float, last: float, error: float) -> Change:
    scale = 100 / abs(first) if first else math.nan
    return Change(first, last, scale * (last - first), scale * error)


def _median_error(values: Values) -> float:
    """Return the standard error of a median, from differences of neighbours (a trend does not count)."""
    if len(values) < 2:
        return math.nan
    spread = 1.4826 * float(np.median(np.abs(np.diff(values)))) / math.sqrt(2)
    return 1.2533 * spread / math.sqrt(len(values))


def _window(values: Values) -> int:
    return max(1, math.ceil(WINDOW * len(values)))
