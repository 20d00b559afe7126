"""Jobs side by side: their curves in one drawing for each metric, and where their configs differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autoloop.history.series import Series
from autoloop.study.record import Job
from autoloop.views.export.rows import knob
from autoloop.views.report import text
from autoloop.views.report.facts import Facts
from autoloop.views.report.figures.chart import PANEL, axes, cropped, fit, line, panel
from autoloop.views.report.figures.markup import Markup, el, join

MOST_JOBS = 8
"""Jobs that are compared: so many colours can be told apart."""
MOST_METRICS = 12
"""Metrics that are drawn: the objective, then those that most of the jobs have."""
BUCKETS = 160

Curves = Mapping[int, Mapping[str, Series]]


def comparison(facts: Facts, jobs: Sequence[Job], curves: Curves) -> Markup:
    """Return curves and config differences of some jobs.

    Args:
        facts: What the study amounts to.
        jobs: The jobs, in the order of their colours.
        curves: Job number -> metric -> curve.
    """
    shown = list(jobs)[:MOST_JOBS]
    if not shown:
        return el("p", "Tick jobs in the table to see them side by side.", class_="soft")
    names = [
        el("li", el("span", class_=f"swatch c{place}", aria_hidden="true"), f"{job.job} {job.name}")
        for place, job in enumerate(shown)
    ]
    panels = [_panel(metric, shown, curves) for metric in _metrics(facts, shown, curves)]
    left = f"The first {MOST_JOBS} of {len(jobs)} are compared." if len(jobs) > MOST_JOBS else None
    return join(
        [
            el("p", left, class_="soft") if left else None,
            el("ul", *names, class_="legend"),
            el("div", *(el("article", panel, class_="card") for panel in panels), class_="cards"),
            _differences(facts, shown),
        ]
    )


def _metrics(facts: Facts, jobs: Sequence[Job], curves: Curves) -> list[str]:
    counts: dict[str, int] = {}
    for job in jobs:
        for name in curves.get(job.job, {}):
            counts[name] = counts.get(name, 0) + 1
    ordered = sorted(counts, key=lambda name: (name != facts.metric, -counts[name], name))
    return ordered[:MOST_METRICS]


def _panel(metric: str, jobs: Sequence[Job], curves: Curves) -> Markup:
    found = {
        place: curves[job.job][metric] for place, job in enumerate(jobs) if metric in curves.get(job.job, {})
    }
    box = PANEL
    x = fit([0.0, *(float(one.steps[-1]) for one in found.values() if len(one))], box.left, box.right, air=0)
    y = fit((value for one in found.values() for value in one.values.tolist()), box.bottom, box.top, 6)
    lines = [line(one, x, y, f"c{place}", BUCKETS) for place, one in found.items()]
    shown = text.clean(metric)
    described = "; ".join(f"{jobs[place].name} ends at {_last(one)}" for place, one in found.items())
    title = f"{shown} of {len(found)} jobs"
    frame = axes(box, x, y, y_label=text.shorten(shown, 44), x_ticks=4)
    return panel(title, described, frame, cropped(box, *lines))


def _last(series: Series) -> str:
    return text.number(float(series.values[-1])) if len(series) else text.MISSING


def _differences(facts: Facts, jobs: Sequence[Job]) -> Markup:
    """A table of the knobs that differ among the jobs, results first."""
    head = el("tr", el("th", "Config", scope="col"), *(el("th", job.name, scope="col") for job in jobs))
    rows = [_row(facts.metric, [text.number(job.objective) for job in jobs])]
    for path in facts.base_values:
        values = [text.value(knob(facts, job, path), 40) for job in jobs]
        if len(set(values)) > 1:
            rows.append(_row(path, values))
    if len(rows) == 1:
        rows.append(el("tr", el("td", "Their configs are the same.", colspan=len(jobs) + 1, class_="soft")))
    table = el("table", el("caption", "Where they differ"), el("thead", head), el("tbody", *rows))
    return el("div", table, class_="scroll", tabindex=0, role="group", aria_label="Differences")


def _row(name: str, values: Sequence[str]) -> Markup:
    return el(
        "tr", el("th", el("code", name), scope="row"), *(el("td", value, class_="num") for value in values)
    )
