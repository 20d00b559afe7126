"""``autoloop analyze``: summaries of runs and the decisions of rules on them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from autoloop.cli.options import file_option, metrics_from_option, rules_option
from autoloop.errors import ConfigError, OutsideError
from autoloop.history.find import looked_for
from autoloop.store.files import write_atomic
from autoloop.store.redact import redact
from autoloop.study.record import Study
from autoloop.views.analysis.runs import AnalysedRun, Look, as_json, check_names
from autoloop.views.analysis.sources import choose_metrics, choose_rules, study_in
from autoloop.views.analysis.tables import as_csv, overview
from autoloop.views.report.data import to_json


@click.command()
@click.argument("place", metavar="DIR | ENTITY/PROJECT")
@click.option(
    "--online", is_flag=True, help="Read the project ENTITY/PROJECT from W&B instead of a directory."
)
@click.option(
    "--limit", "--max-runs", type=click.IntRange(1), metavar="N", help="At most N runs, the newest."
)
@click.option(
    "--metrics", multiple=True, metavar="GLOBS", help="Only these metrics: names or globs, with commas."
)
@file_option("--json", "Write the summaries in the form of autorun_summary.json; '-' prints them.")
@file_option("--csv", "Write one line for each run and metric; '-' prints them.")
@rules_option
@metrics_from_option
@click.option("--group", default="", metavar="TEXT", help="With --online: runs whose group contains TEXT.")
@click.option(
    "--tag", multiple=True, metavar="TAG", help="With --online: runs that have TAG (all of several)."
)
@click.option(
    "--sampled", is_flag=True, help="With --online: about 1,000 rows of each run, faster but less exact."
)
def command(
    place: str,
    online: bool,
    limit: int | None,
    metrics: tuple[str, ...],
    json: Path | None,
    csv: Path | None,
    rules: str | None,
    metrics_from: str | None,
    group: str,
    tag: tuple[str, ...],
    sampled: bool,
) -> None:
    """Summarise runs, local or W&B's online.

    Every run below DIR is read, of W&B or another tracker, whatever the layout, the newest first; those that
    cannot be read are listed with the reason. With --rules, what the rules propose for each run is shown too.

    Without a network or an API key, --online ends with exit code 1.
    """
    if not online and (group or tag or sampled):
        raise click.UsageError("--group, --tag and --sampled go with --online")
    names = tuple(name.strip() for globs in metrics for name in globs.split(",") if name.strip())
    study = None if online else study_in(_directory(place))
    look = Look(
        metrics=choose_metrics(metrics_from, study),
        names=names,
        rules=choose_rules(rules, None) if rules else (),
    )
    runs = (
        _of_project(look, place, group, tag, limit, sampled)
        if online
        else _of_tree(look, place, study, limit)
    )
    check_names(names, runs)
    _write(runs, json, csv)
    if Path("-") not in (json, csv):
        click.echo(redact(overview(runs, place, bool(names), _name_width()), os.environ))
    if not any(run.readable for run in runs):
        raise OutsideError("none of these runs could be read")


def _of_tree(look: Look, place: str, study: Study | None, limit: int | None) -> list[AnalysedRun]:
    from autoloop.views.analysis.tree import analyse_tree

    jobs = {job.run_dir for job in study.jobs.values() if job.run_dir} if study else set()
    runs = analyse_tree(Path(place), look, limit, jobs)
    if not runs:
        raise OutsideError(f"no run in {place} (looked for {looked_for()})")
    return runs


def _of_project(look: Look, *query: Any) -> list[AnalysedRun]:
    from autoloop.views.analysis.online import Query, analyse_project

    asked = Query(*query)
    runs = analyse_project(asked, look)
    if not runs:
        raise OutsideError(f"no run of {asked.project} is what was asked for")
    return runs


def _directory(place: str) -> Path:
    if not Path(place).exists():
        raise ConfigError(f"there is no directory {place!r} (a project of W&B is read with --online)")
    return Path(place)


def _write(runs: Sequence[AnalysedRun], json: Path | None, csv: Path | None) -> None:
    if json is not None:
        _put(json, to_json(as_json(runs)))
    if csv is not None:
        _put(csv, as_csv(runs))


def _put(path: Path, text: str) -> None:
    """Write a text to a file, or print it where the file's name is ``-``."""
    if path == Path("-"):
        click.echo(text, nl=False)
    else:
        write_atomic(path, text)


def _name_width() -> int:
    """Characters for a run's name: half of a terminal, any number elsewhere."""
    return shutil.get_terminal_size().columns // 2 if sys.stdout.isatty() else 1000
