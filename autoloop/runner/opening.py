"""Opening a study: it begins, goes on where it stopped, or makes room for a new one."""

from __future__ import annotations

import logging
import os
import shlex
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf._utils import get_omega_conf_dumper

from autoloop import __version__
from autoloop.config.compose import Composer
from autoloop.config.origins import typed_of_hydra
from autoloop.config.rerun import read_command, shell_line
from autoloop.config.settings import Settings
from autoloop.engine.launchers import JobLauncher
from autoloop.errors import ConfigError, JournalError, counted
from autoloop.loop.due import Limits
from autoloop.runner.aiming import assumed
from autoloop.runner.plan import Points
from autoloop.runner.program import program_files
from autoloop.runner.resume import Changes, changes_since, is_over
from autoloop.runner.siblings import unfinished_sibling
from autoloop.store.files import sweep_drafts, write_atomic
from autoloop.store.journal import FILE_NAME, Journal, set_aside
from autoloop.store.redact import logger, redact_all
from autoloop.store.secrets import as_written
from autoloop.study.events import Identity, Learnt, StudyBegun, StudyResumed
from autoloop.study.identity import exact
from autoloop.study.record import Job

log: logging.Logger = logger("autoloop")


def command_line() -> str:
    """The command line of this process."""
    return shlex.join([Path(sys.executable).name, *sys.orig_argv[1:]])


def refuse_interpolation(study_dir: Path) -> None:
    """See to it that Hydra reads a study's path as a path.

    Raises:
        ConfigError: It holds what Hydra, in its settings of each job's log, takes for an interpolation.
    """
    path = str(study_dir.absolute())
    if "${" in path:
        raise ConfigError(
            f"no study can be kept in {path}: Hydra takes the ${{ in it for an interpolation when it sets up "
            "the log of a job. Choose a hydra.sweep.dir without it"
        )


def keep_config(study_dir: Path, config: DictConfig) -> None:
    """Leave the app's config in the study's directory, as Hydra's sweepers do."""
    kept = redact_all(OmegaConf.to_container(config, resolve=False, enum_to_str=True), os.environ)
    write_atomic(study_dir / "multirun.yaml", as_yaml(kept))


def as_yaml(plain: Any) -> str:
    """Plain values as OmegaConf writes them; with a mark in an interpolation it could not read them."""
    return str(
        yaml.dump(
            plain,
            default_flow_style=False,
            allow_unicode=True,
            sort_keys=False,
            Dumper=get_omega_conf_dumper(),
        )
    )


def single_run_overrides(config: DictConfig, composer: Composer, overrides: Sequence[str]) -> tuple[str, ...]:
    """What a command must say to train one of a study's configs once (`StudyBegun.single`).

    Args:
        config: The sweep's own.
        composer: Composes the configs of jobs.
        overrides: Those of a job.
    """
    command = read_command(command_line())
    if not any(text.startswith("hydra.mode=") for text in typed_of_hydra(config)):
        return (*command.plugins, "hydra.mode=RUN")
    return () if composer.composes_alone([*command.hydra, *overrides]) else command.plugins


def header_of(
    settings: Settings,
    config: DictConfig,
    composer: Composer,
    files: Mapping[str, str],
    points: Points,
    learnt: Learnt | None = None,
) -> StudyBegun:
    """What the journal says of a study as it begins.

    Args:
        settings: What the study does.
        config: The app's config.
        composer: Composes the configs of the starting points.
        files: The config files that were read -> their hashes.
        points: Where the study starts.
        learnt: What it takes from earlier studies.
    """
    start, aim = points.starts[0], settings.metrics.aim
    return StudyBegun(
        autoloop=__version__,
        task=task_name(config),
        command=command_line(),
        cwd=str(Path.cwd()),
        pid=os.getpid(),
        host=socket.gethostname(),
        overrides=tuple(points.arguments),
        objective=aim,
        judging=assumed(aim),
        aims=settings.metrics.aims,
        limits=settings.limits.recorded(),
        starts=tuple(start.name for start in points.starts),
        config=exact(as_written(composer.of_job(start.config), composer.identity(start.overrides))),
        identity=Identity(
            config=exact(composer.identity(start.overrides)),
            files=dict(files),
            knobs=tuple(sorted(composer.study_keys)),
            code=program_files(),
        ),
        single=single_run_overrides(config, composer, start.overrides),
        learnt=learnt,
        settings={
            **settings.raw,
            "variants": [[variant.name, *variant.edits] for variant in points.named],
            "starts": [start.signature for start in points.starts],
        },
    )


def task_name(config: DictConfig) -> str:
    """The chosen task where the app has that config group, else the app's name."""
    choice = OmegaConf.select(config, "hydra.runtime.choices.task")
    return str(choice or config.hydra.job.name)


