"""The study as a state machine: what it is (values in), what to do next (a step out). No file, no clock.

`next_step` looks at the record of a study and says what is due: run jobs, decide about a round, plan a round,
or stop. How a round is filled is in `autoloop.filling`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from autoloop.score.progress import rounds_without_gain
from autoloop.study import Job, Study
from autoloop.trials import TrialState
from autoloop.until import Condition, met


@dataclass(frozen=True, slots=True)
class Limits:
    """When a study ends, whatever the rules say.

    Attributes:
        rounds: Rounds in all.
        max_jobs: Jobs in all, retries not counted; None for no limit.
        max_hours: Hours of running in all, over restarts; None for no limit.
        max_failures: Failed jobs in a row that end the study; None for no limit.
        retries: How often a failed job is tried again.
        fail_fast: End the study at the first failed job.
        patience: Rounds in a row without a gain over the noise that end the study; None for no limit.
        until: The study ends with the round that brings a job for which all of these hold; none for no such
            end.
    """

    rounds: int = 1
    max_jobs: int | None = None
    max_hours: float | None = None
    max_failures: int | None = None
    retries: int = 0
    fail_fast: bool = False
    patience: int | None = None
    until: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Flow:
    """How rounds follow each other.

    Attributes:
        barrier: Whether a round is decided about when it is complete; else whenever a slot is free, from what
            is known then. A round is then as many jobs as there are slots.
        quorum: Share (above 0, up to 1) of a round's jobs that must have ended for it to be complete; what
            the others say feeds the next decision.
        refill: Whether the slot of a job that a stop rule ended is given to another idea in the same round.
        slots: How many jobs run at a time; None where the launcher does not tell.
    """

    barrier: bool = True
    quorum: float = 1.0
    refill: bool = True
    slots: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """Run these jobs, then ask again."""

    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class Requeue:
    """Give this job a new number and run it again."""

    job: Job


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is to be done until a job ends."""


@dataclass(frozen=True, slots=True)
class Decide:
    """Ask the rules about the jobs that ended; the round they are recorded under."""

    round: int


@dataclass(frozen=True, slots=True)
class PlanRound:
    """Fill the round of this number; with a number of places only a further part of it."""

    round: int
    places: int | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """The study ends, and why."""

    reason: str
    failed: bool = False


Step = Run | Requeue | Wait | Decide | PlanRound | Stop


def next_step(study: Study, limits: Limits, flow: Flow = Flow()) -> Step:
    """What is due next.

    Args:
        study: The record so far.
        limits: When to end.
        flow: How rounds follow each other.
    """
    if not study.jobs:
        return PlanRound(1)
    ended = _ended_early(study, limits)
    if ended:
        return ended
    retry = next((job for job in study.counted() if _again(study, job, limits)), None)
    if retry:
        return Requeue(retry)
    waiting = tuple(study.waiting())
    if waiting:
        return Run(waiting)
    last = study.rounds[-1]
    if study.running() and not _complete(study, last, flow):
        return _meanwhile(study, last, limits, flow)
    if study.unjudged() or (last not in study.decisions and not study.running()):
        return Decide(last)
    if last == 1 and 1 not in study.decisions:
        return Wait()
    enough = _found_enough(study, limits, flow)
    if enough:
        return Wait() if study.running() else enough
    return PlanRound(last + 1) if flow.barrier else _one_more(study, last, flow)


def _complete(study: Study, number: int, flow: Flow) -> bool:
    """Whether enough jobs of a round have ended to decide about it."""
    if not flow.barrier:
        return True
    jobs = study.of_round(number)
    return sum(job.state is not None for job in jobs) >= math.ceil(flow.quorum * len(jobs) - 1e-9)


def _meanwhile(study: Study, number: int, limits: Limits, flow: Flow) -> Step:
    """What to do with a free slot while jobs of the round run: replace a job that was stopped, or wait."""
    jobs = study.of_round(number)
    stopped = sum(job.stop_step is not None for job in jobs)
    replaced = len(jobs) - study.planned.get(number, len(jobs))
    full = limits.max_jobs is not None and len(study.counted()) >= limits.max_jobs
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
        found = ", ".join(condition.told(worthy) for condition in limits.until)
        return Stop(f"{worthy.name} meets every condition of until ({found})")
    rounds = len(study.rounds)
    open_round = not flow.barrier and _one_more(study, study.rounds[-1], flow).round == study.rounds[-1]
    if rounds >= limits.rounds and not open_round:
        return Stop(f"all {limits.rounds} rounds are done" if limits.rounds > 1 else "the round is done")
    if limits.max_jobs is not None and len(study.counted()) >= limits.max_jobs:
        return Stop(f"all {limits.max_jobs} jobs (max_jobs) are done")
    waited = rounds_without_gain(study) if limits.patience is not None else 0
    if limits.patience is not None and waited >= limits.patience:
        return Stop(f"{waited} rounds in a row brought no gain over the noise (patience={limits.patience})")
    return None


def _ended_early(study: Study, limits: Limits) -> Stop | None:
    failed = [job for job in study.counted() if _failed(job) and not _again(study, job, limits)]
    if limits.fail_fast and failed:
        return Stop(f"job {failed[0].job} ({failed[0].name}) failed and fail_fast is set", failed=True)
    streak = failures_in_a_row(study)
    if limits.max_failures is not None and streak >= limits.max_failures:
        return Stop(f"{streak} jobs failed in a row (max_failures={limits.max_failures})", failed=True)
    hours = study.seconds / 3600
    if limits.max_hours is not None and hours >= limits.max_hours:
        return Stop(f"the time is up: {hours:.2f} hours (max_hours={limits.max_hours:g})")
    return None


def failures_in_a_row(study: Study) -> int:
    """How many of the jobs that ended last failed, without one between that did not."""
    ended = sorted((job for job in study.counted() if job.state), key=lambda job: job.ended_at)
    streak = 0
    for job in ended:
        if _failed(job):
            streak += 1
        elif job.state is not TrialState.INTERRUPTED:
            streak = 0
    return streak


def _failed(job: Job) -> bool:
    return job.state in (TrialState.FAILED, TrialState.TIMEOUT)


def _again(study: Study, job: Job, limits: Limits) -> bool:
    """Whether this job is to be tried again.

    After a failure `retries` times. After an interruption always where the whole study was interrupted, once
    where something on the machine ended the job alone.
    """
    if job.state not in (TrialState.INTERRUPTED, TrialState.FAILED):
        return False
    tries = [other.state for other in study.jobs.values() if other.name == job.name]
    if job.state is TrialState.INTERRUPTED:
        return tries.count(TrialState.INTERRUPTED) <= 1 + len(study.resumes)
    return tries.count(TrialState.FAILED) <= limits.retries
