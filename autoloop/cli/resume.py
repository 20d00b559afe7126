"""``autoloop resume``: the stored command of a study once more."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from autoloop.cli.options import study_argument
from autoloop.edits import format_literal
from autoloop.errors import AutoloopError
from autoloop.journal import Journal, read_study
from autoloop.trials import TrialState

SWEEP_DIR = "hydra.sweep.dir="


@click.command()
@study_argument
@click.argument("words", nargs=-1, metavar="[OVERRIDES]...")
@click.option("--failed", is_flag=True, help="Run the jobs that failed or ran out of time again.")
def command(study: Path, words: tuple[str, ...], failed: bool) -> None:
    """Go on with a study where it stopped.

    The command that started it is given again, in the directory it was given in. Finished jobs are not run
    again; jobs that were running start anew in fresh directories. OVERRIDES are added to the command, such as
    resume=force where the settings have changed since.
    """
    header = read_study(study).header
    line, directory = launch_line(header, study, words)
    if failed:
        requeue_failed(study)
    click.echo(shlex.join(line), err=True)
    sys.stdout.flush()
    os.chdir(directory)
    os.execv(sys.executable, [sys.executable, *line[1:]])


def launch_line(header: Mapping[str, Any], study_dir: Path, added: Sequence[str] = ()) -> tuple[list[str], Path]:
    """Return the words that start a study again in its directory, and where to give them.

    Args:
        header: The journal's ``study`` event.
        study_dir: The study, which may have been moved.
        added: Words to add.

    Raises:
        AutoloopError: The journal does not hold the command, or the directory is gone where it was given.
    """
    words = shlex.split(str(header.get("command") or ""))
    if len(words) < 2:
        raise AutoloopError(f"the journal in {study_dir} does not hold the command that started the study")
    directory = Path(str(header.get("cwd") or "."))
    if not directory.is_dir():
        raise AutoloopError(f"the study was started in {directory}, which is not there any more: {shlex.join(words)}")
    kept = [word for word in words if not word.startswith(SWEEP_DIR)]
    return [*kept, f"{SWEEP_DIR}{format_literal(str(study_dir.resolve()))}", *added], directory


def requeue_failed(study_dir: Path) -> int:
    """Give each job that failed or ran out of time a new number, so that it runs again; return how many.

    Raises:
        AutoloopError: There is none.
        JournalError: The study is being run.
    """
    with Journal(study_dir) as journal:
        failed = [job for job in journal.study.counted() if job.state in (TrialState.FAILED, TrialState.TIMEOUT)]
        if not failed:
            raise AutoloopError(f"no job of the study in {study_dir} has failed; without --failed it just goes on")
        for job in failed:
            journal.append("requeue", job=journal.study.next_job, of=job.job, name=job.name)
    return len(failed)