def open_study(
    journal: Journal,
    settings: Settings,
    launcher: JobLauncher,
    now: StudyBegun,
    take_over: Callable[[Job], None],
) -> None:
    """Begin a study, or go on with the one that the journal holds; one that is over is left as it is.

    Args:
        journal: The open journal.
        settings: What the study does.
        launcher: What runs its jobs.
        now: The header that this process writes, see `header_of`.
        take_over: Records what became of a job that was running when an earlier process ended.

    Raises:
        JournalError: The directory holds a study that may not go on, or not with these settings.
    """
    if not journal.study.begun:
        journal.append(now)
        log.info("study %s: %s", journal.path.parent, counted(settings.limits.rounds, "round"))
        _log_missing_abilities(launcher)
        return
    changed = changes_since(journal.study.header, now)
    _check_resume(journal.path.parent, settings.resume, changed.own)
    if not is_over(journal.study, settings.limits):
        _go_on(journal, launcher, changed, take_over)


def _check_resume(study_dir: Path, resume: str, changed: Sequence[str]) -> None:
    """See to it that the user wants this study to go on, with these settings."""
    if resume == "false":
        raise JournalError(
            f"{study_dir} contains a study already, and resume=false; choose another hydra.sweep.dir"
        )
    if changed and resume != "force":
        listed = "\n  ".join(changed)
        raise JournalError(
            f"the study in {study_dir} was started with other settings:\n  {listed}\n"
            "Choose another hydra.sweep.dir, or continue anyway with resume=force"
        )


def _go_on(
    journal: Journal, launcher: JobLauncher, changed: Changes, take_over: Callable[[Job], None]
) -> None:
    """Write down that this process goes on; adopt jobs that outlived the last one, take others over."""
    host = socket.gethostname()
    said = (*changed.own, *changed.shipped, *(f"{file} of the program has changed" for file in changed.code))
    journal.append(StudyResumed(pid=os.getpid(), host=host, changed=said, names="unique"))
    _log_missing_abilities(launcher)
    study_dir = journal.path.parent
    for directory in (study_dir, study_dir / "reports", study_dir / "reports" / "data"):
        sweep_drafts(directory)
    study = journal.study
    log.info("study %s goes on: %s so far", journal.path.parent, counted(len(study.jobs), "job"))
    if changed.shipped:
        changes = counted(len(changed.shipped), "setting")
        log.info(
            "it continues with %s as this version of autoloop ships them; each is in study.jsonl", changes
        )
    if changed.code:
        log.warning(
            "the program has changed since this study began (%s): results from before and after that may not "
            "be comparable; choose another hydra.sweep.dir if they are not",
            shortened(changed.code),
        )
    for job in [job for job in study.jobs.values() if job.running]:
        if launcher.adopt(job.job, job.plan.overrides, job.handle):
            log.info("job %d was started by an earlier process and is adopted: %s", job.job, job.name)
        else:
            take_over(job)


def shortened(names: Sequence[str], most: int = 3) -> str:
    """A few names, and how many there are besides."""
    more = len(names) - most
    return ", ".join([*names[:most], *([f"{more} more"] if more > 0 else [])])


def _log_missing_abilities(launcher: JobLauncher) -> None:
    if not launcher.streams:
        kind = launcher.kind
        log.info("hydra/launcher=%s %s (docs/clusters.md)", kind.name, kind.cannot)


def warn_of_unfinished(config: DictConfig, journal: Journal) -> None:
    """Say that an unfinished study of this command lies where this one's directory was made."""
    command = shell_line(journal.study.header.command)
    beside = unfinished_sibling(sweep_pattern(config), journal.path.parent, command, str(Path.cwd()))
    if beside is not None:
        again = shlex.join(["autoloop", "resume", str(beside)])
        log.warning("this is a new study; to continue the unfinished one of the same command, use: %s", again)


def sweep_pattern(config: DictConfig) -> str:
    """``hydra.sweep.dir`` as it is written, with its ``${now:...}``."""
    sweep: Any = OmegaConf.to_container(config.hydra.sweep, resolve=False)
    return str(sweep["dir"])


def set_finished_aside(study_dir: Path, limits: Limits) -> None:
    """Make room for a new study where a finished one lies."""
    if not (study_dir / FILE_NAME).is_file():
        return
    with Journal(study_dir) as journal:
        study = journal.study
        if not is_over(study, limits):
            return
        aside = set_aside(study_dir, study)
    log.info(
        "the finished study that was here was moved to %s, and a new one begins "
        "(hydra.sweeper.resume=true leaves a finished study alone)",
        aside,
    )
