"""Hypervolume: how much of the space of results a front dominates, up to a reference.

It grows with every result that the front did not dominate, so that one number tells how good a front is
(Zitzler and Thiele, Multiobjective optimization using evolutionary algorithms, 1998). Computed by slicing
along the last objective, exact; cheap for the tens of points and the few objectives of a study. Numbers are
turned so that lower is better.
"""

from __future__ import annotations

import numpy as np

from autoloop.study.dominance import Floats, is_front

MARGIN = 0.1
"""The reference lies so far beyond the worst of a front, as a share of its extent.

So that its ends count, too (Ishibuchi et al., How to specify a reference point in hypervolume calculation,
2018).
"""


def hypervolume(losses: Floats, reference: Floats) -> float:
    """The volume that is dominated by some results and dominates the reference.

    Args:
        losses: float64 (n, k).
        reference: float64 (k,).
    """
    inside = losses[(losses < reference).all(axis=1)]
    if not len(inside):
        return 0.0
    inside = inside[is_front(inside)]
    if losses.shape[1] == 1:
        return float(reference[0] - inside.min())
    if losses.shape[1] == 2:
        return _area(np.unique(inside, axis=0), reference)
    levels = np.unique(inside[:, -1])
    heights = np.diff(np.append(levels, reference[-1]))
    below = (inside[inside[:, -1] <= level][:, :-1] for level in levels)
    return float(
        sum(height * hypervolume(part, reference[:-1]) for height, part in zip(heights, below, strict=True))
    )


def _area(front: Floats, reference: Floats) -> float:
    """Of two objectives: the front sorted by the first, a rectangle for each."""
    tops = np.append(reference[1], front[:-1, 1])
    return float(((reference[0] - front[:, 0]) * (tops - front[:, 1])).sum())


def shares(front: Floats) -> Floats:
    """What the hypervolume of a front loses without each of its points, in units of the front's extent.

    Args:
        front: float64 (n, k), none dominated by another.

    Returns:
        float64 (n,).
    """
    scaled = unit_scaled(front, front)
    reference = np.full(front.shape[1], 1 + MARGIN)
    whole = hypervolume(scaled, reference)
    without = [hypervolume(np.delete(scaled, place, axis=0), reference) for place in range(len(front))]
    return np.array([whole - rest for rest in without])


def unit_scaled(losses: Floats, front: Floats) -> Floats:
    """Results where each number of the front lies between 0 (its best) and 1 (its worst)."""
    best, extent = front.min(axis=0), np.ptp(front, axis=0)
    return np.asarray((losses - best) / np.where(extent > 0, extent, 1.0))
