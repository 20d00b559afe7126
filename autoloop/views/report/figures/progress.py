"""How the best result, or the front of several objectives, grew over the hours that were spent."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import overload

from autoloop.loop.score import hypervolumes
from autoloop.study.record import Job
from autoloop.views.report import text
from autoloop.views.report.facts import Facts
from autoloop.views.report.figures.chart import AxisScale, Box, axes, drawing, fit, label, mark, result_scale
from autoloop.views.report.figures.markup import Markup, el, join

Point = tuple[float, Job]  # what had been spent when a job ended, and the job


class Spent(Sequence[Point]):
    """Points in the order in which the jobs ended: of a hundred thousand the hours alone are kept."""

    __slots__ = ("_at", "_jobs", "_unit")

    def __init__(self, jobs: list[Job], hours: Iterable[float]) -> None:
        self._jobs, self._at = jobs, array("d", hours)
        self._unit = 1.0

    def in_minutes(self) -> Spent:
        """The same points in minutes instead of hours."""
        self._unit = 60.0
        return self

    def __len__(self) -> int:
        return len(self._jobs)

    @overload
    def __getitem__(self, place: int) -> Point: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Point]: ...

    def __getitem__(self, place: int | slice) -> Point | Sequence[Point]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        return self._unit * self._at[place], self._jobs[place]


@dataclass(frozen=True, slots=True)
class _Course:
    """What grew as jobs ended.

    Attributes:
        title: What the drawing shows.
        axis: What its heights are.
        note: What the line in it is.
        y: Their scale.
        heights: Number of a job -> the value at which it is drawn; NaN where it has none.
        steps: The points at which the line rises or falls.
    """

    title: str
    axis: str
    note: str
    y: AxisScale
    heights: Mapping[int, float]
    steps: list[Point]


def progress(facts: Facts) -> Markup | None:
    """Return the section; None while no job has ended."""
    points, unit = spent(facts)
    if not points:
        return None
    box = Box(56, 28, 1070, 290)
    x = fit([0.0, points[-1][0]], box.left, box.right, air=0.02)
    course = (_front_grown if facts.study.aims.several else _best_found)(facts, points, box)
    steps = (f"{text.number(course.heights[job.job])} after {text.number(at, 3)}" for at, job in course.steps)
    image = drawing(
        1090,
        332,
        f"{course.title} against {unit}",
        "; ".join(steps) + ".",
        axes(box, x, course.y, unit, course.axis),
        None if facts.study.aims.several else _baseline(facts, course.y, box),
        _staircase(course, x, box),
        *(_mark(facts, at, job, course, x, box) for at, job in points if job.job in facts.is_shown),
        *_steps_named(course, x),
    )
    note = f"One mark per trial, when it ended; {course.note}. Spent: {_total(points, unit)}."
    return el(
        "section",
        el("h2", f"Progress over {unit}"),
        el("p", note, class_="soft"),
        el("figure", el("div", image, class_="scroll", tabindex=0, role="group", aria_label="Progress")),
        id="progress",
    )


def _best_found(facts: Facts, points: Sequence[Point], box: Box) -> _Course:
    steps = best_so_far(facts, points)
    drawn = (*(job for _, job in steps), *(job for _, job in points if job.job in facts.is_shown))
    return _Course(
        f"Best {facts.metric} so far",
        facts.metric,
        "the blue line is the best so far",
        result_scale(facts, box.bottom - 8, box.top),
        {job.job: job.objective for job in drawn},
        steps,
    )


def _front_grown(facts: Facts, points: Sequence[Point], box: Box) -> _Course:
    """Of several objectives: the hypervolume of the front after each job, in percent of what it has now."""
    reached = [100 * share for share in hypervolumes(facts.study, [job for _, job in points])]
    steps = [
        point for point, before, now in zip(points, [0.0, *reached], reached, strict=False) if now > before
    ]
    return _Course(
        "Hypervolume of the front",
        "hypervolume of the front, % of what it has now",
        "the blue line is how much of the objectives' space the front dominates, and a name is a trial that "
        "added to it",
        fit([0.0, 100.0], box.bottom - 8, box.top),
        {job.job: now if job.known else math.nan for (_, job), now in zip(points, reached, strict=True)},
        steps,
    )


def spent(facts: Facts) -> tuple[Spent, str]:
    """Ended jobs in the order they ended, each with what all up to it had spent, and the unit of that."""
    ended = (job for job in facts.study.jobs.values() if job.state is not None)
    jobs = sorted((job for job in ended if math.isfinite(job.ended_at)), key=facts.ended_at)
    points = Spent(jobs, accumulate(facts.spent_hours(job) for job in jobs))
    if jobs and points[-1][0] >= 1:
        return points, facts.spent_unit
    return points.in_minutes(), facts.spent_unit.replace("hours", "minutes")


def best_so_far(facts: Facts, points: Sequence[Point]) -> list[Point]:
    """The points at which a completed job was better than all before it, or was trained for longer."""
    steps: list[Point] = []
    for at, job in points:
        if not job.known or job.measures:
            continue
        change = facts.change(job, steps[-1][1]) if steps else None
        longer = bool(steps) and facts.study.generation(job) > facts.study.generation(steps[-1][1])
        if not steps or longer or (change and change.better):
            steps.append((at, job))
    return steps


def _mark(facts: Facts, at: float, job: Job, course: _Course, x: AxisScale, box: Box) -> Markup:
    value = course.heights[job.job]
    height = course.y(value) if math.isfinite(value) else box.bottom - 4
    return mark(facts.kind(job), x(at), height, facts.hint(job))


def _baseline(facts: Facts, y: AxisScale, box: Box) -> Markup | None:
    best, baseline = facts.best, facts.baseline
    baseline = baseline if best is None else facts.beside(best)
    if baseline is None or not math.isfinite(baseline.objective):
        return None
    at = y(baseline.objective)
    rule = el("line", x1=box.left, x2=box.right, y1=at, y2=at, class_="line reference")
    return join([rule, label(box.right, at - 6, "baseline", anchor="end")])


def _staircase(course: _Course, x: AxisScale, box: Box) -> Markup | None:
    if not course.steps:
        return None
    places = [(x(at), course.y(course.heights[job.job])) for at, job in course.steps]
    corners = [f"M{places[0][0]:g},{places[0][1]:g}", *(f"H{across:g}V{up:g}" for across, up in places[1:])]
    return el("path", d="".join([*corners, f"H{box.right:g}"]), class_="line best")


def _steps_named(course: _Course, x: AxisScale) -> list[Markup]:
    """Names of the last improvements, as many as fit beside each other."""
    named: list[Markup] = []
    free = math.inf
    for at, job in reversed(course.steps):
        name = text.shorten(text.clean(job.name), 24)
        place, width = x(at), 7.0 * len(name)
        if place + width < free and len(named) < 8:
            named.append(label(place + 7, course.y(course.heights[job.job]) + 18, name, class_="name"))
            free = place
    return named


def _total(points: Sequence[Point], unit: str) -> str:
    return f"{text.number(points[-1][0], 3)} {unit}"
