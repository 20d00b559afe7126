"""What runs that were ended early would have come to, as runs that went on tell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from autoloop.history.series import Series

LEAST = 3
"""With fewer runs that went on nothing is foretold."""


def foretold(stopped: Mapping[str, tuple[int, float]], complete: Sequence[Series]) -> dict[str, float]:
    """Foretell the end of runs from where runs that went on were at the same step.

    The ends of these are a straight line in what they had at the step, by least squares and never falling; on
    a scale of logarithms where all values are above 0. What lies beyond all that is known moves as the line
    does, but no farther than by its own distance. So a run that was behind is foretold to end behind.

    Args:
        stopped: Name of each run that was ended early -> the step it came to, and its objective there.
        complete: The objective's curves of runs that came to their end.

    Returns:
        Name -> objective at the end; without those that too few others tell of.
    """
    found = {}
    for name, (step, value) in stopped.items():
        pairs = [
            (one.at(step), float(one.values[-1])) for one in complete if len(one) and one.steps[-1] > step
        ]
        pairs = [pair for pair in pairs if all(map(math.isfinite, pair))]
        if len(pairs) >= LEAST and math.isfinite(value):
            found[name] = _on_line(np.array(pairs), value)
    return found


def _on_line(pairs: np.ndarray, value: float) -> float:
    """The end that goes with a value: pairs are (at the step, at the end), float64 (n, 2)."""
    logs = bool((pairs > 0).all()) and value > 0
    known = np.log(pairs) if logs else pairs
    own = math.log(value) if logs else value
    here, end = known[:, 0], known[:, 1]
    spread = float(((here - here.mean()) ** 2).sum())
    slope = float(((here - here.mean()) * (end - end.mean())).sum()) / spread if spread > 0 else 0.0
    told = float(end.mean()) + min(max(slope, 0.0), 1.0) * (own - float(here.mean()))
    return math.exp(told) if logs else told
