"""Who leads: jobs ranked by all seeds they ran with, and those that cannot be told from the first."""

from __future__ import annotations

from statistics import fmean

from autoloop.loop.objective import is_all_zero
from autoloop.loop.score.noise import noise
from autoloop.loop.score.pairs import Results, results
from autoloop.study.record import Job, Study


def standings(study: Study) -> dict[int, float]:
    """Place of each job with a result, measurements aside -> its objective, corrected by further seeds.

    A job that ran with several seeds is compared with the best one at every seed that both have; its standing
    is the best one's objective, better or worse by the mean of these gains. With the one seed that all share
    it is the objective itself. Jobs that all returned 0 have none, nor has one that breaks a constraint.
    """
    best = study.best()
    if best is None or is_all_zero(study):
        return {}
    known = results(study)
    jobs = [job for job in study.counted() if job.known and job.feasible and not job.measures]
    return {job.place: _standing(job, best, known) for job in jobs}


def _standing(job: Job, best: Job, known: Results) -> float:
    gains = known.gains_pct(job, best)
    if len(gains) < 2:  # the one seed alone: nothing to correct
        return job.objective
    sign = 1 if known.maximize else -1
    return best.objective + sign * fmean(gains) / 100 * known.scale.unit(best.objective)


def ranked(study: Study) -> list[Job]:
    """The jobs that have a standing, the best first; of equals the one that was planned first."""
    values = standings(study)
    sign = -1 if study.maximize else 1
    jobs = [job for job in study.counted() if job.place in values and not job.measures]
    return sorted(jobs, key=lambda job: sign * values[job.place])


def leader(study: Study) -> Job | None:
    """The job that ended the search by what ``until`` asks for, else that with the best standing.

    None while none has a result, and where a front takes its place (`autoloop.loop.score.front`).
    """
    if study.aims.several:
        return None
    return study.by_name(study.worthy) or next(iter(ranked(study)), None)


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
