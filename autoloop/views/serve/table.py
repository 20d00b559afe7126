"""The jobs of a study as rows, for what the browser draws itself: table, search, parallel coordinates."""

from __future__ import annotations

from typing import Any

from autoloop.study.record import Job
from autoloop.views.export.rows import knob
from autoloop.views.report import text
from autoloop.views.report.facts import Facts
from autoloop.views.report.figures.knobs import turned

MOST_KNOBS = 12
"""Knobs of each row: those with the most different values."""


def rows(facts: Facts) -> dict[str, Any]:
    """Return the jobs, and what holds for all of them.

    Numbers are numbers, everything else is text without control characters.
    """
    knobs = sorted(turned(facts), key=lambda one: -one.levels)[:MOST_KNOBS]
    paths = [one.paths[0] for one in knobs]
    return {
        "metric": text.clean(facts.metric),
        "maximize": facts.study.maximize,
        "paths": [text.clean(one.name) for one in knobs],
        "best": facts.best.job if facts.best else None,
        "jobs": [_row(facts, job, paths) for job in facts.jobs],
    }


def _row(facts: Facts, job: Job, paths: list[str]) -> dict[str, Any]:
    plan = job.plan
    return {
        "job": job.job,
        "name": text.clean(job.name),
        "round": job.round,
        "parent": text.clean(plan.parent or ""),
        "rule": text.clean(plan.rule),
        "state": job.state.value if job.state else "RUNNING" if job.running else "WAITING",
        "kind": facts.kind(job),
        "objective": job.objective,
        "steps": job.steps,
        "verdict": text.shorten(text.clean(facts.verdict(job)), 140),
        "edits": text.shorten(text.clean(" ".join(plan.edits)), 200),
        "knobs": [_plain(knob(facts, job, path)) for path in paths],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return text.value(value, 40)
