"""``autoloop report``: draw the files of a study's report again."""

from __future__ import annotations

from pathlib import Path

import click

from autoloop.cli.options import study_argument
from autoloop.journal import read_study
from autoloop.report.write import write_report


@click.command()
@study_argument
def command(study: Path) -> None:
    """Draw the report of a study again.

    It is drawn from the journal alone; the study may be running.
    """
    record = read_study(study)
    write_report(record, study, task_name=str(record.header.get("task") or "study"))
    for path in sorted((study / "reports").rglob("*")):
        if path.is_file():
            click.echo(str(path))
