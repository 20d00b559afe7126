"""Studies of two objectives, an error that is to fall and a speed that is to rise, with a limit of memory."""

from __future__ import annotations

from typing import Any

from autoloop.study.record import Study
from tests.helpers.studies import (
    decisions_event,
    replay,
    round_event,
    study_event,
    trial_event,
    variant_entry,
)

AIMS = {
    "objectives": [
        {"metric": "error", "goal": "min", "stat": "last"},
        {"metric": "speed", "goal": "max", "stat": "last"},
    ],
    "constraints": [{"name": "mem_gb", "op": "<=", "limit": 4.0}],
}
"""What the journal says such a study is judged by."""


def front_study(*jobs: dict[str, Any], aims: dict[str, Any] | None = None, **header: Any) -> Study:
    """A study from jobs in a few words each: ``{"name", "error", "speed", "mem_gb", "parent", "round"}``."""
    told = AIMS if aims is None else aims
    first = (
        told["objectives"][0] if told["objectives"] else {"metric": "error", "goal": "min", "stat": "last"}
    )
    events = [study_event(objective=first, aims=told, **header)]
    for number in sorted({job.get("round", 1) for job in jobs}):
        own = [(place, job) for place, job in enumerate(jobs) if job.get("round", 1) == number]
        events.append(round_event(number, *(_entry(place, job) for place, job in own)))
        events += [_ended(place, job) for place, job in own]
        events.append(decisions_event(number))
    return replay(events)


def _entry(place: int, job: dict[str, Any]) -> dict[str, Any]:
    kept = ("name", "parent", "rule", "evidence", "changes", "edits")
    return variant_entry(place, **{key: job[key] for key in kept if key in job})


def _ended(place: int, job: dict[str, Any]) -> dict[str, Any]:
    values = {name: job[name] for name in ("error", "speed", "mem_gb") if name in job}
    told = trial_event(place, job.get("state", "COMPLETE"), job.get("error"), job.get("time", place))
    return {**told, "name": job["name"], "round": job.get("round", 1), "values": {"mem_gb": 1.0, **values}}
