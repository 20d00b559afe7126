"""Progress of a study: whether its rounds still bring gains."""

from __future__ import annotations

from autoloop.loop.score.noise import noise
from autoloop.loop.score.pairs import results
from autoloop.study.record import Job, Study


def rounds_without_gain(study: Study) -> int:
    """How many of the latest rounds brought no gain over the best before them that is more than noise.

    The two are compared at the seeds they share. Round 1, which has nothing to beat, brings no gain and costs
    no patience.
    """
    known, floor = results(study), noise(study)
    leader: Job | None = None
    waited = 0
    for number in study.rounds:
        best = _best(study, [job for job in study.of_round(number) if job.known and not job.measures])
        if leader is None:
            leader = best
            continue
        gains = known.gains_pct(best, leader) if best else ()
        if best and gains and sum(gains) / len(gains) > floor.margin_pct(len(gains)):
            leader, waited = best, 0
        else:
            waited += 1
    return waited


def _best(study: Study, jobs: list[Job]) -> Job | None:
    pick = max if study.maximize else min
    return pick(jobs, key=lambda job: job.objective, default=None)
