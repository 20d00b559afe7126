"""How the best result came down over the hours that were spent."""

from __future__ import annotations

import math

from autoloop.study.record import Job
from autoloop.views.report import text
from autoloop.views.report.facts import Facts
from autoloop.views.report.figures.chart import AxisScale, Box, axes, drawing, fit, label, mark, result_scale
from autoloop.views.report.figures.markup import Markup, el, join

Point = tuple[float, Job]  # what had been spent when a job ended, and the job


def progress(facts: Facts) -> Markup | None:
    """Return the section; None while no job has ended."""
    points, unit = spent(facts)
    if not points:
        return None
    box = Box(56, 28, 1070, 290)
    x = fit([0.0, *(at for at, _ in points)], box.left, box.right, air=0.02)
    y = result_scale(facts, box.bottom - 8, box.top)
    steps = best_so_far(facts, points)
    marks = [
        mark(facts.kind(job), x(at), _height(job, y, box), facts.hint(job))
        for at, job in points
        if job.job in facts.is_shown
    ]
    image = drawing(
        1090,
        332,
        f"Best {facts.metric} so far against {unit}",
        "; ".join(f"{text.number(job.objective)} after {text.number(at, 3)}" for at, job in steps) + ".",
        axes(box, x, y, unit, facts.metric),
        _baseline(facts, y, box),
        _staircase(steps, x, y, box),
        *marks,
        *_steps_named(steps, x, y),
    )
    note = (
        f"One mark per trial, when it ended; the blue line is the best so far. Spent: {_total(points, unit)}."
    )
    return el(
        "section",
        el("h2", f"Progress over {unit}"),
        el("p", note, class_="soft"),
        el("figure", el("div", image, class_="scroll", tabindex=0, role="group", aria_label="Progress")),
        id="progress",
    )


def spent(facts: Facts) -> tuple[list[Point], str]:
    """Ended jobs in the order they ended, each with what all up to it had spent, and the unit of that."""
    ended = [job for job in facts.study.jobs.values() if job.state is not None]
    hours, points = 0.0, []
    for job in sorted((job for job in ended if math.isfinite(job.ended_at)), key=facts.ended_at):
        hours += facts.spent_hours(job)
        points.append((hours, job))
    if hours >= 1:
        return points, facts.spent_unit
    return [(60 * at, job) for at, job in points], facts.spent_unit.replace("hours", "minutes")


def best_so_far(facts: Facts, points: list[Point]) -> list[Point]:
    """The points at which a completed job was better than all before it."""
    steps: list[Point] = []
    for at, job in points:
        if not job.known or job.measures:
            continue
        change = facts.change(job, steps[-1][1]) if steps else None
        if not steps or (change and change.better):
            steps.append((at, job))
    return steps


def _height(job: Job, y: AxisScale, box: Box) -> float:
    return y(job.objective) if math.isfinite(job.objective) else box.bottom - 4


def _baseline(facts: Facts, y: AxisScale, box: Box) -> Markup | None:
    if facts.baseline is None or not math.isfinite(facts.baseline.objective):
        return None
    at = y(facts.baseline.objective)
    rule = el("line", x1=box.left, x2=box.right, y1=at, y2=at, class_="line reference")
    return join([rule, label(box.right, at - 6, "baseline", anchor="end")])


def _staircase(steps: list[Point], x: AxisScale, y: AxisScale, box: Box) -> Markup | None:
    if not steps:
        return None
    corners = [f"M{x(steps[0][0]):g},{y(steps[0][1].objective):g}"]
    corners += [f"H{x(at):g}V{y(job.objective):g}" for at, job in steps[1:]]
    return el("path", d="".join([*corners, f"H{box.right:g}"]), class_="line best")


def _steps_named(steps: list[Point], x: AxisScale, y: AxisScale) -> list[Markup]:
    """Names of the last improvements, as many as fit beside each other."""
    named: list[Markup] = []
    free = math.inf
    for at, job in reversed(steps):
        name = text.shorten(text.clean(job.name), 24)
        place, width = x(at), 7.0 * len(name)
        if place + width < free and len(named) < 8:
            named.append(label(place + 7, y(job.objective) + 18, name, class_="name"))
            free = place
    return named


def _total(points: list[Point], unit: str) -> str:
    return f"{text.number(points[-1][0], 3)} {unit}"
