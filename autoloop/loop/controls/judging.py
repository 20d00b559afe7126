"""Whether a request of a user can be carried out now, and the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from autoloop.errors import EditError, counted, did_you_mean
from autoloop.loop.controls.effect import ignored_of, limits_of
from autoloop.loop.controls.parsing import SETTINGS
from autoloop.loop.steps import Limits
from autoloop.rules.paths import matches
from autoloop.study.controls import CONTINUE, END, FINISH, PAUSE
from autoloop.study.events import UserControl
from autoloop.study.record import Job, Study

LATE = "too late: "
"""Begins the answer to a request that comes too late."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the answer to a request depends on beside the record.

    Attributes:
        limits: The limits that this process was started with.
        n_jobs: How many jobs it was to run at a time; None for no limit.
        slots: How many jobs its launcher can run at a time; None if it does not say.
        needs_approval: Whether each round waits for the approval of a user.
        delay: When a running job is stopped, as a clause; empty for at once.
        ignored: Paths that edits are kept from by a setting.
        config: Returns the baseline's config; None if that is not known yet.
    """

    limits: Limits
    n_jobs: int | None = None
    slots: int | None = None
    needs_approval: bool = False
    delay: str = ""
    ignored: tuple[str, ...] = ()
    config: Callable[[], Mapping[str, Any]] | None = None


class _NoError(Exception):
    """It cannot be done; the message says why."""


def judge(control: UserControl, study: Study, standing: Standing) -> UserControl:
    """Decide whether a request is carried out, and answer it.

    Args:
        control: The request.
        study: The record.
        standing: What else the answer depends on.

    Returns:
        The request with the answer, and with the jobs or the round that it concerns.
    """
    if control.action not in _JUDGES:
        return replace(
            control, taken=False, outcome=f"{control.action!r} is not a request that a study knows"
        )
    try:
        if study.stopped is not None:
            raise _NoError(f"{LATE}the study is over ({study.stopped.reason})")
        return replace(_JUDGES[control.action](control, study, standing), taken=True)
    except (_NoError, EditError) as no:
        return replace(control, taken=False, outcome=" ".join(str(no).split()))


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


def _stop(control: UserControl, study: Study, standing: Standing) -> UserControl:
    job = _named(study, control.name)
    if not job.started:
        raise _NoError(f"job {job.job} ({job.name}) has not started; refuse takes it out of the plan")
    _refuse_stopping(job)
    outcome = f"job {job.job} ({job.name}) is stopped{standing.delay}"
    return replace(control, jobs=(job.job,), name=job.name, outcome=outcome)


def _refuse_stopping(job: Job) -> None:
    if job.stop is not None:
        raise _NoError(f"{LATE}job {job.job} ({job.name}) is being stopped by {job.stop.rule}")


def _keep(control: UserControl, study: Study, standing: Standing) -> UserControl:
    job = _named(study, control.name)
    _refuse_stopping(job)
    return replace(
        control, jobs=(job.job,), name=job.name, outcome=f"no stop rule ends job {job.job} ({job.name})"
    )


def _refuse(control: UserControl, study: Study, standing: Standing) -> UserControl:
    job = _named(study, control.name)
    what = f"job {job.job} ({job.name})"
    if job.started:
        raise _NoError(f"{LATE}{what} runs; stop ends it")
    if job.origin is None:
        raise _NoError(f"{what} is a starting point, which the others are measured by; it cannot be refused")
    if job.measures or job.retry_of is not None:
        raise _NoError(f"{what} is no proposal: it measures, or tries again, what was proposed before")
    with_it = [job, *_repeats(study, job)]
    outcome = f"{what} is not run" + (f", nor {counted(len(with_it) - 1, 'repeat')}" if with_it[1:] else "")
    return replace(
        control,
        jobs=tuple(one.job for one in with_it),
        signatures=tuple(one.signature for one in with_it),
        name=job.name,
        outcome=outcome,
    )


def _repeats(study: Study, job: Job) -> list[Job]:
    """Jobs that wait to run the same config on other seeds."""
    return [one for one in study.waiting() if one.is_repeat and one.origin == job.place]


def _add(control: UserControl, study: Study, standing: Standing) -> UserControl:
    if study.closing is not None:
        raise _NoError(f"{LATE}the search is over ({study.closing.reason}); what runs measures what it found")
    if study.controls.ending:
        raise _NoError(f"{LATE}the study is {study.controls.ending}")
    if control.of and study.by_name(control.of) is None:
        names = [job.name for job in study.counted()]
        raise _NoError(f"there is no job {control.of!r} to make a child of{did_you_mean(control.of, names)}")
    most = limits_of(study, standing.limits).max_jobs
    if most is not None and study.searched >= most:
        raise _NoError(f"the budget leaves no place: max_jobs={most}; a larger one makes room")
    return control


def _found(control: UserControl, standing: Standing) -> None:
    """See to it that a path names something of the config.

    Raises:
        EditError: The path cannot be read.
        _NoError: It names nothing.
    """
    config = standing.config() if standing.config else None
    if config is not None and not matches(config, control.path):
        known = [path for path, _ in matches(config, "*")]
        raise _NoError(f"the config has nothing at {control.path!r}{did_you_mean(control.path, known)}")


def _ban(control: UserControl, study: Study, standing: Standing) -> UserControl:
    _found(control, standing)
    if control.path in study.controls.banned:
        raise _NoError(f"{control.path} is {study.controls.banned[control.path]} already")
    return replace(control, outcome=f"no proposal changes {control.path} from the next plan on")


def _free(control: UserControl, study: Study, standing: Standing) -> UserControl:
    kept = [knob.path for knob in ignored_of(study, ())]
    kept += [path for path in standing.ignored if path not in study.controls.freed]
    if control.path not in kept:
        raise _NoError(f"{control.path} is neither banned nor ignored{did_you_mean(control.path, kept)}")
    return replace(control, outcome=f"proposals may change {control.path} from the next plan on")


def _bounds(control: UserControl, study: Study, standing: Standing) -> UserControl:
    _found(control, standing)
    low, high = ("none" if side is None else f"{side:g}" for side in (control.low, control.high))
    return replace(
        control, outcome=f"edits of {control.path} stay within [{low}, {high}] from the next plan on"
    )


def _set(control: UserControl, study: Study, standing: Standing) -> UserControl:
    if control.name not in SETTINGS:
        raise _NoError(
            f"{control.name!r} cannot be changed while a study runs; there are {', '.join(SETTINGS)}"
        )
    if control.name == "n_jobs":
        if control.value is not None and standing.slots is not None and control.value > standing.slots:
            raise _NoError(f"n_jobs={control.value:g}: the launcher has {counted(standing.slots, 'slot')}")
        before: float | None = standing.n_jobs
    else:
        before = getattr(standing.limits, control.name)
    value = "none" if control.value is None else f"{control.value:g}"
    begun = f"; round {study.rounds[-1]} is planned already" if _is_behind(control, study) else ""
    return replace(control, was=before, outcome=f"{control.name}={value} holds{begun}")


def _is_behind(control: UserControl, study: Study) -> bool:
    rounds = study.rounds
    return (
        control.name == "rounds" and control.value is not None and bool(rounds) and rounds[-1] > control.value
    )


def _pause(control: UserControl, study: Study, standing: Standing) -> UserControl:
    if study.controls.paused:
        raise _NoError(f"the study is {study.controls.paused} already")
    return replace(control, outcome="nothing new starts; what runs goes on to its end")


def _continue(control: UserControl, study: Study, standing: Standing) -> UserControl:
    if not study.controls.paused and not study.controls.ending:
        raise _NoError("the study is not paused")
    return replace(control, outcome="the study goes on")


def _finish(control: UserControl, study: Study, standing: Standing) -> UserControl:
    if study.controls.ending:
        raise _NoError(f"the study is being {study.controls.ending} already")
    return replace(control, outcome=f"the study ends after {counted(len(study.running()), 'running job')}")


def _end(control: UserControl, study: Study, standing: Standing) -> UserControl:
    running = tuple(job.job for job in study.running() if job.stop is None)
    outcome = f"the study ends; {counted(len(running), 'running job')} {'is' if len(running) == 1 else 'are'}"
    return replace(control, jobs=running, outcome=f"{outcome} stopped{standing.delay}")


def _approve(control: UserControl, study: Study, standing: Standing) -> UserControl:
    if not standing.needs_approval:
        raise _NoError("no round waits for a yes: the study runs without approve=true")
    waiting = sorted({job.round for job in study.waiting()} - study.controls.approved)
    if control.round is None and not waiting:
        raise _NoError("no round waits for a yes")
    if control.round is not None and control.round not in waiting:
        known = (
            "is approved already" if control.round in study.controls.approved else "does not wait for a yes"
        )
        raise _NoError(f"round {control.round} {known}")
    number = waiting[0] if control.round is None else control.round
    jobs = [job for job in study.waiting() if job.round == number]
    return replace(control, round=number, outcome=f"round {number} runs: {counted(len(jobs), 'job')}")


_JUDGES: dict[str, Callable[[UserControl, Study, Standing], UserControl]] = {
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
