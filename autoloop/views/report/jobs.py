"""What a report shows of single jobs: state, log, and numbers of the summary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from autoloop.study.record import Job


def log_path(job: Job) -> str:
    """Path of a job's log relative to the study; empty where it left none."""
    return f"{job.run_dir}/{job.details.log}" if job.details.log else ""


def log_lines(job: Job, most: int) -> list[str]:
    """The last lines of a job's log, as far as the journal keeps them."""
    return job.details.log_tail.splitlines()[-most:]


def states(jobs: Iterable[Job]) -> str:
    """How many jobs are in which state, in words (``3 complete, 1 failed``)."""
    counts: dict[str, int] = {}
    for job in jobs:
        state = job.state.value.lower() if job.state else "running" if job.running else "waiting"
        counts[state] = counts.get(state, 0) + 1
    return ", ".join(f"{count} {state}" for state, count in counts.items()) or "no jobs"


def last(job: Job, metric: str, key: str = "last") -> float | None:
    """One number of a job's summary; None where the metric or the number is missing."""
    entry: Mapping[str, Any] = job.summary.get(metric, {})
    found = entry.get(key)
    return float(found) if isinstance(found, (int, float)) else None
