"""The study as a state machine: what it is (values in), what to do next (a step out). No file, no clock.

`next_step` looks at the record of a study and says what is due: run jobs, decide about a round, plan a round,
or stop. How a round is filled is in `autoloop.loop.filling`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from autoloop.errors import counted
from autoloop.loop.closing import is_closing, measurement, race
from autoloop.loop.controls.effect import limits_of
from autoloop.loop.objective import nothing_to_judge_by
from autoloop.loop.probing import probe_step
from autoloop.loop.score.progress import rounds_without_gain
from autoloop.loop.steps import (
    ROUNDS,
    Close,
    Decide,
    Flow,
    Hold,
    Limits,
    PlanRound,
    Requeue,
    Reseed,
    Run,
    Step,
    Stop,
    TakeBack,
    Wait,
)
from autoloop.loop.until import met
from autoloop.study.record import PROBE, Job, Study
from autoloop.study.trials import TrialState

__all__ = [
    "Close",
    "Decide",
    "Flow",
    "Hold",
    "Limits",
    "PlanRound",
    "Requeue",
    "Reseed",
    "Run",
    "Step",
    "Stop",
    "TakeBack",
    "Wait",
    "at_end",
    "failures_in_a_row",
    "next_step",
]


def next_step(study: Study, limits: Limits, flow: Flow = ROUNDS) -> Step:
    """What is due next.

    Args:
        study: The record so far.
        limits: When to end, but for what users changed since.
        flow: How rounds follow each other.
    """
    if not study.jobs:
        return PlanRound(1)
    limits = limits_of(study, limits)
    ended = _ended_early(study, limits) or _as_requested(study)
    if ended:
        return ended
    retry = next((job for job in study.troubled() if _again(study, job, limits)), None)
    if retry:
        return Requeue(retry)
    waiting = study.waiting()
    if waiting:
        return _allowed(study, waiting, flow)
    if is_closing(study, limits):
        return _closing_step(study, limits)
    probing = probe_step(study, limits)
    if probing:
        return probing
    last = study.rounds[-1]
    if study.running() and not _complete(study, last, flow):
        return _meanwhile(study, last, limits, flow)
    if study.unjudged() or (last not in study.decisions and not study.running()):
        return Decide(last)
    if last == 1 and 1 not in study.decisions:
        return Wait()
    blind = "" if study.running() else nothing_to_judge_by(study, limits)
    if blind:
        return Stop(blind, failed=True)
    enough = _found_enough(study, limits, flow)
    if enough:
        return Wait() if study.running() else at_end(study, limits, enough)
    raced = race(study, limits) if not study.running() else None
    if raced:
        return raced
    return PlanRound(last + 1) if flow.barrier else _one_more(study, last, flow)


def _as_requested(study: Study) -> Stop | Hold | None:
    """What a user asked of the study as a whole: that it ends, or pauses."""
    controls = study.controls
    if controls.ending:
        return Stop(f"the study was {controls.ending}")
    return Hold(controls.paused) if controls.paused else None


def _allowed(study: Study, waiting: Sequence[Job], flow: Flow) -> Run | Hold:
    """The jobs that may start: where each round waits for a yes, those of rounds that have one."""
    yes = study.controls.approved
    allowed = tuple(job for job in waiting if not flow.needs_approval or job.round in yes)
    return Run(allowed) if allowed else Hold(f"round {waiting[0].round} waits for a yes")


def at_end(study: Study, limits: Limits, stop: Stop) -> Close | Stop:
    """What is due where the search ends: the measurements that are still wanted, else the end itself."""
    wanted = measurement(replace(study, worthy=stop.worthy), limits)
    return stop if wanted is None else Close(stop.reason, stop.worthy)


def _closing_step(study: Study, limits: Limits) -> Step:
    """What is due after the search: one measurement after the other, then the end."""
    if study.running():
        return Wait()
    return measurement(study, limits) or Stop(
        study.closing.reason if study.closing else "", worthy=study.worthy
    )


def _complete(study: Study, number: int, flow: Flow) -> bool:
    """Whether enough jobs of a round have ended to decide about it."""
    if not flow.barrier:
        return True
    jobs = study.of_round(number)
    return sum(job.state is not None for job in jobs) >= math.ceil(flow.quorum * len(jobs) - 1e-9)


def _meanwhile(study: Study, number: int, limits: Limits, flow: Flow) -> Step:
    """What to do with a free slot while jobs of the round run: replace a job that was stopped, or wait."""
    jobs, begun = study.of_round(number), study.begun_with(number)
    stopped = sum(job.stop_step is not None and not job.probes for job in jobs)
    replaced = sum(not job.measures for job in jobs) - sum(not job.measures for job in begun)
    replaced -= sum(job.probes and not job.goes_on for job in jobs) if PROBE in study.measured else 0
    full = limits.max_jobs is not None and study.searched > limits.max_jobs - 1
    if not flow.refill or replaced >= stopped or full or limits.rounds == 1:
        return Wait()
    return Decide(number) if study.unjudged() else PlanRound(number, places=1)


def _one_more(study: Study, last: int, flow: Flow) -> PlanRound:
    """Without a barrier: one more job, in this round while it has fewer jobs than there are slots."""
    size = max(flow.slots or 1, study.planned.get(1, 1) if last == 1 else 0)
    full = len(study.of_round(last)) >= size
    return PlanRound(last + 1 if full else last, places=1)


def _found_enough(study: Study, limits: Limits, flow: Flow) -> Stop | None:
    """The end of a search that went as it should."""
    worthy = met(study, limits.until)
    if worthy:
        found = ", ".join(condition.describe(worthy) for condition in limits.until)
        return Stop(f"{worthy.name} meets every condition of until ({found})", worthy=worthy.name)
    rounds = len(study.rounds)
    open_round = not flow.barrier and _one_more(study, study.rounds[-1], flow).round == study.rounds[-1]
    if rounds >= limits.rounds and not open_round:
        return Stop(f"all {limits.rounds} rounds are done" if limits.rounds > 1 else "the round is done")
    if limits.max_jobs is not None and study.searched > limits.max_jobs - 1:
        return Stop(_all_done(study.searched, limits.max_jobs))
    steps = study.trained if limits.max_steps is not None else 0
    if limits.max_steps is not None and steps >= limits.max_steps:
        return Stop(f"{counted(steps, 'step')} were trained in all (max_steps={limits.max_steps})")
    waited = rounds_without_gain(study) if limits.patience is not None else 0
    if limits.patience is not None and waited >= limits.patience:
        return Stop(
            f"{counted(waited, 'round')} in a row brought no gain over the noise (patience={limits.patience})"
        )
    return None


def _all_done(searched: float, most: int) -> str:
    """That the budget of jobs is used up; with probes of the learning rate it may end between two jobs."""
    if searched < most:
        return f"{searched:g} of {most} jobs (max_jobs) are done, and a whole one is too many"
    return f"all {most} jobs (max_jobs) are done" if most > 1 else "the one job (max_jobs) is done"


def _ended_early(study: Study, limits: Limits) -> Stop | None:
    troubled = study.troubled() if limits.fail_fast else []
    failed = [job for job in troubled if _failed(job) and not _again(study, job, limits)]
    if failed:
        return Stop(f"job {failed[0].job} ({failed[0].name}) failed and fail_fast is set", failed=True)
    streak = failures_in_a_row(study) if limits.max_failures is not None else 0
    if limits.max_failures is not None and streak >= limits.max_failures:
        return Stop(
            f"{counted(streak, 'job')} failed in a row (max_failures={limits.max_failures})", failed=True
        )
    hours = study.seconds / 3600
    if limits.max_hours is not None and hours >= limits.max_hours:
        return Stop(f"the time is up: {hours:.2f} hours (max_hours={limits.max_hours:g})")
    return None


def failures_in_a_row(study: Study) -> int:
    """How many of the jobs that ended last failed, without one between that did not."""
    streak = 0
    for job in study.ended_last():
        if _failed(job):
            streak += 1
        elif job.state is not TrialState.INTERRUPTED:
            break
    return streak


def _failed(job: Job) -> bool:
    return job.state in (TrialState.FAILED, TrialState.TIMEOUT)


def _again(study: Study, job: Job, limits: Limits) -> bool:
    """Whether this job is to be tried again.

    After a failure `retries` times. After an interruption always where the whole study was interrupted, once
    where something on the machine ended the job alone.
    """
    if job.state is TrialState.FAILED and not limits.retries:
        return False
    tries = [other.state for other in study.tries(job)]
    if job.state is TrialState.INTERRUPTED:
        return tries.count(TrialState.INTERRUPTED) <= 1 + len(study.resumes)
    return job.state is TrialState.FAILED and tries.count(TrialState.FAILED) <= limits.retries
