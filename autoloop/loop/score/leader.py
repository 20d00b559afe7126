"""Who leads: jobs ranked by all seeds they ran with, and those that cannot be told from the first."""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean

from autoloop.loop.objective import is_all_zero
from autoloop.loop.score.averages import averages, result_of, seeds_of
from autoloop.loop.score.noise import noise
from autoloop.loop.score.pairs import Results, results
from autoloop.study.record import ANEW, Job, Study


def standings(study: Study) -> dict[int, float]:
    """Place of each job with a result, measurements aside -> its objective, corrected by further seeds.

    A job that ran with several seeds is compared with the best one at every seed that both have; its standing
    is the best one's objective, better or worse by the mean of these gains. With the one seed that all share
    it is the objective itself. Where each configuration runs with several seeds (``seeds``), it is their
    mean; a job that lacks a result on some of them is compared with the best one's mean in the same way.
    Jobs that all returned 0 have none, nor has one that breaks a constraint.
    """
    best = study.best()
    if best is None or is_all_zero(study):
        return {}
    known, averaged = results(study), averages(study)
    whole = {place: one.values[0] for place, one in averaged.items() if one.seeds == seeds_of(study)}
    reference = result_of(best, averaged)
    jobs = [job for job in study.counted() if job.known and job.feasible and not job.measures]
    corrected = set(known.with_several_seeds) if best.place in known.with_several_seeds else set()
    if reference != best.objective:
        corrected = {job.place for job in jobs}
    return {
        **{job.place: job.objective for job in jobs},
        **{job.place: _standing(job, best, known, reference) for job in jobs if job.place in corrected},
        **{job.place: whole[job.place] for job in jobs if job.place in whole},
    }


def _standing(job: Job, best: Job, known: Results, reference: float) -> float:
    gains = known.gains_pct(job, best)
    if len(gains) < 2 and reference == best.objective:  # the one seed alone: nothing to correct
        return job.objective
    sign = 1 if known.maximize else -1
    return reference + sign * fmean(gains) / 100 * known.scale.unit(best.objective)


def ranked(study: Study) -> list[Job]:
    """The jobs that have a standing, the best first; of equals the one that was planned first."""
    values = standings(study)
    sign = -1 if study.maximize else 1
    jobs = [job for job in study.counted() if job.place in values and not job.measures]
    return sorted(jobs, key=lambda job: sign * values[job.place])


def leader(study: Study) -> Job | None:
    """The job that ended the search by what ``until`` asks for, else that with the best standing.

    None while none has a result, and where a front takes its place (`autoloop.loop.score.front`). Once the
    search is over a warm start is none: its settings count with what they come to from the beginning.
    """
    if study.aims.several:
        return None
    first = _first(study, lambda job: not (study.closing and study.is_warm(job)))
    worthy = study.by_name(study.worthy)
    if worthy is None:
        return first
    return worthy if not (study.closing and study.is_warm(worthy)) else anew(study, worthy) or first


def _first(study: Study, fits: Callable[[Job], bool]) -> Job | None:
    return next((job for job in ranked(study) if fits(job)), None)


def anew(study: Study, job: Job) -> Job | None:
    """The run that trained a warm start's settings from the beginning; None where none has a result."""
    runs = (one for one in study.counted() if one.rule == ANEW and one.origin == job.place)
    return next((one for one in runs if one.known), None)


def unproven(study: Study) -> Job | None:
    """The warm start that leads and was not trained from the beginning yet; None where there is none."""
    tried = {one.origin for one in study.counted() if one.rule == ANEW}
    refused = {one.trial for group in study.refused.values() for one in group if one.rule == ANEW}
    worthy = study.by_name(study.worthy)
    best = worthy or _first(study, lambda job: job.place not in tried and job.name not in refused)
    fresh = best is not None and best.place not in tried and best.name not in refused
    return best if best is not None and fresh and study.is_warm(best) else None


def contenders(study: Study, most: int) -> list[Job]:
    """The best ``most`` jobs, as far as the leader does not beat them by more than the noise; else none."""
    jobs = ranked(study)
    if not jobs:
        return []
    floor, known = noise(study), results(study)
    close = []
    for job in jobs[:most]:
        gains = known.gains_pct(job, jobs[0])
        if gains and abs(fmean(gains)) <= floor.margin_pct(len(gains)):
            close.append(job)
    return close if len(close) > 1 else []
