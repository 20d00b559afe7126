"""The command that trains a job of a study at full length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autoloop.config.compose import path_override
from autoloop.config.rerun import rerun_command
from autoloop.edits.variants import safe_name
from autoloop.errors import ConfigError, OutsideError
from autoloop.loop.score.front_words import no_feasible
from autoloop.store.files import inside
from autoloop.study.record import Job, Study
from autoloop.views.report.facts import Facts
from autoloop.views.report.why import find_job

#: Promoted runs lie below the study, out of the way of its jobs.
DIRECTORY = "promoted"


def promoted_command(
    study: Study,
    job: str | None,
    overrides: Sequence[str],
    study_dir: Path | None = None,
    resume: bool = False,
) -> list[str]:
    """Return the command that trains a job's exact configuration with some overrides on top.

    An external trainer keeps its checkpoints this time. The job's own directory is never touched.

    Args:
        study: The study.
        job: Name or number of the job; None for the best.
        overrides: What is different, such as ``steps=200000``.
        study_dir: The study's directory: the run goes to ``promoted/JOB-OVERRIDES`` in it. None leaves the
            directory to the app.
        resume: Go on from the job's checkpoint; for external trainers whose profile says how.

    Raises:
        AutoloopError: There is no such job, none has completed, or it cannot be resumed.
    """
    facts = Facts(study)
    found = facts.best if job is None else find_job(facts, job)
    if found is None and facts.front:
        names = ", ".join(point.name for point in facts.front)
        raise ConfigError(f"a study of several objectives has a front and no best job; name one of {names}")
    if found is None and (why := no_feasible(study)):
        raise OutsideError(f"{why}; name a job")
    if found is None:
        raise OutsideError("no job of the study has completed, so there is no best one; name a job")
    added = list(overrides)
    config: Mapping[str, Any] = study.header.config or {}
    command = config.get("command")
    if isinstance(command, Mapping) and "keep_checkpoints" in command:
        added.append("command.keep_checkpoints=true")
    if resume:
        checkpoint = _checkpoint(found, config, study_dir or Path())
        added.append(path_override("command.resume_from", checkpoint))
    if study_dir is not None and not any(text.startswith("hydra.run.dir=") for text in overrides):
        run_dir = study_dir.resolve() / DIRECTORY / safe_name("-".join([found.name, *overrides]))
        added.append(path_override("hydra.run.dir", _unused(run_dir)))
    return rerun_command(study.header, found.plan.overrides, added)


def _checkpoint(job: Job, config: Mapping[str, Any], study_dir: Path) -> Path:
    """The checkpoint that a job left, where its trainer's profile says it is."""
    profile = config.get("profile")
    resume = profile.get("resume") if isinstance(profile, Mapping) else None
    if not resume:
        raise ConfigError("this trainer's profile does not say how to resume; promote the job as a fresh run")
    path = inside(study_dir.resolve(), job.run_dir) / "output" / str(resume["checkpoint"])
    if not path.exists():
        raise OutsideError(
            f"job {job.name!r} left no checkpoint at {path}; a study keeps them with "
            "command.keep_checkpoints=true. Promote it as a fresh run"
        )
    return path


def _unused(path: Path) -> Path:
    """The path itself, or with a number where something is there already."""
    number = 1
    tried = path
    while tried.exists():
        number += 1
        tried = path.with_name(f"{path.name}_{number}")
    return tried
