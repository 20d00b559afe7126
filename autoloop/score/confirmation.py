"""Confirmation: winner and starting point on seeds that nothing was chosen by."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean

from autoloop.score.bootstrap import Interval, interval
from autoloop.score.noise import WEIGHT, noise
from autoloop.score.pairs import afterwards, gain_pct, gains_pct
from autoloop.score.reduction import root, winner
from autoloop.score.student import share_below
from autoloop.study import CONFIRM, Job, Study


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The winner's gain over its starting point on fresh seeds.

    Attributes:
        winner: The winner.
        start: Its starting point.
        gains_pct: Gain in percent, one for each fresh seed.
        gain_pct: Their mean with its 90 % bootstrap interval.
        better: Probability (0 to 1) that the winner is better.
        selected: The winner's result at the seed it was chosen by.
        fresh: Its mean result on the fresh seeds.
        optimism_pct: How much better the first is than the second, in percent: the luck of having been
            chosen, and of the seed.
    """

    winner: Job
    start: Job
    gains_pct: tuple[float, ...]
    gain_pct: Interval
    better: float
    selected: float
    fresh: float
    optimism_pct: float


def confirmation(study: Study) -> Confirmation | None:
    """What the fresh seeds say; None where winner and starting point have none in common."""
    best = winner(study)
    start = root(study, best) if best is not None else None
    if best is None or start is None or best.name == start.name:
        return None
    own, other = afterwards(study, best, CONFIRM), afterwards(study, start, CONFIRM)
    gains = gains_pct(study, own, other)
    if not gains:
        return None
    fresh = fmean(own.values())
    optimism = gain_pct(study, best.objective, fresh) if fresh else math.nan
    better = _better(study, gains)
    return Confirmation(best, start, gains, interval(gains), better, best.objective, fresh, optimism)


def _better(study: Study, gains: tuple[float, ...]) -> float:
    """Probability that the mean gain is above 0.

    The bootstrap of three values knows only "all of them above 0". So the scatter of these gains is pooled
    with the study's noise floor, which counts for two degrees of freedom, and the mean is taken to lie about
    the true gain as Student's t (Gelman et al., Bayesian Data Analysis, 3rd ed. 2013, section 3.2).
    """
    count = len(gains)
    floor = noise(study).paired_pct
    degrees = WEIGHT + count - 1
    scatter = sum((gain - fmean(gains)) ** 2 for gain in gains)
    error = math.sqrt((WEIGHT * floor**2 + scatter) / degrees / count)
    return share_below(fmean(gains) / error, degrees) if error else float(fmean(gains) > 0)
