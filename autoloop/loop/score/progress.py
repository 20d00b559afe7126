"""Progress of a study: whether its rounds still bring gains."""

from __future__ import annotations

from autoloop.loop.score.front import brings_news
from autoloop.loop.score.noise import noise
from autoloop.loop.score.pairs import results
from autoloop.study.record import Job, Study


def rounds_without_gain(study: Study) -> int:
    """How many of the latest rounds brought no gain over the best before them that is more than noise.

    The two are compared at the seeds they share. Round 1, which has nothing to beat, brings no gain and costs
    no patience. With several objectives a gain is a trial that is better than each one before it in some
    objective by more than noise.
    """
    if study.aims.several:
        return _rounds_without_news(study)
    known, floor = results(study), noise(study)
    leader: Job | None = None
    waited = 0
    for number in study.rounds:
        best = _best(study, _found_in(study, number))
        if leader is None:
            leader = best
            continue
        gains = known.gains_pct(best, leader) if best else ()
        if best and gains and sum(gains) / len(gains) > floor.margin_pct(len(gains)):
            leader, waited = best, 0
        else:
            waited += 1
    return waited


def _rounds_without_news(study: Study) -> int:
    before: list[Job] = []
    waited = 0
    for number in study.rounds:
        found = _found_in(study, number)
        news = bool(before) and any(brings_news(study, job, before) for job in found)
        waited = 0 if news or not before else waited + 1
        before += found
    return waited


def _found_in(study: Study, number: int) -> list[Job]:
    jobs = study.of_round(number)
    return [job for job in jobs if job.known and job.feasible and not job.measures]


def _best(study: Study, jobs: list[Job]) -> Job | None:
    pick = max if study.maximize else min
    return pick(jobs, key=lambda job: job.objective, default=None)
