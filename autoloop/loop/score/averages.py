"""Results of a study in which each configuration runs with several seeds: its result is their mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from autoloop.loop.score.projection import each_objective
from autoloop.study.record import REPEAT, Job, Study


@dataclass(frozen=True, slots=True)
class Average:
    """The result of one configuration over its seeds.

    Attributes:
        values: The mean of each objective, in its own unit and sign; one number if there is one objective.
        seeds: How many seeds they are the mean of, 2 or more.
    """

    values: tuple[float, ...]
    seeds: int


Averages = Mapping[int, Average]
"""Place of a job of the search -> its result over its seeds, where it has results on more than one."""


def averages(study: Study) -> Averages:
    """Return the results of the configurations that ran with several seeds.

    Only the setting ``seeds`` makes a result a mean: in other studies the results of repeats serve to compare
    (`autoloop.loop.score.leader.standings`), and this is empty. Of more repeats than that, as the noise floor
    or a race has, the first ones count, which all configurations have.
    """
    if seeds_of(study) < 2:
        return {}
    each = [_values(one) for one in each_objective(study)]
    return {
        place: Average(tuple(fmean(one[place]) for one in each), len(values))
        for place, values in each[0].items()
        if len(values) > 1
    }


def seeds_of(study: Study) -> int:
    """The number of seeds that each configuration of a study runs with."""
    return study.header.limit("seeds") or 1


def _values(study: Study) -> dict[int, list[float]]:
    """Place of a job of the search with a result -> the objective by seed, its own seed first."""
    found: dict[int, list[float]] = {}
    for job in study.counted():
        if job.known and not job.measures:
            found[job.place] = [job.objective]
    for job in study.counted():
        values = found.get(job.origin) if job.origin is not None and job.rule == REPEAT else None
        if job.known and values is not None and len(values) < seeds_of(study):
            values.append(job.objective)
    return found


def is_further_seed(study: Study, job: Job) -> bool:
    """Whether a job is one of the further seeds of a configuration, in whose mean its result counts."""
    return job.rule == REPEAT and seeds_of(study) > 1


def result_of(job: Job, averaged: Averages) -> float:
    """The first or only objective of a job: the mean over its seeds, or its own result."""
    return averaged[job.place].values[0] if job.place in averaged else job.objective
