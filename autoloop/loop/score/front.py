"""The front: what a search of several objectives found, of which no trial is better than another in all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from autoloop.loop.score.averages import Averages, averages
from autoloop.loop.score.leader import standings
from autoloop.loop.score.noise import noise
from autoloop.loop.score.pairs import results
from autoloop.loop.score.projection import each_objective
from autoloop.study.dominance import Floats, is_front
from autoloop.study.hypervolume import MARGIN, hypervolume, shares, unit_scaled
from autoloop.study.record import Job, Study

Losses = Mapping[int, tuple[float, ...]]
"""Place of a job -> its objectives, turned so that lower is better."""


def standing_losses(study: Study) -> Losses:
    """Every feasible job with a result, measurements aside: its objectives, corrected by further seeds.

    Each objective for itself, see `autoloop.loop.score.leader.standings`.
    """
    each = each_objective(study)
    values = [standings(one) for one in each]
    signs = [-1 if one.maximize else 1 for one in each]
    return {
        place: tuple(sign * found[place] for sign, found in zip(signs, values, strict=True))
        for place in values[0]
    }


def front(study: Study) -> list[Job]:
    """The feasible jobs that no other is better than in every objective, the best of the first one first.

    Empty where the study has one objective, or no feasible job has a result.
    """
    if not study.aims.several:
        return []
    found = standing_losses(study)
    if not found:
        return []
    kept = is_front(np.array(list(found.values())))
    places = [place for place, keep in zip(found, kept, strict=True) if keep]
    jobs = [job for place in places if (job := study.at(place)) is not None]
    return sorted(jobs, key=lambda job: (*found[job.place], job.place))


def most_telling(study: Study, most: int) -> list[Job]:
    """The points of the front without which it would lose most of its hypervolume, as the front has them."""
    jobs = front(study)
    if len(jobs) <= most:
        return jobs
    worth = shares(_as_losses(study, jobs, averages(study)))
    chosen = set(np.argsort(-worth, kind="stable")[:most].tolist())
    return [job for place, job in enumerate(jobs) if place in chosen]


def hypervolumes(study: Study, jobs: Sequence[Job]) -> list[float]:
    """The hypervolume of the front after each of some jobs, as a share of what all of them reach together.

    Args:
        study: The record.
        jobs: Jobs in the order they ended.
    """
    count = len(study.aims.objectives)
    losses = _as_losses(study, [job for job in jobs if _counts(job)], averages(study))
    if not len(losses):
        return [0.0] * len(jobs)
    whole = losses[is_front(losses)]
    scaled, corner = iter(unit_scaled(losses, whole)), np.full(count, 1 + MARGIN)
    most = hypervolume(unit_scaled(whole, whole), corner)
    ahead, reached, found = np.empty((0, count)), 0.0, []
    for job in jobs:
        if _counts(job):
            result = next(scaled)
            if not (ahead <= result).all(axis=1).any():  # else the front is as it was
                ahead = np.vstack([ahead, result])
                ahead = ahead[is_front(ahead)]
                reached = hypervolume(ahead, corner) / most
        found.append(reached)
    return found


def _counts(job: Job) -> bool:
    return job.known and job.feasible and not job.measures


def brings_news(study: Study, job: Job, before: Sequence[Job]) -> bool:
    """Whether a job is better than each of some others in some objective by more than the noise."""
    margins = [(results(one), noise(one).margin_pct()) for one in each_objective(study)]
    return all(
        any(gain > margin for known, margin in margins for gain in known.gains_pct(job, other)[:1])
        for other in before
    )


def _as_losses(study: Study, jobs: Sequence[Job], averaged: Averages) -> Floats:
    """The objectives of jobs, averaged over seeds, lower is better: float64 (n, number of objectives)."""
    signs = [-1 if one.maximize else 1 for one in study.aims.objectives]
    found = [
        [sign * value for sign, value in zip(signs, averaged[job.place].values, strict=True)]
        if job.place in averaged
        else job.losses
        for job in jobs
    ]
    return np.array(found, dtype=np.float64).reshape(len(jobs), len(signs))
