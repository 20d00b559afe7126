"""How sure the mean of a few paired gains is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from autoloop.loop.score.bootstrap import LEVEL
from autoloop.loop.score.noise import WEIGHT
from autoloop.loop.score.student import quantile, share_below


def interval_of_mean(gains: Sequence[float], floor_pct: float) -> tuple[float, float]:
    """Where the true mean gain lies, with 90 %.

    Two standard errors are at hand: that of the gains' own scatter, which Student's t widens for their small
    number (Student, The probable error of a mean, Biometrika 6, 1908), and that of their scatter pooled with
    the study's noise floor, which counts for two degrees of freedom (Gelman et al., Bayesian Data Analysis,
    3rd ed. 2013, section 3.2). The wider of both is taken: gains that agree by luck are no surer than the
    noise allows, and gains that scatter more than the noise, as those of configs far apart do, are not
    either.

    Args:
        gains: Gains in percent, one for each seed, at least one.
        floor_pct: Standard deviation of one paired gain, in percent, as far as the study knows.

    Returns:
        The lower and the upper end; at least as wide as the gains themselves tell.
    """
    middle = fmean(gains)
    half = max(quantile((1 + LEVEL) / 2, degrees) * error for error, degrees in _errors(gains, floor_pct))
    return middle - half, middle + half


def better_than_zero(gains: Sequence[float], floor_pct: float) -> float:
    """Probability (0 to 1) that the true mean gain is above 0, by the less sure of the same two errors."""
    middle = fmean(gains)
    shares = [_above_zero(middle, error, degrees) for error, degrees in _errors(gains, floor_pct)]
    return min(shares, key=lambda share: abs(share - 0.5))


def _errors(gains: Sequence[float], floor_pct: float) -> list[tuple[float, int]]:
    """Standard errors of the mean, each with its degrees of freedom."""
    count, middle = len(gains), fmean(gains)
    scatter = sum((gain - middle) ** 2 for gain in gains)
    pooled = WEIGHT + count - 1
    found = [(math.sqrt((WEIGHT * floor_pct**2 + scatter) / pooled / count), pooled)]
    if count > 1:
        found.append((math.sqrt(scatter / (count - 1) / count), count - 1))
    return found


def _above_zero(middle: float, error: float, degrees: int) -> float:
    if error > 0:
        return share_below(middle / error, degrees)
    return 0.5 if middle == 0 else float(middle > 0)
