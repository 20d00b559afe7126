"""A study as a table: one row per job, or one row per logged value."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from autoloop.curves.metrics import Metrics
from autoloop.errors import OutsideError
from autoloop.store.files import inside
from autoloop.store.reading import read_curves
from autoloop.study.record import Job, Study
from autoloop.views.report.facts import Facts
from autoloop.views.report.text import cell

Row = Mapping[str, Any]


def job_rows(study: Study) -> list[dict[str, Any]]:
    """Return one row per job, in job order: its place in the study, its knobs, each metric in three numbers.

    Knobs are the paths that any variant changed (``config.<path>``), with the baseline's value where a job's
    lineage did not touch them. Where each configuration runs with several seeds, ``seeds`` and
    ``mean.<objective>`` are in the row of its first seed. All rows have the same keys; what a job lacks is
    None.
    """
    facts = Facts(study)
    metrics = list(dict.fromkeys(name for job in facts.jobs for name in job.summary))
    return [
        {
            **_place(facts, job),
            **{f"config.{path}": _scalar(knob(facts, job, path)) for path in facts.base_values},
            **{
                f"{name}.{part}": _metric(job, name, part)
                for name in metrics
                for part in ("first", "last", "best")
            },
        }
        for job in facts.jobs
    ]


def knob(facts: Facts, job: Job, path: str) -> Any:
    """Value of a changed path in one job's config."""
    return facts.knobs[job.job].get(path, facts.base_values[path])


def curve_rows(study: Study, study_dir: Path, metrics: Metrics) -> Iterable[dict[str, Any]]:
    """Yield one row for each value that a job logged: job, name, metric, step, value."""
    for number, job in sorted(study.jobs.items()):
        if not job.run_dir:
            continue
        for name, series in read_curves(inside(study_dir, job.run_dir), metrics).items():
            for step, value in zip(series.steps.tolist(), series.values.tolist(), strict=True):
                yield {"job": number, "name": job.name, "metric": name, "step": step, "value": value}


def to_csv(rows: Sequence[Row]) -> str:
    """Return rows as CSV; None becomes an empty cell, and no text is a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(cell, rows[0] if rows else ()))
    writer.writerows(map(cell, row.values()) for row in rows)
    return text.getvalue()


def write_parquet(rows: Sequence[Row], path: Path) -> None:
    """Write rows as a Parquet file; a column of several types becomes text.

    Raises:
        OutsideError: pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise OutsideError("writing Parquet needs pyarrow: pip install 'autoloop[export]'") from error
    names = list(rows[0]) if rows else []
    columns = {name: _one_type([row[name] for row in rows]) for name in names}
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.table(columns), path)


def _place(facts: Facts, job: Job) -> dict[str, Any]:
    seconds = job.ended_at - job.started_at
    return {
        "job": job.job,
        "name": job.name,
        "round": job.round,
        "parent": job.plan.parent,
        "rule": job.plan.rule,
        "reason": job.plan.reason,
        "state": job.state.value if job.state else None,
        "objective": _finite(job.objective),
        **_means(facts, job),
        "steps": job.steps,
        "seconds": _finite(seconds),
        "spent_hours": facts.spent_hours(job),
        "run_dir": job.run_dir,
        "url": job.details.url or None,
        "error": job.error or None,
    }


def _means(facts: Facts, job: Job) -> dict[str, Any]:
    """Number of seeds, and the mean of each objective over them; nothing unless a study has several seeds."""
    if not facts.averages:
        return {}
    found = facts.averages.get(job.place)
    names = [one.name for one in facts.study.aims.objectives] or ["objective"]
    means = found.values if found else [None] * len(names)
    return {
        "seeds": found.seeds if found else None,
        **{f"mean.{name}": mean for name, mean in zip(names, means, strict=True)},
    }


def _metric(job: Job, name: str, part: str) -> Any:
    return job.summary.get(name, {}).get(part)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _scalar(value: Any) -> Any:
    """A value as it stands in a cell: lists and mappings as JSON."""
    return (
        value
        if value is None or isinstance(value, bool | int | float | str)
        else json.dumps(value, default=str)
    )


def _one_type(values: list[Any]) -> list[Any]:
    """Values of a column with one type: numbers as they are, a mixture as text."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        return [None if value is None else float(value) for value in values]
    return values if len(kinds) <= 1 else [None if value is None else str(value) for value in values]
