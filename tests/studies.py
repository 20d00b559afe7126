"""Events of small studies, for tests of the loop and the journal."""

from __future__ import annotations

from typing import Any


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
