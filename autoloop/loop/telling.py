"""Which trials of a very long study a strategy looks through, so that a decision costs no more than before.

What a sampler learns comes from the best trials, from an even spread of the others, and from what failed of
late; the rest of a hundred thousand would cost time, and change nothing. Values only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from autoloop.strategies.failed import FAILURES
from autoloop.study.record import Job
from autoloop.study.settled import OPEN

BEST = 1024
"""So many of the best; of several objectives shared among these."""

OTHERS = 1024
"""So many of the other results, evenly from good to bad."""

LATEST = 512
"""So many that ended last as they were planned, and as many of those that failed."""

PATTERNS = 256
"""At most so many more, each the first that edited a knob that no earlier one did."""


def telling(
    ended: Sequence[Job],
    standing: Mapping[int, float],
    losses: Mapping[int, Sequence[float]],
    maximize: bool,
) -> list[Job]:
    """The jobs that tell the most, as they were planned; all of no more than `OPEN`.

    Args:
        ended: Jobs that ended, as they were planned.
        standing: Place of a job -> what it stands at; see `autoloop.loop.score.standings`.
        losses: Place of a job -> each of several objectives, lower is better; empty where there is one.
        maximize: Whether a larger standing is better.
    """
    if len(ended) <= OPEN:
        return list(ended)
    failed = [job for job in ended if job.state in FAILURES]
    chosen = {
        *(ended[0].place,),
        *_best_and_others(ended, standing, losses, maximize),
        *(job.place for job in [*failed[-LATEST:], *ended[-LATEST:]]),
        *islice(_first_of_each_knob(ended), PATTERNS),
    }
    return [job for job in ended if job.place in chosen]


def _best_and_others(
    ended: Sequence[Job],
    standing: Mapping[int, float],
    losses: Mapping[int, Sequence[float]],
    maximize: bool,
) -> Iterator[int]:
    """Yield the places of the best jobs, and of others from good to bad."""
    sign = -1 if maximize else 1
    ideas = [job for job in ended if job.known and not job.measures]
    values = [losses.get(job.place) or (sign * standing.get(job.place, job.objective),) for job in ideas]
    count = max(map(len, values), default=1)
    for number in range(count):
        worth = {
            job.place: (not job.feasible, _broken_by(job), own[number] if number < len(own) else math.inf)
            for job, own in zip(ideas, values, strict=True)
        }
        order = sorted(worth, key=worth.__getitem__)
        best, rest = order[: BEST // count], order[BEST // count :]
        yield from best
        step = max(1.0, len(rest) * count / OTHERS)
        yield from (rest[int(place * step)] for place in range(min(len(rest), OTHERS // count)))


def _broken_by(job: Job) -> float:
    """How far a job is beyond its constraints."""
    return 0.0 if job.feasible else sum(math.inf if math.isnan(one) else max(one, 0.0) for one in job.excess)


def _first_of_each_knob(ended: Sequence[Job]) -> Iterator[int]:
    """Yield the places of jobs that edited a knob that no earlier one did: what was changed stays known."""
    known: set[str] = set()
    for job in ended:
        if not job.measures and not known.issuperset(job.knobs):
            known.update(job.knobs)
            yield job.place
