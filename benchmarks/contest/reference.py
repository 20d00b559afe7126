"""The best that a task has to give, for want of knowing it: of a long search, beyond any study's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from contest.box import Box
from contest.task import FRESH, Task

DRAWN, NEAR = 150, 80  # configs all over the box, and around the best of them
LEADERS = 8  # of each that are trained on all fresh seeds
WIDTH = 0.08  # of the box


def best_known(task: Task) -> float:
    """Lowest geometric mean over the fresh seeds of any config that the search found."""
    known = task.known_best()
    if known is not None:
        return known
    box, rng = Box(task, FRESH[0]), np.random.default_rng(5)
    points = [box.point(), *rng.random((DRAWN, len(box.knobs)))]
    leaders = _leaders(task, box, points)
    near = [
        np.clip(leaders[place % 5][1] + WIDTH * rng.normal(size=len(box.knobs)), 0, 1)
        for place in range(NEAR)
    ]
    return min(leaders[0][0], _leaders(task, box, near)[0][0])


OUTSIDE_DRAWN, NARROWER = 60, (0.2, 0.12, 0.12, 0.08, 0.08)
OUTSIDE_NEAR, OUTSIDE_LEADERS = 20, 4


def best_of(task: Task) -> float:
    """The best mean over the fresh seeds that a search of a task of any sign and direction found.

    Evenly drawn configs, then a few times as many around the best so far, on every second knob.
    """
    known = task.known_best()
    if known is not None:
        return known
    box, rng = Box(task, FRESH[0]), np.random.default_rng(5)
    known_points = _at_one_seed(task, box, [box.point(), *rng.random((OUTSIDE_DRAWN, len(box.knobs)))])
    for width in NARROWER:
        leaders = [point for _, point in known_points[:OUTSIDE_LEADERS]]
        moves = width * rng.normal(size=(OUTSIDE_NEAR, len(box.knobs)))
        moves *= rng.random(moves.shape) < MOVED
        near = [np.clip(leaders[place % len(leaders)] + move, 0, 1) for place, move in enumerate(moves)]
        known_points = sorted([*known_points, *_at_one_seed(task, box, near)], key=lambda pair: pair[0])
    value = min(_mean_of(task, box, point) for _, point in known_points[:OUTSIDE_LEADERS])
    return -value if task.maximize else value


MOVED = 0.5  # how likely a knob moves


def _at_one_seed(task: Task, box: Box, points: list[Any]) -> list[tuple[float, Any]]:
    """Points with their results at one seed, lower is better, the best first."""
    sign = -1 if task.maximize else 1
    found = [(_or_inf(sign * task.result(box.config(point))), point) for point in points]
    return sorted(found, key=lambda pair: pair[0])


def _mean_of(task: Task, box: Box, point: Any) -> float:
    """The mean over all fresh seeds, lower is better."""
    sign = -1 if task.maximize else 1
    return float(np.mean([_or_inf(sign * value) for value in task.fresh(box.config(point))]))


def _leaders(task: Task, box: Box, points: list[Any]) -> list[tuple[float, Any]]:
    """The points that are best at one seed, with their means over all, the best first."""
    ranked = sorted(points, key=lambda point: _or_inf(task.result(box.config(point))))[:LEADERS]
    return sorted(
        ((geometric_mean(task.fresh(box.config(one))), one) for one in ranked), key=lambda pair: pair[0]
    )


def geometric_mean(values: list[float]) -> float:
    """Of positive values; infinite if one of them is not finite."""
    return math.exp(sum(math.log(_or_inf(value)) for value in values) / len(values))


def _or_inf(value: float) -> float:
    return value if math.isfinite(value) else math.inf
