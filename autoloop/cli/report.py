"""``autoloop report``: draw the files of a study's report again."""

from __future__ import annotations

from pathlib import Path

import click

from autoloop.cli.options import study_argument
from autoloop.store.journal import read_study
from autoloop.store.reading import read_curves
from autoloop.views.analysis.sources import study_metrics
from autoloop.views.report.write import Reporter


@click.command()
@study_argument
def command(study: Path) -> None:
    """Draw the report of a study again.

    It is drawn from the journal and the runs' histories; the study may be
    running.
    """
    record = read_study(study)
    metrics = study_metrics(record)
    Reporter(study, lambda run_dir: read_curves(run_dir, metrics)).write(record)
    for path in sorted((study / "reports").rglob("*")):
        if path.is_file():
            click.echo(str(path))
