"""Each knob against the result, one small chart per knob that the study turned."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autoloop.study.record import Job
from autoloop.views.report import text
from autoloop.views.report.facts import Facts
from autoloop.views.report.figures.chart import AxisScale, Box, axes, drawing, fit, label, mark, result_scale
from autoloop.views.report.figures.markup import Markup, el, join

MOST_KNOBS = 12  # charts; of more knobs, those with the most different values
HINTED_JOBS = 200  # up to so many, every mark has a hint to hover
BOX = Box(48, 14, 326, 128)


@dataclass(frozen=True, slots=True)
class TurnedKnob:
    """A config path, or several that always had the same value.

    Attributes:
        paths: The paths.
        values: The value in each job, in the order of the study's jobs.
        base: The value before any edit.
    """

    paths: tuple[str, ...]
    values: tuple[Any, ...]
    base: Any

    @property
    def name(self) -> str:
        """Its first path, and how many others go with it."""
        more = len(self.paths) - 1
        return self.paths[0] + (f" and {more} more" if more else "")

    @property
    def levels(self) -> int:
        """How many different values it had."""
        return len({_key(value) for value in self.values})


def knobs(facts: Facts) -> Markup | None:
    """Return the section; None while no knob was turned."""
    found = sorted(turned(facts), key=lambda knob: -knob.levels)
    if not found:
        return None
    drawn = found[:MOST_KNOBS]
    left = (
        f" Not drawn: {', '.join(knob.name for knob in found[MOST_KNOBS:])}."
        if len(found) > len(drawn)
        else ""
    )
    note = f"A knob's value (across) against {facts.metric} (up), one mark per trial; dotted: the baseline's."
    cards = [
        el("article", el("h3", el("code", knob.name)), _chart(facts, knob), class_="card") for knob in drawn
    ]
    return el(
        "section",
        el("h2", "Knobs against the result"),
        el("p", text.shorten(text.clean(note + left), 600), class_="soft"),
        el("div", *cards, class_="cards"),
        id="knobs",
    )


def turned(facts: Facts) -> list[TurnedKnob]:
    """Every path that a variant changed; paths with the same value in every job are one knob."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for path, base in facts.base_values.items():
        values = tuple(_key(facts.knobs[job.job].get(path, base)) for job in facts.shown)
        groups.setdefault(values, []).append(path)
    return [_knob(facts, paths) for paths in groups.values()]


def _knob(facts: Facts, paths: list[str]) -> TurnedKnob:
    base = facts.base_values[paths[0]]
    return TurnedKnob(
        tuple(paths), tuple(facts.knobs[job.job].get(paths[0], base) for job in facts.shown), base
    )


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _chart(facts: Facts, knob: TurnedKnob) -> Markup:
    y = result_scale(facts, BOX.bottom - 8, BOX.top)
    numeric = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (*knob.values, knob.base))
    marks, ticks = _on_numbers(facts, knob, y) if numeric else _on_names(facts, knob, y)
    return drawing(
        340,
        154,
        f"{knob.name} against {facts.metric}",
        f"{knob.levels} values; the baseline has {text.value(knob.base)}.",
        ticks,
        marks,
    )


def _on_numbers(facts: Facts, knob: TurnedKnob, y: AxisScale) -> tuple[Markup, Markup]:
    x = fit([float(v) for v in (*knob.values, knob.base)], BOX.left + 8, BOX.right - 8, log_above=8)
    base = x(float(knob.base)) if abs(knob.base) < math.inf else BOX.left
    rule = el("line", x1=base, x2=base, y1=BOX.top, y2=BOX.bottom, class_="line reference")
    places = [x(float(value)) if abs(value) < math.inf else BOX.right for value in knob.values]
    return _marks(facts, places, y), join([axes(BOX, x, y, x_ticks=4), rule])


def _on_names(facts: Facts, knob: TurnedKnob, y: AxisScale) -> tuple[Markup, Markup]:
    names = list(dict.fromkeys(text.value(value, 18) for value in (knob.base, *knob.values)))
    pitch = (BOX.right - BOX.left) / len(names)
    at = {name: BOX.left + pitch * (index + 0.5) for index, name in enumerate(names)}
    shown = names if len(names) <= 4 else []
    ticks = [label(at[name], BOX.bottom + 16, name, anchor="middle") for name in shown]
    places = [at[text.value(value, 18)] for value in knob.values]
    frame = axes(BOX, None, y)
    return _marks(facts, places, y), join([frame, *ticks])


def _marks(facts: Facts, places: Sequence[float], y: AxisScale) -> Markup:
    return join(_mark(facts, job, place, y) for job, place in zip(facts.shown, places, strict=True))


def _mark(facts: Facts, job: Job, place: float, y: AxisScale) -> Markup | None:
    if job.state is None:
        return None
    at = y(job.objective) if math.isfinite(job.objective) else BOX.bottom - 4
    hint = facts.hint(job) if len(facts.jobs) <= HINTED_JOBS else ""
    found = mark(facts.kind(job), place, at, hint)
    ring = el("circle", cx=place, cy=at, r=8, class_="ring") if facts.is_best(job) else None
    return join([found, ring])
