"""Before a job starts: its overrides, its directory, and what it finds there."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from omegaconf.errors import OmegaConfBaseException

from autoloop.config.compose import Composer
from autoloop.config.hydra_errors import hydra_message, in_one_line
from autoloop.edits import format_literal
from autoloop.store.files import LINEAGE_FILE, PLANNED_FILE, make_job_dir, write_atomic
from autoloop.store.journal import recorded
from autoloop.store.redact import known_secrets, logger, redact_all, reveal
from autoloop.study.fields import leads_out
from autoloop.study.identity import prints
from autoloop.study.own_words import NAME, SETTING, WORD, Own
from autoloop.study.record import Job, Study

log: logging.Logger = logger("autoloop")

_OWN: Own = {
    **dict.fromkeys(("study_dir", "group", "job_type"), WORD),
    **dict.fromkeys(("name", "tags", "parent", "evidence"), NAME),
    "edits": SETTING,
}


def make_place(study_dir: Path, study: Study, composer: Composer, job: Job) -> tuple[list[str], str]:
    """Make a job's directory; return the overrides to launch it with, and where the directory is.

    Args:
        study_dir: The study's directory.
        study: Its record.
        composer: Knows what ``hydra.sweep.subdir`` says.
        job: The job.
    """
    overrides = [reveal(override, os.environ) for override in job.plan.overrides]
    strong = known_secrets(os.environ).strong  # a directory's name is one that others read
    wanted = _within(strong.hide(_wanted_dir(composer, overrides, job)), job)
    run_dir = make_job_dir(study_dir, wanted or str(job.job), job.job, study)
    if run_dir != wanted:
        overrides.append(f"hydra.sweep.subdir={format_literal(run_dir)}")
    return overrides, run_dir


def _wanted_dir(composer: Composer, overrides: Sequence[str], job: Job) -> str:
    """What ``hydra.sweep.subdir`` says; empty where it cannot be resolved for this job."""
    try:
        return composer.run_dir(overrides, job.job)
    except OmegaConfBaseException as error:
        why = in_one_line(hydra_message(error))
        log.warning("job %d runs in %d: hydra.sweep.subdir cannot be resolved: %s", job.job, job.job, why)
        return ""


def _within(wanted: str, job: Job) -> str:
    """The same directory where it lies in the study; empty where it leads out of it."""
    if not leads_out(wanted):
        return wanted
    log.warning("job %d runs in %d: hydra.sweep.subdir=%s leads out of the study", job.job, job.job, wanted)
    return ""


def leave_lineage(
    study_dir: Path, run_dir: str, composer: Composer, job: Job, overrides: Sequence[str]
) -> None:
    """Write into a job's directory where the job comes from, and what it is to train.

    Raises:
        OSError: That cannot be written.
    """
    lineage = {
        "study_dir": str(study_dir.resolve()),
        "name": job.name,
        "group": _group(study_dir),
        "job_type": f"round_{job.round}",
        "tags": [job.plan.rule] if job.plan.rule else [],
        "notes": job.plan.reason,
        "parent": job.plan.parent,
        "edits": list(job.plan.edits),
        "evidence": dict(job.plan.evidence),
    }
    kept = redact_all(recorded(lineage), os.environ, _OWN)
    write_atomic(study_dir / run_dir / LINEAGE_FILE, json.dumps(kept))
    planned = json.dumps(prints(composer.planned(overrides)))
    write_atomic(study_dir / run_dir / PLANNED_FILE, planned)


def _group(study_dir: Path) -> str:
    """The study's name in W&B."""
    return "/".join(study_dir.resolve().parts[-2:])
