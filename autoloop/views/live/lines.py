"""The events of a study as plain lines, for where there is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import localtime, strftime
from typing import Any

from autoloop.errors import counted
from autoloop.loop.score import conclusion
from autoloop.stopping.probes import goes_on
from autoloop.study.decisions import fired
from autoloop.study.events import (
    JobEnded,
    JobPlaced,
    JobRequeued,
    JobStarted,
    ObjectiveSeen,
    ProbesJudged,
    RoundPlanned,
    RulesAsked,
    SearchClosed,
    StopAsked,
    StudyBegun,
    StudyResumed,
    StudyStopped,
    UserControl,
)
from autoloop.study.record import Event, Study
from autoloop.study.trials import TrialState
from autoloop.views.report import text
from autoloop.views.report.facts import stop_reason
from autoloop.views.report.jobs import log_path


def describe(event: Event, study: Study) -> str:
    """One event in one line, with its local time; no control characters.

    Args:
        event: The event.
        study: The study it is part of, with the event taken into account.
    """
    line = _DESCRIBE[event.kind](event, study)
    return f"{strftime('%H:%M:%S', localtime(event.time))} {text.clean(line)}"


def _study(event: StudyBegun, study: Study) -> str:
    rounds = event.limit("rounds")
    return f"study of {event.task or 'an app'}" + (f": {counted(rounds, 'round')}" if rounds else "")


def _round(event: RoundPlanned, study: Study) -> str:
    names = ", ".join(entry.plan.name for entry in event.variants)
    if event.aim:
        return f"{event.aim}: {counted(len(event.variants), 'job')}: {names}"
    return f"round {event.round}: {counted(len(event.variants), 'job')}: {names}"


def _job(event: JobStarted, study: Study) -> str:
    return f"job {event.job} started: {study.jobs[event.job].name}"


def _trial(event: JobEnded, study: Study) -> str:
    job = study.jobs[event.job]
    if job.state is TrialState.COMPLETE:
        return f"job {job.job} COMPLETE: {job.name}, objective {text.number(job.objective)}"
    log = f" (log: {log_path(job)})" if log_path(job) else ""
    return f"job {job.job} {event.state.value}: {job.name}: {job.error}{log}"


def _placed(event: JobPlaced, study: Study) -> str:
    where = " ".join(str(value) for value in event.handle.values())
    again = f", started {counted(event.restarts, 'time')} again" if event.restarts else ""
    return f"job {event.job} ({study.jobs[event.job].name}) is out as {where}{again}"


def _stopping(event: StopAsked, study: Study) -> str:
    name = study.jobs[event.job].name
    return f"job {event.job} ({name}) is stopped by {event.rule}: {event.reason}"


def _probed(event: ProbesJudged, study: Study) -> str:
    best = None if event.best is None else study.jobs[event.best].name
    return f"the probes are judged at step {event.step}: {goes_on(best)}"


def _decisions(event: RulesAsked, study: Study) -> str:
    asked = [f"{found.rule} on {found.trial}" for found in fired(event.decisions)]
    return f"round {event.round} is complete; proposals: {', '.join(asked) or 'none'}"


def _requeue(event: JobRequeued, study: Study) -> str:
    return f"job {event.of} ({study.jobs[event.of].name}) is tried again as job {event.job}"


def _closing(event: SearchClosed, study: Study) -> str:
    return f"the search is over: {text.clean(event.reason)}"


def _objective(event: ObjectiveSeen, study: Study) -> str:
    return f"the objective: the study {text.clean(study.aim.description)}"


def _resume(event: StudyResumed, study: Study) -> str:
    return "the study goes on"


def _stop(event: StudyStopped, study: Study) -> str:
    return conclusion(study, stop_reason(event))


def _control(event: UserControl, study: Study) -> str:
    what = " ".join(filter(None, [event.action, event.name or event.path, *event.edits]))
    return f"{event.by}: {what}: {'' if event.taken else 'refused: '}{event.outcome}"


_DESCRIBE: Mapping[str, Callable[[Any, Study], str]] = {
    "study": _study,
    "round": _round,
    "job": _job,
    "placed": _placed,
    "stopping": _stopping,
    "probed": _probed,
    "trial": _trial,
    "decisions": _decisions,
    "requeue": _requeue,
    "objective": _objective,
    "closing": _closing,
    "resume": _resume,
    "stop": _stop,
    "control": _control,
}
