"""Whether what a user says can be done now, and what is said back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from autoloop.errors import EditError, counted, did_you_mean
from autoloop.loop.controls.effect import ignored_of, limits_of
from autoloop.loop.controls.words import SETTINGS
from autoloop.loop.steps import Limits
from autoloop.rules.paths import matches
from autoloop.study.controls import CONTINUE, END, FINISH, PAUSE
from autoloop.study.events import UserTold
from autoloop.study.record import Job, Study

LATE = "too late: "
"""Begins what is said of a control that comes too late."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What decides about a control beside the record.

    Attributes:
        limits: The limits that this process was started with.
        n_jobs: How many jobs it was to run at a time; None for no limit.
        slots: How many jobs its launcher can run at a time; None where it does not tell.
        asks: Whether each round waits for a yes.
        delay: When a running job hears of its end, in words: empty for at once.
        ignored: Paths that edits are kept from by a setting.
        config: Gives the baseline's config; None where that is not known yet.
    """

    limits: Limits
    n_jobs: int | None = None
    slots: int | None = None
    asks: bool = False
    delay: str = ""
    ignored: tuple[str, ...] = ()
    config: Callable[[], Mapping[str, Any]] | None = None


class _NoError(Exception):
    """It cannot be done; the message says why."""


def judge(told: UserTold, study: Study, standing: Standing) -> UserTold:
    """Say whether a request is done, and what comes of it.

    Args:
        told: The request.
        study: The record.
        standing: What decides besides.

    Returns:
        The same with the answer, and with the jobs or the round that are meant.
    """
    if told.action not in _JUDGES:
        return replace(
            told, taken=False, outcome=f"{told.action!r} is not a request that a study understands"
        )
    try:
        if study.stopped is not None:
            raise _NoError(f"{LATE}the study is over ({study.stopped.reason})")
        return replace(_JUDGES[told.action](told, study, standing), taken=True)
    except (_NoError, EditError) as no:
        return replace(told, taken=False, outcome=" ".join(str(no).split()))


def _named(study: Study, name: str) -> Job:
    """The job of a name or number.

    Raises:
        _NoError: There is none.
    """
    job = study.by_name(name) or (study.jobs.get(int(name)) if name.isdecimal() else None)
    if job is None:
        raise _NoError(f"there is no job {name!r}{did_you_mean(name, [one.name for one in study.counted()])}")
    if job.state is not None:
        raise _NoError(f"{LATE}job {job.job} ({job.name}) has ended: {job.state.value}")
    return job


def _stop(told: UserTold, study: Study, standing: Standing) -> UserTold:
    job = _named(study, told.name)
    if not job.started:
        raise _NoError(f"job {job.job} ({job.name}) has not started; use refuse to remove it from the plan")
    _refuse_stopping(job)
    said = f"job {job.job} ({job.name}) is stopped{standing.delay}"
    return replace(told, jobs=(job.job,), name=job.name, outcome=said)


def _refuse_stopping(job: Job) -> None:
    if job.stop is not None:
        raise _NoError(f"{LATE}job {job.job} ({job.name}) is being stopped by {job.stop.rule}")


def _keep(told: UserTold, study: Study, standing: Standing) -> UserTold:
    job = _named(study, told.name)
    _refuse_stopping(job)
    return replace(
        told, jobs=(job.job,), name=job.name, outcome=f"no stop rule ends job {job.job} ({job.name})"
    )


def _refuse(told: UserTold, study: Study, standing: Standing) -> UserTold:
    job = _named(study, told.name)
    what = f"job {job.job} ({job.name})"
    if job.started:
        raise _NoError(f"{LATE}{what} runs; stop ends it")
    if job.origin is None:
        raise _NoError(
            f"{what} is a starting point, with which the others are compared; it cannot be refused"
        )
    if job.measures or job.retry_of is not None:
        raise _NoError(f"{what} is not a proposal: it measures or repeats an earlier one")
    with_it = [job, *_repeats(study, job)]
    outcome = f"{what} is not run" + (f", nor {counted(len(with_it) - 1, 'repeat')}" if with_it[1:] else "")
    return replace(
        told,
        jobs=tuple(one.job for one in with_it),
        signatures=tuple(one.signature for one in with_it),
        name=job.name,
        outcome=outcome,
    )


def _repeats(study: Study, job: Job) -> list[Job]:
    """Jobs that wait to run the same config on other seeds."""
    return [one for one in study.waiting() if one.is_repeat and one.origin == job.place]


def _add(told: UserTold, study: Study, standing: Standing) -> UserTold:
    if study.closing is not None:
        raise _NoError(f"{LATE}the search is over ({study.closing.reason}); what runs measures what it found")
    if study.controls.ending:
        raise _NoError(f"{LATE}the study is {study.controls.ending}")
    if told.of and study.by_name(told.of) is None:
        names = [job.name for job in study.counted()]
        raise _NoError(f"there is no job {told.of!r} to make a child of{did_you_mean(told.of, names)}")
    most = limits_of(study, standing.limits).max_jobs
    if most is not None and study.searched >= most:
        raise _NoError(f"no job is left: max_jobs={most}; raise max_jobs to add one")
    return told


def _found(told: UserTold, standing: Standing) -> None:
    """See to it that a path names something of the config.

    Raises:
        EditError: The path cannot be read.
        _NoError: It names nothing.
    """
    config = standing.config() if standing.config else None
    if config is not None and not matches(config, told.path):
        known = [path for path, _ in matches(config, "*")]
        raise _NoError(f"the config has nothing at {told.path!r}{did_you_mean(told.path, known)}")


def _ban(told: UserTold, study: Study, standing: Standing) -> UserTold:
    _found(told, standing)
    if told.path in study.controls.banned:
        raise _NoError(f"{told.path} is {study.controls.banned[told.path]} already")
    return replace(told, outcome=f"no proposal changes {told.path} from the next plan on")


def _free(told: UserTold, study: Study, standing: Standing) -> UserTold:
    kept = [knob.path for knob in ignored_of(study, ())]
    kept += [path for path in standing.ignored if path not in study.controls.freed]
    if told.path not in kept:
        raise _NoError(f"{told.path} is neither banned nor ignored{did_you_mean(told.path, kept)}")
    return replace(told, outcome=f"proposals may change {told.path} from the next plan on")


def _bounds(told: UserTold, study: Study, standing: Standing) -> UserTold:
    _found(told, standing)
    low, high = ("none" if side is None else f"{side:g}" for side in (told.low, told.high))
    return replace(told, outcome=f"edits of {told.path} stay within [{low}, {high}] from the next plan on")


def _set(told: UserTold, study: Study, standing: Standing) -> UserTold:
    if told.name not in SETTINGS:
        raise _NoError(f"{told.name!r} cannot be changed while a study runs; there are {', '.join(SETTINGS)}")
    if told.name == "n_jobs":
        if told.value is not None and standing.slots is not None and told.value > standing.slots:
            raise _NoError(f"n_jobs={told.value:g}: the launcher has {counted(standing.slots, 'slot')}")
        before: float | None = standing.n_jobs
    else:
        before = getattr(standing.limits, told.name)
    value = "none" if told.value is None else f"{told.value:g}"
    begun = f"; round {study.rounds[-1]} is planned already" if _is_behind(told, study) else ""
    return replace(told, was=before, outcome=f"{told.name}={value} holds{begun}")


def _is_behind(told: UserTold, study: Study) -> bool:
    rounds = study.rounds
    return told.name == "rounds" and told.value is not None and bool(rounds) and rounds[-1] > told.value


def _pause(told: UserTold, study: Study, standing: Standing) -> UserTold:
    if study.controls.paused:
        raise _NoError(f"the study is {study.controls.paused} already")
    return replace(told, outcome="no new job starts; running jobs run to their end")


def _continue(told: UserTold, study: Study, standing: Standing) -> UserTold:
    if not study.controls.paused and not study.controls.ending:
        raise _NoError("the study is not paused")
    return replace(told, outcome="the study goes on")


def _finish(told: UserTold, study: Study, standing: Standing) -> UserTold:
    if study.controls.ending:
        raise _NoError(f"the study is being {study.controls.ending} already")
    return replace(told, outcome=f"the study ends after {counted(len(study.running()), 'running job')}")


def _end(told: UserTold, study: Study, standing: Standing) -> UserTold:
    running = tuple(job.job for job in study.running() if job.stop is None)
    said = f"the study ends; {counted(len(running), 'running job')} {'is' if len(running) == 1 else 'are'}"
    return replace(told, jobs=running, outcome=f"{said} stopped{standing.delay}")


def _approve(told: UserTold, study: Study, standing: Standing) -> UserTold:
    if not standing.asks:
        raise _NoError("no round waits for approval: the study runs without approve=true")
    waiting = sorted({job.round for job in study.waiting()} - study.controls.approved)
    if told.round is None and not waiting:
        raise _NoError("no round waits for approval")
    if told.round is not None and told.round not in waiting:
        known = (
            "is approved already" if told.round in study.controls.approved else "does not wait for approval"
        )
        raise _NoError(f"round {told.round} {known}")
    number = waiting[0] if told.round is None else told.round
    jobs = [job for job in study.waiting() if job.round == number]
    return replace(told, round=number, outcome=f"round {number} runs: {counted(len(jobs), 'job')}")


_JUDGES: dict[str, Callable[[UserTold, Study, Standing], UserTold]] = {
    "stop": _stop,
    "keep": _keep,
    "refuse": _refuse,
    "add": _add,
    "ban": _ban,
    "free": _free,
    "bounds": _bounds,
    "set": _set,
    PAUSE: _pause,
    CONTINUE: _continue,
    FINISH: _finish,
    END: _end,
    "approve": _approve,
}
