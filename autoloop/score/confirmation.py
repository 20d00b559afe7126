"""Confirmation: winner and starting point on seeds that nothing was chosen by."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean

from autoloop.score.certainty import better_than_zero, interval_of_mean
from autoloop.score.noise import noise
from autoloop.score.pairs import afterwards, gain_pct, gains_pct
from autoloop.score.reduction import root, winner
from autoloop.study import CONFIRM, Job, Study
from autoloop.trials import TrialState


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The winner's gain over its starting point on fresh seeds.

    Attributes:
        winner: The winner.
        start: Its starting point.
        gains_pct: Gain in percent, one for each fresh seed.
        gain_pct: Their mean.
        interval_pct: Where the true mean lies with 90 %: `autoloop.score.certainty.interval_of_mean`.
        better: Probability (0 to 1) that the winner is better.
        selected: The winner's result at the seed it was chosen by.
        fresh: Its mean result on the fresh seeds.
        optimism_pct: How much better the first is than the second, in percent: the luck of having been
            chosen, and of the seed.
    """

    winner: Job
    start: Job
    gains_pct: tuple[float, ...]
    gain_pct: float
    interval_pct: tuple[float, float]
    better: float
    selected: float
    fresh: float
    optimism_pct: float


def seeds_without_result(study: Study) -> int:
    """On how many fresh seeds the winner came to no result, though it ended: it diverged, or failed."""
    best = winner(study)
    runs = [
        job for job in study.counted() if job.plan.rule == CONFIRM and best and job.plan.parent == best.name
    ]
    return sum(job.state not in (None, TrialState.INTERRUPTED) and not job.known for job in runs)


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
    fresh, floor = fmean(own.values()), noise(study).paired_pct
    return Confirmation(
        winner=best,
        start=start,
        gains_pct=gains,
        gain_pct=fmean(gains),
        interval_pct=interval_of_mean(gains, floor),
        better=better_than_zero(gains, floor),
        selected=best.objective,
        fresh=fresh,
        optimism_pct=gain_pct(study, best.objective, fresh) if fresh else math.nan,
    )
