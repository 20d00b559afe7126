"""``autoloop resume``: the stored command of a study once more."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import click

from autoloop.cli.launch import become, stored_command
from autoloop.cli.options import study_argument
from autoloop.config.compose import path_override
from autoloop.errors import AutoloopError
from autoloop.store.journal import Journal, read_study
from autoloop.study.events import JobRequeued
from autoloop.study.trials import TrialState

SWEEP_DIR = "hydra.sweep.dir"


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
    started, directory = stored_command(read_study(study).header)
    line = launch_line(started, study, words)
    if failed:
        requeue_failed(study)
    click.echo(shlex.join(line), err=True)
    become(line, directory)


def launch_line(words: Sequence[str], study_dir: Path, added: Sequence[str] = ()) -> list[str]:
    """Return the words that go on with a study.

    Args:
        words: Those that started it.
        study_dir: The study, which may have been moved.
        added: Words to add.
    """
    kept = [word for word in words if not word.startswith(f"{SWEEP_DIR}=")]
    return [*kept, path_override(SWEEP_DIR, study_dir.resolve()), *added]


def requeue_failed(study_dir: Path) -> int:
    """Give each job that failed or ran out of time a new number, so that it runs again; return how many.

    Raises:
        AutoloopError: There is none.
        JournalError: The study is being run.
    """
    with Journal(study_dir) as journal:
        failed = [
            job for job in journal.study.counted() if job.state in (TrialState.FAILED, TrialState.TIMEOUT)
        ]
        if not failed:
            raise AutoloopError(
                f"no job of the study in {study_dir} has failed; without --failed it just goes on"
            )
        for job in failed:
            journal.append(JobRequeued(job=journal.study.next_job, of=job.job, name=job.name))
    return len(failed)
