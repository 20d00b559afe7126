"""``autoloop export``: a study for other tools."""

from __future__ import annotations

from pathlib import Path

import click

from autoloop.cli.options import file_option, study_argument
from autoloop.errors import counted
from autoloop.store.files import inside, write_atomic
from autoloop.store.journal import read_study
from autoloop.views.analysis.sources import study_metrics
from autoloop.views.export.rows import curve_rows, job_rows, to_csv, write_parquet

curves_option = click.option(
    "--curves", is_flag=True, help="One row for each logged value instead of each job."
)


@click.group()
def command() -> None:
    """Write a study for other tools."""


@command.command()
@study_argument
@file_option(
    "--out", "Where to write; '-' prints. Default: jobs.csv (curves.csv) in the study's reports/data."
)
@curves_option
def csv(study: Path, out: Path | None, curves: bool) -> None:
    """Write a table as CSV.

    One row for each job: its place in the study, every knob that was changed, and its metrics.
    """
    text = to_csv(_rows(study, curves))
    if out == Path("-"):
        click.echo(text, nl=False)
        return
    path = out or _default(study, curves, "csv")
    write_atomic(path, text)
    click.echo(str(path))


@command.command()
@study_argument
@file_option("--out", "Where to write. Default: jobs.parquet (curves.parquet) in the study's reports/data.")
@curves_option
def parquet(study: Path, out: Path | None, curves: bool) -> None:
    """Write the same table as Parquet; needs pyarrow."""
    path = out or _default(study, curves, "parquet")
    write_parquet(_rows(study, curves), path)
    click.echo(str(path))


@command.command()
@study_argument
@click.option("--storage", required=True, metavar="URL", help="Where to, such as sqlite:///optuna.db.")
@click.option("--name", metavar="NAME", help="Name of the Optuna study; default: the directory's name.")
def optuna(study: Path, storage: str, name: str | None) -> None:
    """Write an Optuna study; needs Optuna.

    Jobs become trials, with the changed knobs as parameters and the curve of the objective as intermediate
    values; optuna-dashboard opens it. An existing Optuna study is never added to.
    """
    from autoloop.views.export.optuna import export_optuna

    record = read_study(study)
    chosen = name or study.resolve().name
    count = export_optuna(record, study, storage, chosen, study_metrics(record))
    click.echo(f"{counted(count, 'trial')} in the study {chosen!r} of {storage}")


def _rows(study: Path, curves: bool) -> list[dict[str, object]]:
    record = read_study(study)
    return list(curve_rows(record, study, study_metrics(record))) if curves else job_rows(record)


def _default(study: Path, curves: bool, suffix: str) -> Path:
    return inside(study, "reports/data") / f"{'curves' if curves else 'jobs'}.{suffix}"
