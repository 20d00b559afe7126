"""``autoloop resume``: the stored command of a study once more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from autoloop.cli.launch import become, check_trust, shown, stored_command
from autoloop.cli.options import study_argument, trust_option
from autoloop.config.compose import path_override
from autoloop.errors import AutoloopError
from autoloop.store.journal import Journal, read_study
from autoloop.store.redact import without_controls
from autoloop.store.secrets import unknown_marks
from autoloop.study.events import JobRequeued
from autoloop.study.trials import TrialState

SWEEP_DIR = "hydra.sweep.dir"
RESUME = "hydra.sweeper.resume"
RESUMES = (RESUME, "autoloop.resume")
"""Where a command says what becomes of a study that is there already."""

BEGINS_ANEW = [
    f"{plus}{key}={value}" for key in RESUMES for plus in ("", "+", "++") for value in ("auto", "false")
]

FURTHER = (
    "To continue it, raise a limit (hydra.sweeper.rounds=..); --failed runs failed jobs again; "
    "another hydra.sweep.dir begins a new study"
)


@click.command()
@study_argument
@click.argument("args", nargs=-1, metavar="[OVERRIDES]...")
@click.option("--failed", is_flag=True, help="Run the jobs that failed or ran out of time again.")
@trust_option
def command(study: Path, args: tuple[str, ...], failed: bool, trust: bool) -> None:
    """Continue a study where it stopped.

    Runs the command that started the study again, in the same working directory. Finished jobs are not run
    again; jobs that were running start again in new directories. A finished study is left as it is.
    OVERRIDES are added to the command, such as resume=force if the settings have changed since then, or
    hydra.sweeper.rounds=6 to continue a finished study.
    """
    record = read_study(study)
    if record.stopped is not None and not args and not failed:
        why = without_controls(record.stopped.reason)
        click.echo(f"nothing to do: the study in {study} is finished ({why}). {FURTHER}")
        return
    started, directory = stored_command(record.header)
    if not trust:
        check_trust(study, started)
    line = launch_line(started, study, args)
    if failed:
        requeue_failed(study)
    click.echo(shown(line), err=True)
    become(line, directory)


def launch_line(args: Sequence[str], study_dir: Path, added: Sequence[str] = ()) -> list[str]:
    """Return the command that goes on with a study.

    Args:
        args: The arguments that started it.
        study_dir: The study, which may have been moved.
        added: Words to add.
    """
    again = {_key(arg) for arg in added}
    kept = [arg for arg in args if not arg.startswith(f"{SWEEP_DIR}=") and arg not in BEGINS_ANEW]
    kept = [arg for arg in kept if not (_key(arg) in again and unknown_marks(arg))]  # a secret, given anew
    is_given = any(_key(arg) in RESUMES for arg in kept) or bool(again & {*RESUMES, "resume"})
    resume = [] if is_given else [f"{RESUME}=true"]  # an app's own default moves a finished study aside
    return [*kept, path_override(SWEEP_DIR, study_dir.resolve()), *resume, *added]


def _key(arg: str) -> str:
    return arg.lstrip("+").partition("=")[0]


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
                f"no job of the study in {study_dir} has failed; without --failed the study continues"
            )
        for job in failed:
            journal.append(JobRequeued(job=journal.study.next_job, of=job.job, name=job.name))
    return len(failed)
