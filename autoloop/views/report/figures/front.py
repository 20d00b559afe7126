"""The front of several objectives: a scatter of all trials with the front drawn, and a table."""

from __future__ import annotations

import math
from itertools import pairwise

from autoloop.errors import counted
from autoloop.loop.score.averages import is_further_seed
from autoloop.loop.score.front_words import numbers
from autoloop.study.record import Job
from autoloop.views.report import text
from autoloop.views.report.facts import Facts
from autoloop.views.report.figures.chart import AxisScale, Box, axes, drawing, fit, label, mark
from autoloop.views.report.figures.job import link
from autoloop.views.report.figures.markup import Content, Markup, el, join
from autoloop.views.report.figures.tables import table

MOST_CHARTS = 3  # of more than two objectives each is drawn against the first
MOST_NAMED = 12  # points of a front whose names are drawn

Points = dict[int, dict[str, float]]


def front_section(facts: Facts) -> Markup | None:
    """Return the section; None where the study has one objective, or no trial a result yet."""
    names = [one.name for one in facts.study.aims.objectives]
    shown = [job for job in facts.shown if job.known and job.losses and not is_further_seed(facts.study, job)]
    points = {job.job: numbers(facts.study, job, facts.averages) for job in shown}
    if not names or not points:
        return None
    charts = [_chart(facts, points, names[0], other) for other in names[1 : 1 + MOST_CHARTS]]
    figures = [
        el("figure", el("div", one, class_="scroll", tabindex=0, role="group", aria_label="Front"))
        for one in charts
    ]
    return el("section", el("h2", "The front"), el("p", _note(facts), class_="soft"), *figures, id="front")


def _note(facts: Facts) -> str:
    limits = " and ".join(one.description for one in facts.study.aims.constraints)
    return (
        f"One mark per trial. {counted(len(facts.front), 'trial')} with a ring: no other is better in every "
        "objective" + (f" among those that keep {limits}." if limits else ".")
    )


def front_table(facts: Facts) -> Markup | None:
    """Return the points of the front, each with its numbers and its command; None without a front."""
    if not facts.front:
        return None
    aims = facts.study.aims
    own = [one.name for one in aims.objectives]
    more = facts.limited_names
    titles = [f"{one.name} ({'higher' if one.maximize else 'lower'} is better)" for one in aims.objectives]
    rows = [_row(facts, job, own, more) for job in facts.front]
    seeds = ["seeds"] if facts.averages else []
    caption = "The front: of these none is better than another in all."
    return table(caption, ["trial", *titles, *more, *seeds], rows)


def _row(facts: Facts, job: Job, own: list[str], more: list[str]) -> list[Content]:
    found = numbers(facts.study, job, facts.averages)
    limited = [job.details.values.get(name) for name in more]
    seeds = [str(facts.seeds(job))] if facts.averages else []
    return [link(job), *(text.number(found[name]) for name in own), *map(text.number, limited), *seeds]


def _chart(facts: Facts, points: Points, across: str, up: str) -> Markup:
    box = Box(64, 28, 620, 330)
    x = fit([one[across] for one in points.values()], box.left + 8, box.right - 8, log_above=30)
    y = fit([one[up] for one in points.values()], box.bottom - 8, box.top + 8, log_above=30)
    shown = [job for job in facts.shown if job.job in points]
    ends = ", ".join(f"{job.name} ({facts.numbers(job)})" for job in facts.front[:MOST_NAMED])
    return drawing(
        640,
        372,
        f"{up} against {across}",
        f"The front: {ends or 'empty'}.",
        axes(box, x, y, across, up),
        _line(facts, points, across, up, x, y),
        join(_mark(facts, job, points[job.job], across, up, x, y) for job in shown),
        *_named(facts, points, across, up, x, y),
    )


def _mark(
    facts: Facts, job: Job, at: dict[str, float], across: str, up: str, x: AxisScale, y: AxisScale
) -> Markup:
    spot = x(at[across]), y(at[up])
    ring = el("circle", cx=spot[0], cy=spot[1], r=8, class_="ring") if job in facts.front else None
    return join([mark(facts.kind(job), *spot, facts.hint(job)), ring])


def _line(facts: Facts, points: Points, across: str, up: str, x: AxisScale, y: AxisScale) -> Markup | None:
    """The edge of what the front dominates, where there are two objectives."""
    aims = facts.study.aims.objectives
    found = sorted((points[job.job][across], points[job.job][up]) for job in facts.front if job.job in points)
    if len(aims) != len((across, up)) or not found:
        return None
    corners = [f"M{x(found[0][0]):g},{y(found[0][1]):g}"]
    for _, (right, height) in pairwise(found):
        turn = f"V{y(height):g}H{x(right):g}" if aims[0].maximize else f"H{x(right):g}V{y(height):g}"
        corners.append(turn)
    return el("path", d="".join(corners), class_="line best")


def _named(facts: Facts, points: Points, across: str, up: str, x: AxisScale, y: AxisScale) -> list[Markup]:
    """Names of the front's points, as many as have room below each other."""
    named: list[Markup] = []
    last = -math.inf
    for job in sorted(facts.front, key=lambda job: y(points[job.job][up]) if job.job in points else 0.0):
        if job.job not in points or len(named) == MOST_NAMED:
            continue
        height = y(points[job.job][up])
        if height - last >= 12:
            name = text.shorten(text.clean(job.name), 24)
            named.append(label(x(points[job.job][across]) + 11, height + 4, name, class_="name"))
            last = height
    return named
