"""The probe of the learning rate in a study's record: whether it is over, and what round 1 does then."""

from __future__ import annotations

import math

from autoloop.loop.steps import Limits, PlanRound, Wait
from autoloop.study.record import PROBE, Job, Study
from autoloop.study.trials import TrialState


def probes_of(study: Study) -> list[Job]:
    """The probes of round 1, as they were planned."""
    return [study.jobs[job] for job in study.tally.probes if study.jobs[job].retried_by is None]


def baseline_of(study: Study) -> Job:
    """The job beside which probes run: the first one planned."""
    return study.of_round(1)[0]


def is_judged(study: Study) -> bool:
    """Whether nothing more is to be learnt of the probes: they were compared, or all of them have ended."""
    return study.probed is not None or all(job.state is not None for job in probes_of(study))


def best_rate(study: Study) -> Job:
    """The job that has the best learning rate: the probe that goes on, else the baseline.

    Where all ended before anybody looked, it is the best of those that completed.
    """
    start = baseline_of(study)
    if study.probed is not None and study.probed.best is not None:
        return study.jobs[study.probed.best]
    if study.probed is not None:
        return start
    sign = -1 if study.maximize else 1
    complete = [job for job in (start, *probes_of(study)) if job.known]
    return min(complete, key=lambda job: sign * job.objective, default=start)


def probe_step(study: Study, limits: Limits) -> Wait | PlanRound | None:
    """What is due because of probes; None where nothing is.

    Until they are judged no other decision is made. Then round 1 gets a job for each probe that ended, as far
    as the budget goes.
    """
    probes = probes_of(study) if study.tally.probes else []
    if not probes or study.rounds != [1] or PROBE in study.measured:
        return None
    if not is_judged(study):
        return Wait()
    over = [job for job in probes if not job.goes_on and job.state is not TrialState.COMPLETE]
    if not over or baseline_of(study).state not in (None, TrialState.COMPLETE):
        return None
    room = len(over)
    if limits.max_jobs is not None:
        room = min(room, math.floor((limits.max_jobs - study.searched) / limits.seeds))
    return PlanRound(1, places=room, aim=PROBE) if room > 0 else None
