"""Events of small studies, for tests of the loop and the journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from autoloop.study.events import Event, read_event
from autoloop.study.record import Study


def event_of(kind: str, **fields: Any) -> Event:
    """An event, of a time that the journal sets."""
    return read_event({"event": kind, "time": 0.0, **fields})


def replay(events: Iterable[Mapping[str, Any]]) -> Study:
    """The study that lines of a journal tell."""
    return Study.replay(map(read_event, events))


def study_event(**fields: Any) -> dict[str, Any]:
    return {
        "event": "study",
        "time": 0.0,
        "objective": {"metric": "eval/l1", "goal": "min", "stat": "last"},
        **fields,
    }


def variant_entry(job: int, name: str, **fields: Any) -> dict[str, Any]:
    return {
        "job": job,
        "name": name,
        "parent": None,
        "rule": "",
        "reason": "",
        "evidence": {},
        "expects": "",
        "edits": [],
        "overrides": [],
        "signature": f"signature of {name}",
        "changes": [],
        "notes": [],
        **fields,
    }


def round_event(number: int, *entries: dict[str, Any], time: float = 0.0) -> dict[str, Any]:
    return {"event": "round", "time": time, "round": number, "variants": list(entries), "refused": []}


def job_event(job: int, time: float = 0.0) -> dict[str, Any]:
    return {"event": "job", "time": time, "job": job, "run_dir": str(job)}


def trial_event(
    job: int, state: str = "COMPLETE", objective: float | None = 0.2, time: float = 0.0
) -> dict[str, Any]:
    return {
        "event": "trial",
        "time": time,
        "job": job,
        "name": "",
        "round": 1,
        "run_dir": str(job),
        "state": state,
        "objective": objective,
        "summary": {},
        "steps": 10,
        "error": "",
    }


def decisions_event(number: int, time: float = 0.0) -> dict[str, Any]:
    return {"event": "decisions", "time": time, "round": number, "decisions": []}


def study_of(*jobs: dict[str, Any], goal: str = "min") -> Study:
    """A study from jobs in a few words each: ``{"name", "objective", "parent", "round", "state", ...}``."""
    events = [study_event(objective={"metric": "eval/l1", "goal": goal, "stat": "last"})]
    for number in sorted({job.get("round", 1) for job in jobs}):
        own = [(place, job) for place, job in enumerate(jobs) if job.get("round", 1) == number]
        events.append(round_event(number, *(_entry(place, job) for place, job in own)))
        events += [_ended(place, job) for place, job in own if job.get("state", "COMPLETE")]
        events.append(decisions_event(number))
    return replay(events)


def _entry(place: int, job: dict[str, Any]) -> dict[str, Any]:
    own = ("objective", "round", "state", "summary", "steps", "times", "error")
    return variant_entry(place, **{key: value for key, value in job.items() if key not in own})


def _ended(place: int, job: dict[str, Any]) -> dict[str, Any]:
    started, ended = job.get("times", (0.0, 0.0))
    return {
        **trial_event(place, job.get("state", "COMPLETE"), job.get("objective")),
        "name": job["name"],
        "round": job.get("round", 1),
        "summary": job.get("summary", {}),
        "error": job.get("error", ""),
        "started_at": started,
        "ended_at": ended,
    }


def repeat_of(parent: str, seed: int, objective: float | None, **fields: Any) -> dict[str, Any]:
    """A job of `study_of` that runs its parent again with another seed."""
    about = {"rule": "repeat", "evidence": {"seed": seed}, "edits": [f"seed@set={seed}"]}
    return {"name": f"{parent}-seed{seed}", "parent": parent, "objective": objective, **about, **fields}
