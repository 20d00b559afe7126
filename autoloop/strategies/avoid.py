"""Where in the space of a sampler jobs failed, so that it looks elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autoloop.rules.paths import matches
from autoloop.strategies.failed import FailedRegion, Fence
from autoloop.strategies.samplers import Bools, Floats
from autoloop.strategies.space import DIGITS, Knob

NEAR = 0.15
"""A point that differs from two failures by at most this part of the range on every knob fails as well."""

OPEN = 1 / 3
"""Part of the way from what worked to what failed that is left open."""

ROUNDED = 10.0**-DIGITS
"""A value that is nearer to a limit than this part of it is rounded to it."""


def avoided(
    knobs: Sequence[Knob],
    start: Mapping[str, Any],
    regions: Sequence[FailedRegion],
    failures: Sequence[Floats],
    passed: Floats,
) -> Callable[[Floats], Bools] | None:
    """Return what tells points, float64 (m, d), where jobs are going to fail; None if nothing failed twice.

    A part of the way from what worked to what failed is left open: so the edge is found from the safe side.

    Args:
        knobs: The space.
        start: The baseline's config.
        regions: Sides of knobs where jobs failed.
        failures: Points that failed in one way, float64 (n, d) for each way.
        passed: Points that came through, float64 (n, d).
    """
    if not regions and not failures:
        return None

    def mask(points: Floats) -> Bools:
        lost = np.zeros(len(points), dtype=bool)
        for region in regions:
            lost |= np.all([_beyond(fence, knobs, start, points) for fence in region.fences], axis=0)
        for group in failures:
            lost |= _among(points, group, passed)
        return lost

    return mask


def _beyond(fence: Fence, knobs: Sequence[Knob], start: Mapping[str, Any], points: Floats) -> Bools:
    """Which points lie beyond a fence; where no knob moves its path, the baseline says it of all."""
    for column, knob in enumerate(knobs):
        values = dict(matches(start, knob.path))
        if fence.path in values:
            return _beyond_on(knob, fence, values[fence.path], points[:, column])
    own = next((value for _, value in matches(start, fence.path)), None)
    return np.full(len(points), fence.holds(own))


def _beyond_on(knob: Knob, fence: Fence, own: Any, units: Floats) -> Bools:
    if knob.choices or not fence.side:
        return np.array([fence.holds(knob.value(float(unit))) for unit in units], dtype=bool)
    if not own and knob.is_pattern:
        return np.full(len(units), fence.holds(own))  # a factor leaves it at 0
    factor = knob.start / own if knob.is_pattern else 1  # from that place of a pattern to its first
    limit = knob.place(fence.limit * factor * (1 - fence.side * ROUNDED))
    if fence.limit == fence.value:
        safe = knob.place((fence.safe or 0.0) * factor)
        limit = safe + OPEN * (limit - safe)
    return np.asarray(fence.side * (units - limit) >= 0)


def _among(points: Floats, failed: Floats, passed: Floats) -> Bools:
    """Which points lie near two failures and nearer to them than to all that came through."""
    second = np.sort(_distances(points, failed), axis=1)[:, 1]
    safe = _distances(points, passed).min(axis=1, initial=np.inf)
    return np.asarray((second <= NEAR) & (second < safe))


def _distances(points: Floats, others: Floats) -> Floats:
    """By how much of the range the worst knob differs: float64 (m, n)."""
    return np.asarray(np.abs(points[:, None, :] - others[None, :, :]).max(axis=2))
