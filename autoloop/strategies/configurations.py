"""Points of a space as configurations: conditions between knobs, and what is left of a space that ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from autoloop.edits import format_literal
from autoloop.rules.paths import is_number
from autoloop.strategies.samplers import Floats
from autoloop.strategies.space import Knob

MOST = 5000
"""A space of more configurations than this is not counted out."""


def is_turned(knobs: Sequence[Knob], point: Sequence[float] | Floats) -> list[bool]:
    """Which knobs count at a point: those whose conditions hold there."""
    values = {knob.path: knob.value(float(unit)) for knob, unit in zip(knobs, point, strict=True)}
    by_path = {knob.path: knob for knob in knobs}

    def turned(knob: Knob, asked: tuple[str, ...] = ()) -> bool:
        return all(
            path in asked
            or ((values[path] if turned(by_path[path], (*asked, path)) else by_path[path].start) in wanted)
            for path, wanted in knob.where
        )

    return [turned(knob) for knob in knobs]


def snapped(knobs: Sequence[Knob], point: Sequence[float] | Floats) -> list[float]:
    """The place of the configuration that a point leads to: knobs that do not count stay where they start."""
    turned = is_turned(knobs, point)
    return [
        knob.place(knob.value(float(unit)) if counts else knob.start)
        for knob, unit, counts in zip(knobs, point, turned, strict=True)
    ]


def snapper(knobs: Sequence[Knob]) -> Callable[[Floats], Floats] | None:
    """What moves points to where their configurations lie; None where any point is one.

    Numbers with three digits count as any number.
    """
    if any(knob.where for knob in knobs):
        return lambda points: np.array([snapped(knobs, point) for point in points], dtype=np.float64).reshape(
            points.shape
        )
    discrete = [place for place, knob in enumerate(knobs) if knob.choices or knob.step or knob.kinds[0]]
    if not discrete:
        return None

    def snap(points: Floats) -> Floats:
        moved = points.copy()
        for place in discrete:
            units, back = np.unique(points[:, place], return_inverse=True)
            values = [knobs[place].place(knobs[place].value(float(unit))) for unit in units]
            moved[:, place] = np.array(values)[back.reshape(-1)]
        return np.asarray(moved)

    return snap


def edits_at(knobs: Sequence[Knob], point: Sequence[float] | Floats) -> dict[str, str]:
    """Path -> the edit that moves the baseline there, for each knob that moves."""
    turned = is_turned(knobs, point)
    edits = {
        knob.path: knob.edit(float(unit))
        for knob, unit, counts in zip(knobs, point, turned, strict=True)
        if counts
    }
    picks = [knob.path for knob in knobs if knob.group]  # what an option has can only be set behind it
    order = sorted(edits, key=lambda path: path not in picks)
    return {path: edits[path] for path in order if edits[path]}


def size(knobs: Sequence[Knob]) -> int | None:
    """How many configurations a space has, conditions aside; None if they cannot be counted, or not well."""
    levels = [knob.levels for knob in knobs]
    if not levels or any(values is None for values in levels):
        return None
    count = math.prod(len(values or ()) for values in levels)
    return count if count <= MOST else None


def left(knobs: Sequence[Knob], known: Iterable[Mapping[str, Any]]) -> Floats | None:
    """The configurations of a space that are not among known configs, as points: float64 (n, d).

    Args:
        knobs: The space.
        known: Configs of jobs that ran, run or are planned.

    Returns:
        None for a space that does not end.
    """
    if size(knobs) is None:
        return None
    places = [[knob.place(value) for value in knob.levels or ()] for knob in knobs]
    gone = {_values(knobs, [knob.at(config) for knob in knobs]) for config in known}
    points = []
    for point in product(*places):
        there = snapped(knobs, point)
        values = _values(knobs, [knob.value(unit) for knob, unit in zip(knobs, there, strict=True)])
        if values not in gone:
            gone.add(values)
            points.append(there)
    return np.array(points, dtype=np.float64).reshape(len(points), len(knobs))


def _values(knobs: Sequence[Knob], values: Sequence[Any]) -> tuple[object, ...]:
    """Values as they are compared: 1 is 1.0, and not true."""
    return tuple(
        float(value) if is_number(value) else format_literal(value, quoted_keys=True) for value in values
    )
