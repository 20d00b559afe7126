"""The end of a study, or of this process's part in it: what is written, what is logged, how it exits."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType

from hydra._internal.utils import run_and_report

from autoloop.config.settings import Settings
from autoloop.engine.execute.traces import add_traceback
from autoloop.engine.launchers import JobLauncher
from autoloop.errors import counted
from autoloop.loop.controls import limits_of
from autoloop.loop.score import conclusion, winner
from autoloop.loop.steps import Stop
from autoloop.runner.dispatch import Returns
from autoloop.runner.longer import checkpoint_of
from autoloop.runner.resume import interrupt_jobs
from autoloop.store.journal import Journal
from autoloop.store.redact import logger
from autoloop.study.events import StudyStopped
from autoloop.study.record import Job, Study
from autoloop.study.schedule import idle_share
from autoloop.study.trials import TrialState
from autoloop.views.report.facts import Facts
from autoloop.views.wandb_commands import wandb_hints

log: logging.Logger = logger("autoloop.end")  # detail=quiet leaves it alone

#: States of jobs, not tried again, that make the study's exit code 1.
UNFINISHED = (TrialState.FAILED, TrialState.TIMEOUT, TrialState.INTERRUPTED)


def write_stop(journal: Journal, stop: Stop, settings: Settings) -> None:
    """Write down that a study stops, why, and what is its best."""
    best = winner(replace(journal.study, worthy=stop.worthy))
    journal.append(
        StudyStopped(
            reason=stop.reason,
            failed=stop.failed,
            worthy=stop.worthy,
            best=best.name if best else None,
            limits=limits_of(journal.study, settings.limits).recorded(),
        )
    )


def log_end(study: Study, stop: Stop, study_dir: Path, settings: Settings) -> None:
    """Tell the terminal what came of a study, and where to look."""
    best, where = winner(study), study_dir / "best.yaml"
    log.info(conclusion(study, stop.reason))
    if study.aims.several and where.is_file():
        log.info("the points of the front, and how to run each once more: %s", where)
    if best:
        log.info("run the best once more (%s): %s", where, Facts(study).again(best))
        checkpoint = checkpoint_of(best, settings.climbing.continues, study_dir)
        goes_on = settings.limits.climb is not None or settings.climbing.breeding is not None
        if checkpoint is not None and goes_on:
            log.info("its checkpoint: %s", checkpoint)
    idle = idle_share(study)
    if math.isfinite(idle):
        log.info("slots were idle %.0f %% of the time", 100 * idle)
    log.info("report: %s", study_dir / "reports")
    for hint in wandb_hints(study, study_dir):
        log.info(hint)


def exit_if_failed(study: Study, stop: Stop, returns: Returns, tolerated: float = 0.0) -> None:
    """End as a study with failed jobs does.

    Args:
        study: The record.
        stop: Why the study stopped.
        returns: What the jobs of each batch returned.
        tolerated: Up to this share of failed jobs is none.

    Raises:
        SystemExit: With code 1 if a job failed for good, or the study stopped because of failures.
        Exception: That of the job, where it was the only one and a program called, as Hydra's sweeper does.
    """
    failed = [job for job in study.counted() if job.state in UNFINISHED]
    if failed and len(study.jobs) == 1 and returns and not _at_the_command_line():
        returned = returns[0][0]
        add_traceback(returned._return_value, failed[0].details.log_tail)
        _ = returned.return_value
    few = bool(failed) and len(failed) <= tolerated * len(study.counted())
    if few and not stop.failed:
        share = f"{len(failed)} of {counted(len(study.counted()), 'job')}"
        log.info("%s failed, no more than max_failure_rate=%g allows", share, tolerated)
    elif stop.failed or failed:
        raise SystemExit(1)


def _at_the_command_line() -> bool:
    """Whether Hydra's `main` called us: it would print the job's traceback, which stands in its log."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code is run_and_report.__code__:
            return True
        frame = frame.f_back
    return False


def leave_jobs(journal: Journal, launcher: JobLauncher, take_over: Callable[[Job], None]) -> None:
    """Interrupt the jobs that run and record their ends; those that outlive this process go on.

    Args:
        journal: The open journal.
        launcher: What runs the jobs.
        take_over: Waits for a job's end and records it.
    """
    study_dir = journal.path.parent
    running = [job for job in journal.study.jobs.values() if job.running]
    interrupt_jobs(study_dir / job.run_dir for job in running)
    for job in running:
        if launcher.outlived:
            log.warning("job %d goes on without this process: %s", job.job, job.name)
        else:
            take_over(job)
