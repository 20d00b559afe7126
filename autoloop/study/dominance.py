"""Which of several results are best where each has several numbers: dominance and fronts.

One result dominates another if it is no worse in any number and better in one. What no other dominates is
the front (Pareto front; Deb et al., A fast and elitist multiobjective genetic algorithm: NSGA-II, 2002).
Numbers are turned so that lower is better.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def dominates(own: Sequence[float], other: Sequence[float]) -> bool:
    """Whether a result is no worse than another in any number, and better in one; NaN is not."""
    pairs = list(zip(own, other, strict=True))
    return all(mine <= theirs for mine, theirs in pairs) and any(mine < theirs for mine, theirs in pairs)


def is_front(losses: Floats) -> NDArray[np.bool_]:
    """Which of some results no other dominates; of equal ones all.

    Args:
        losses: float64 (n, k), n results of k finite numbers.

    Returns:
        bool (n,).
    """
    order = np.lexsort(losses.T[::-1])  # nothing is dominated by what comes later
    left, place = order, 0
    while place < len(left):
        one = losses[left[place]]
        later = losses[left[place + 1 :]]
        kept = (later < one).any(axis=1) | (later == one).all(axis=1)
        left = np.concatenate([left[: place + 1], left[place + 1 :][kept]])
        place += 1
    found = np.zeros(len(losses), dtype=np.bool_)
    found[left] = True
    return found


def layers(losses: Floats) -> NDArray[np.int64]:
    """The layer of each result: 0 for the front, 1 for the front of what is left without it, and so on.

    Args:
        losses: float64 (n, k).

    Returns:
        int64 (n,).
    """
    found = np.full(len(losses), -1, dtype=np.int64)
    layer = 0
    while (left := np.flatnonzero(found < 0)).size:
        found[left[is_front(losses[left])]] = layer
        layer += 1
    return found
