"""Confirmation: what a search chose and its starting point on seeds that nothing was chosen by."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from autoloop.loop.score.certainty import better_than_zero, interval_of_mean
from autoloop.loop.score.front import front
from autoloop.loop.score.noise import noise
from autoloop.loop.score.pairs import LOST, afterwards, results
from autoloop.loop.score.projection import each_objective
from autoloop.loop.score.reduction import chosen, root
from autoloop.study.compare import Scale
from autoloop.study.record import CONFIRM, Job, Study


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The gain of what a search chose over its starting point on fresh seeds.

    Attributes:
        chosen: What the search chose.
        start: Its starting point.
        gains_pct: Gain in percent, one for each fresh seed.
        gain_pct: Their mean.
        interval_pct: Where the true mean lies with 90 %: `autoloop.loop.score.certainty.interval_of_mean`.
        better: Probability (0 to 1) that it is better.
        selected: Its result at the seed it was chosen by.
        fresh: Its mean result on the fresh seeds.
        optimism_pct: How much better the first is than the second, in percent: the luck of having been
            chosen, and of the seed.
        reference: Mean result of the starting point on the fresh seeds.
        scale: What the percent are of: `autoloop.study.compare`.
    """

    chosen: Job
    start: Job
    gains_pct: tuple[float, ...]
    gain_pct: float
    interval_pct: tuple[float, float]
    better: float
    selected: float
    fresh: float
    optimism_pct: float
    reference: float
    scale: Scale


def confirmation(study: Study) -> Confirmation | None:
    """What the fresh seeds say; None where both have none in common."""
    best = chosen(study)
    return None if best is None else confirmation_of(study, best)


def confirmation_of(study: Study, best: Job) -> Confirmation | None:
    """What fresh seeds say of a job and its starting point; None where both have none in common."""
    start = root(study, best)
    if best.place == start.place:
        return None
    own, other = afterwards(study, best, CONFIRM), afterwards(study, start, CONFIRM)
    known = results(study)
    gains = known.compare(own, other)
    if not gains:
        return None
    fresh, floor = fmean(own.values()), noise(study).paired_pct
    return Confirmation(
        chosen=best,
        start=start,
        gains_pct=gains,
        gain_pct=fmean(gains),
        interval_pct=interval_of_mean(gains, floor),
        better=better_than_zero(gains, floor),
        selected=best.objective,
        fresh=fresh,
        optimism_pct=known.gain_pct(best.objective, fresh),
        reference=fmean(other.values()),
        scale=known.scale,
    )


def front_confirmed(study: Study) -> list[tuple[Job, list[Confirmation]]]:
    """The points of the front that ran on fresh seeds: what these say of each objective."""
    each = each_objective(study)
    found = [(job, [confirmation_of(one, one.jobs[job.job]) for one in each]) for job in front(study)]
    return [(job, gains) for job, whole in found if (gains := [one for one in whole if one is not None])]


def broken_seeds(study: Study, job: Job) -> int:
    """On how many fresh seeds a job's config diverged, or was stopped as broken."""
    runs = (one for one in study.counted() if one.rule == CONFIRM and one.origin == job.place)
    return sum(one.state in LOST for one in runs)


def believed(study: Study) -> Job | None:
    """What a search found: what it chose, or the starting point where fresh seeds speak for that.

    They do where the mean gain is below 0, or where the choice broke on more of them; but not where the
    search ended with a run that has all that ``until`` asks for, which the starting point has not, nor where
    the starting point's own run came to no result.
    """
    best = chosen(study)
    if best is None or study.worthy or not study.closing:
        return best
    start, found = root(study, best), confirmation(study)
    worse = found is not None and found.gain_pct < 0
    if not start.known:
        return best
    return start if worse or broken_seeds(study, best) > broken_seeds(study, start) else best
