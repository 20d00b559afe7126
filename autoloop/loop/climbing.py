"""Climbing: the best of a search are trained for longer, level by level, and fewer at each."""

from __future__ import annotations

from collections.abc import Iterator

from autoloop.loop.score.levels import idea, levels, standing_at, start_at
from autoloop.loop.score.pairs import LOST
from autoloop.loop.steps import Climb, Lengthen
from autoloop.study.record import Job, Study


def next_level(study: Study, climb: Climb, begun: int) -> Lengthen | None:
    """The next jobs of a climb; None where it is done, or where nothing has a result to go on from.

    Args:
        study: The record.
        climb: The levels.
        begun: How many steps of the climb were taken since the search closed.
    """
    for number, step in enumerate(_steps(study, climb)):
        if number >= begun:
            return step
    return None


def _steps(study: Study, climb: Climb) -> Iterator[Lengthen]:
    """The steps of a climb as far as the results at hand tell; those that were taken come first."""
    top = len(climb.lengths) - 1
    for level in range(1, top + 1):
        below = standing_at(study, level - 1)
        going = below[: climb.keep[level - 1]]
        left = below[len(going) :]
        start = start_at(study, going[0], level - 1) if going and level < top else None
        if start is not None and start.known and start not in going:
            going = [*going, start]  # so that a gain over it is seen at this length too
            left = [job for job in left if job is not start]
        if not going:
            return
        yield _step(climb, level, going)
        while left and _is_lost(study, level):
            yield _step(climb, level, [left.pop(0)])
        if not standing_at(study, level):
            return


def _step(climb: Climb, level: int, jobs: list[Job]) -> Lengthen:
    return Lengthen("climb", tuple(job.name for job in jobs), level, climb.knob, climb.lengths[level])


def _is_lost(study: Study, number: int) -> bool:
    """Whether every run of a level was ended for what its curves say, so that another takes its place."""
    jobs = [job for level in levels(study) if level.number == number for job in level.jobs]
    return bool(jobs) and all(job.state in LOST for job in jobs)


def longer_name(study: Study, job: Job, length: int) -> str:
    """Name of the run that trains a job's config to a length."""
    return f"{idea(study, job).name}-{length}"
