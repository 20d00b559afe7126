"""Which events are worth a message, and what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autoloop.errors import counted
from autoloop.loop.due import failures_in_a_row
from autoloop.loop.score import conclusion
from autoloop.loop.score.front_words import describe_front, numbers
from autoloop.study.decisions import fired
from autoloop.study.events import JobEnded, RulesAsked, StudyStopped
from autoloop.study.record import Event, Job, Study
from autoloop.study.trials import TrialState
from autoloop.views.report import text
from autoloop.views.report.facts import Facts, stop_reason
from autoloop.views.report.jobs import log_path, states


def messages(event: Event, study: Study, study_dir: str, failures: int) -> list[dict[str, Any]]:
    """What an event is worth telling, as plain values that JSON can hold.

    ``round_end`` when a round is decided, ``failure_streak`` when so many jobs failed in a row (again at each
    multiple), ``winner`` when the study ends with a result, ``no_winner`` when it ends without.

    Args:
        event: The event.
        study: The study, with the event taken into account.
        study_dir: Its directory.
        failures: How many failed jobs in a row are worth a message.
    """
    message: dict[str, Any] = {}
    if isinstance(event, RulesAsked):
        message = _round_end(event, Facts(study))
    elif isinstance(event, JobEnded) and event.state in (TrialState.FAILED, TrialState.TIMEOUT):
        streak = failures_in_a_row(study)
        message = _failure_streak(Facts(study), event.job, streak) if streak % failures == 0 else {}
    elif isinstance(event, StudyStopped):
        message = _end(event, Facts(study))
    if not message:
        return []
    head = {"event": message.pop("event"), "time": event.time, "study": study_dir}
    task = study.header.task
    line = text.clean(f"{task or 'study'} {Path(study_dir).name}: {message.pop('text')}")
    return [{**head, "task": task, **message, "text": line}]


def _round_end(event: RulesAsked, facts: Facts) -> dict[str, Any]:
    number = event.round
    jobs = facts.rounds.get(number, [])
    asked = fired(event.decisions)
    proposals = [f"{found.rule} on {found.trial}: {found.reason}" for found in asked]
    best = f"; best so far: {_describe(facts.best, facts)}" if facts.best else ""
    best = f"; {describe_front(facts.study)}" if facts.front else best
    return {
        "event": "round_end",
        "round": number,
        "rounds": facts.study.header.limit("rounds"),
        "jobs": _counts(jobs),
        "metric": facts.metric,
        "best": _result(facts),
        **_front(facts),
        "proposals": proposals,
        "text": f"round {number} ended ({states(jobs)}){best}; {counted(len(proposals), 'proposal')}",
    }


def _failure_streak(facts: Facts, number: int, streak: int) -> dict[str, Any]:
    job = facts.study.jobs[number]
    return {
        "event": "failure_streak",
        "failures": streak,
        "job": number,
        "name": job.name,
        "error": job.error,
        "log": log_path(job),
        "text": f"{counted(streak, 'job')} failed in a row, the last is {job.name}: {job.error}",
    }


def _end(event: StudyStopped, facts: Facts) -> dict[str, Any]:
    best = facts.best
    return {
        "event": "winner" if best or facts.front else "no_winner",
        "reason": event.reason,
        "failed": event.failed,
        "jobs": _counts(facts.jobs),
        "metric": facts.metric,
        "best": _result(facts),
        **_front(facts),
        "command": facts.command(best) if best else None,
        "text": conclusion(facts.study, stop_reason(event)),
    }


def _front(facts: Facts) -> dict[str, Any]:
    """The points of a front, each with its numbers; nothing where the study has one objective."""
    if not facts.study.aims.several:
        return {}
    return {
        "front": [
            {"job": job.job, "name": job.name, **numbers(facts.study, job, facts.averages)}
            for job in facts.front
        ]
    }


def _counts(jobs: list[Job]) -> dict[str, int]:
    ended = [job.state.value for job in jobs if job.state]
    return {state: ended.count(state) for state in dict.fromkeys(ended)}


def _result(facts: Facts) -> dict[str, Any] | None:
    best = facts.best
    if best is None:
        return None
    change = facts.change(best, facts.baseline)
    gain = change.gain_pct if change and change.is_percent else None
    return {"job": best.job, "name": best.name, "objective": facts.result(best), "gain_pct": gain}


def _describe(best: Job, facts: Facts) -> str:
    change = facts.change(best, facts.baseline)
    gain = f" ({change.shown('baseline')} against the baseline)" if change else ""
    return f"{best.name} with {facts.metric} {facts.numbers(best)}{gain}"
