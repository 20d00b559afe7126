"""What a study of several objectives, or with constraints, came to, in words."""

from __future__ import annotations

import math

from autoloop.curves.aims import Constraint
from autoloop.errors import counted
from autoloop.loop.score.averages import Averages, averages
from autoloop.loop.score.confirmation import Confirmation, front_confirmed
from autoloop.loop.score.front import front, hypervolumes
from autoloop.study.record import Job, Study

LISTED = 6
"""Points of a front that one sentence names."""


def numbers(study: Study, job: Job, averaged: Averages) -> dict[str, float]:
    """Name of each of several objectives -> a job's number, NaN where it has none.

    Args:
        study: The record.
        job: The job.
        averaged: Means over several seeds, which take the place of a job's own numbers; empty for these.
    """
    aims = study.aims.objectives
    if job.place in averaged:
        return dict(zip([one.name for one in aims], averaged[job.place].values, strict=True))
    pairs = zip(aims, job.losses or [math.nan] * len(aims), strict=True)
    return {one.name: (-1 if one.maximize else 1) * loss for one, loss in pairs}


def describe_numbers(study: Study, job: Job, averaged: Averages) -> str:
    """The objectives of a job in words: ``eval/success 0.92, latency_ms 18.1, mean of 3 seeds``."""
    found = ", ".join(f"{name} {value:.4g}" for name, value in numbers(study, job, averaged).items())
    return found + describe_mean(job, averaged)


def describe_mean(job: Job, averaged: Averages) -> str:
    """Of how many seeds a job's numbers are the mean, after a comma; empty where they are its own."""
    return f", mean of {averaged[job.place].seeds} seeds" if job.place in averaged else ""


def broken(study: Study, job: Job) -> str:
    """Which constraints a job breaks, with its own numbers; empty where it keeps all, or has no result."""
    values = job.details.values
    found = study.aims.broken(values) if job.known else ()
    return ", ".join(
        f"{_value(one, values.get(one.name))} instead of {one.op} {one.limit:g}" for one in found
    )


def _value(one: Constraint, value: float | None) -> str:
    return f"{one.name} {'unknown' if value is None else format(value, '.4g')}"


def no_feasible(study: Study) -> str:
    """That trials have results and none keeps the constraints, as a clause; empty where one does."""
    known = [job for job in study.counted() if job.known and not job.measures]
    if not known or any(job.feasible for job in known):
        return ""
    near = min(known, key=_excess)
    which = f"each of the {len(known)} trials with a result" if len(known) > 1 else "the one with a result"
    return (
        f"no feasible trial: {which} breaks a constraint; the nearest is {near.name}: {broken(study, near)}"
    )


def _excess(job: Job) -> float:
    """How far a job is beyond its constraints, each in its own unit; of an unknown number nobody can say."""
    return sum(math.inf if math.isnan(one) else max(one, 0.0) for one in job.excess)


def describe_front(study: Study) -> str:
    """The front as a clause; empty where there is none."""
    points, averaged = front(study), averages(study)
    if not points:
        return ""
    listed = "; ".join(f"{job.name} ({describe_numbers(study, job, averaged)})" for job in points[:LISTED])
    more = f"; and {len(points) - LISTED} more" if len(points) > LISTED else ""
    line = f"the front has {counted(len(points), 'trial')}: {listed}{more}"
    fresh = (
        f"{job.name} on fresh seeds: {_describe_fresh(study, each)}" for job, each in front_confirmed(study)
    )
    return "; ".join([line, *fresh])


def describe_growth(study: Study) -> str:
    """Which trial last added to the front, and how much, as a clause; empty where there is none."""
    ended = [job for job in study.jobs.values() if job.known and math.isfinite(job.ended_at)]
    jobs = sorted(ended, key=lambda job: job.ended_at)
    reached = hypervolumes(study, jobs) if study.aims.several else []
    steps = [(now - before, job) for before, now, job in zip([0.0, *reached], reached, jobs, strict=False)]
    gain, last = next((step for step in reversed(steps) if step[0] > 0), (0.0, None))
    if last is None:
        return ""
    since = len({job.place for job in jobs[jobs.index(last) + 1 :] if not job.measures})
    after = f", {counted(since, 'trial')} ago" if since else ""
    return f"{last.name} added {100 * gain:.2g} % of its hypervolume{after}"


def _describe_fresh(study: Study, each: list[Confirmation]) -> str:
    """What fresh seeds say of a point, objective by objective."""
    return ", ".join(
        f"{aim.name} {found.fresh:.4g}, "
        f"{found.scale.amount(found.gain_pct, found.reference)} "
        f"{'better' if found.gain_pct >= 0 else 'worse'} "
        f"than {found.start.name} (better with probability {found.better:.2f})"
        for aim, found in zip(study.aims.objectives, each, strict=False)
    )
