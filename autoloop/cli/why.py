"""``autoloop why``: one job's story."""

from __future__ import annotations

from pathlib import Path

import click

from autoloop.cli.options import job_argument, study_argument
from autoloop.store.journal import read_study
from autoloop.views.report.why import why


@click.command()
@study_argument
@job_argument
def command(study: Path, job: str) -> None:
    """Show why a job ran and what its result was.

    In ten lines: its parent, the edits with old and new values, the rule and the numbers that fired it, what
    was expected, and the result compared with the parent's. JOB is the job's name or number.
    """
    click.echo(why(read_study(study), job))
