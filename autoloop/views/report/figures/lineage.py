"""Who descends from whom: a drawing of rounds against results, and a list that opens on every job."""

from __future__ import annotations

import math
from collections.abc import Sequence

from autoloop.errors import counted
from autoloop.study.record import Job
from autoloop.views.report import text
from autoloop.views.report.facts import Facts
from autoloop.views.report.figures.chart import AxisScale, Box, axes, drawing, label, mark, result_scale
from autoloop.views.report.figures.job import body
from autoloop.views.report.figures.markup import Markup, el, join

NAMED_JOBS = 40  # up to so many jobs all are named in the drawing, beyond only the best one's ancestors
WIDTH = 1040.0  # px for all columns, as long as each has 90
ROW = 15.0  # least distance of two names in px


def lineage(facts: Facts) -> Markup:
    """Return the section: drawing and list."""
    intro = (
        f"A line leads from parent to child; {'higher' if facts.study.maximize else 'lower'} is better. "
        "The blue line leads to the best trial. Open an entry below for its edits, rule, numbers and command."
    )
    return el(
        "section",
        el("h2", "Lineage"),
        el("p", intro, f" {facts.cut}" if facts.cut else "", class_="soft"),
        lineage_figure(facts),
        el("h3", "Every trial and what came of it"),
        el("ul", *_entries(facts), class_="tree"),
        id="lineage",
    )


def lineage_figure(facts: Facts) -> Markup:
    """Return the drawing and its legend."""
    image = el("div", _drawing(facts), class_="scroll", tabindex=0, role="group", aria_label="Lineage")
    return join([el("figure", image), _legend()])


def _drawing(facts: Facts) -> Markup:
    columns = _columns(facts)
    pitch = min(max(WIDTH / len(columns), 90.0), 260.0)
    box = Box(56, 30, 56 + pitch * len(columns), 350)
    y = result_scale(facts, box.bottom - 8, box.top)
    spots = {
        job.job: spot
        for column, jobs in enumerate(columns.values())
        for job, spot in zip(jobs, _spots(jobs, box.left + 16 + pitch * column, y, box), strict=True)
    }
    edges = [_edge(facts, job, spots) for job in facts.shown]
    marks = [mark(facts.kind(job), *spots[job.job], facts.hint(job)) for job in facts.shown]
    heads = [label(box.left + 16 + pitch * at, box.bottom + 46, title) for at, title in enumerate(columns)]
    return drawing(
        box.right,
        box.bottom + 56,
        "Lineage of the trials",
        f"{counted(len(facts.jobs), 'trial')} against {facts.metric} by round; "
        + (facts.cut or "all are listed below."),
        axes(box, None, y, y_label=facts.metric),
        *edges,
        *marks,
        *(_ring(*spots[job.job]) for job in (facts.best, *facts.front) if job and job.job in spots),
        *(name for jobs in columns.values() for name in _names(_named(facts, jobs), spots, facts.winning)),
        *heads,
    )


def _named(facts: Facts, jobs: Sequence[Job]) -> list[Job]:
    """The jobs whose names are drawn."""
    return [job for job in jobs if len(facts.jobs) <= NAMED_JOBS or job.job in facts.winning]


def _columns(facts: Facts) -> dict[str, list[Job]]:
    """Title -> jobs of each column: one per round, and one for starts with children in their round."""
    rounds = facts.shown_rounds
    first = rounds[min(rounds)]
    starts = [job for job in first if facts.parent(job) is None]
    columns = {f"round {number}": jobs for number, jobs in rounds.items()}
    if len(starts) == len(first):
        return columns
    columns[f"round {min(rounds)}"] = [job for job in first if facts.parent(job) is not None]
    return {"start": starts, **columns}


def _spots(jobs: Sequence[Job], left: float, y: AxisScale, box: Box) -> list[tuple[float, float]]:
    """Positions of a column's jobs: a little apart across, by result in height; without one, at the foot."""
    step = 16 / max(len(jobs) - 1, 1)
    heights = [y(job.objective) if math.isfinite(job.objective) else box.bottom + 16 for job in jobs]
    return [(left + step * at, height) for at, height in enumerate(heights)]


def _edge(facts: Facts, job: Job, spots: dict[int, tuple[float, float]]) -> Markup | None:
    parent = facts.parent(job)
    if parent is None or parent.job not in spots:
        return None
    (x1, y1), (x2, y2) = spots[parent.job], spots[job.job]
    middle = (x1 + x2) / 2
    style = "edge winning" if job.job in facts.winning else "edge"
    return el(
        "path", d=f"M{x1:.1f},{y1:g}C{middle:.1f},{y1:g} {middle:.1f},{y2:g} {x2:.1f},{y2:g}", class_=style
    )


def _ring(x: float, y: float) -> Markup:
    return el("circle", cx=round(x, 1), cy=y, r=8, class_="ring")


def _names(
    jobs: Sequence[Job], spots: dict[int, tuple[float, float]], strong: frozenset[int]
) -> list[Markup]:
    """Names of one column's jobs to the right of their marks, moved down where they would overlap."""
    placed: list[Markup] = []
    above = -math.inf
    for job in sorted(jobs, key=lambda job: spots[job.job][1]):
        x, y = spots[job.job]
        above = max(y + 4, above + ROW)
        style = "name strong" if job.job in strong else "name"
        placed.append(label(x + 11, above, text.shorten(text.clean(job.name), 24), class_=style))
    return placed


def _legend() -> Markup:
    kinds = {
        "better": "better than its parent",
        "worse": "worse",
        "root": "start, the same, or within the noise",
        "stopped": "ended by a stop rule",
        "failed": "no result",
        "running": "running or waiting",
    }
    items = [
        el("li", el("svg", mark(kind, 9, 6, word), viewBox="0 0 18 12", aria_hidden="true"), word)
        for kind, word in kinds.items()
    ]
    return el("ul", *items, class_="legend")


def _entries(facts: Facts) -> list[Markup]:
    """One entry per job, children after their parent, each with its depth."""
    entries, below = [], facts.children(facts.shown)
    waiting = [(job, 0) for job in reversed(facts.shown) if not _has_parent(facts, job)]
    while waiting:
        job, depth = waiting.pop()
        waiting += [(child, depth + 1) for child in reversed(below.get(job.job, []))]
        entries.append(_entry(facts, job, depth))
    return entries


def _has_parent(facts: Facts, job: Job) -> bool:
    """Whether the parent of a job is shown too."""
    parent = facts.parent(job)
    return parent is not None and parent.job in facts.is_shown


def _entry(facts: Facts, job: Job, depth: int) -> Markup:
    kind = facts.kind(job)
    outcome = text.number(job.objective) if job.known else facts.verdict(job)
    change = facts.change(job, facts.parent(job))
    chips = [
        el("span", text.shorten(text.clean(outcome), 90), class_=f"chip {kind}"),
        el("span", f"{change.shown('parent')} {change.label}", class_=f"chip whole {kind}")
        if change
        else None,
        el("span", job.plan.rule, class_="chip rule") if job.plan.rule else None,
        el("span", "★ best", class_="chip better") if facts.is_best(job) else None,
    ]
    head = el(
        "summary", el("b", job.name), " ", join(filter(None, chips), " ")
    )  # lines break at spaces alone
    style = "winning" if job.job in facts.winning else None
    return el("li", el("details", head, body(facts, job)), style=f"--d:{depth}", class_=style)
