"""Studies whose jobs log to W&B themselves, and whether each job has exactly its own curve."""

from __future__ import annotations

from pathlib import Path

from autoloop.history import read_history
from autoloop.study.record import Job
from tests.helpers.studies_app.launch import Ran

APP = str(Path(__file__).with_name("app.py"))

#: Rows of each curve.
STEPS = 5


def jobs_without_their_own(ran: Ran) -> list[str]:
    """The jobs whose curve, on disk or in the journal, is missing, cut short or another job's."""
    return [job.name for job in ran.study.counted() if not (_on_disk(ran, job) and _in_journal(job))]


def _on_disk(ran: Ran, job: Job) -> bool:
    logged = read_history(ran.study_dir / job.run_dir).get("job")
    return logged is not None and len(logged.values) >= STEPS and set(logged.values) == {job.job}


def _in_journal(job: Job) -> bool:
    logged = job.summary.get("job", {})
    return logged.get("count", 0) >= STEPS and {logged["first"], logged["last"]} == {job.job}
