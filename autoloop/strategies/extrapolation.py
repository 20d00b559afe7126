"""Predicts the final objective of runs that were ended early, from runs that went on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from autoloop.history.series import Series

LEAST = 3
"""With fewer runs that went on nothing is predicted."""


def predict_final(stopped: Mapping[str, tuple[int, float]], complete: Sequence[Series]) -> dict[str, float]:
    """Predict the final objective of runs from where runs that went on were at the same step.

    A straight line is fitted by least squares to (value at the step, final value) of the runs that went on,
    with a slope between 0 and 1, on logarithms if all values are above 0. So a run that was behind is
    predicted to end behind.

    Args:
        stopped: Name of each run that was ended early -> the step it came to, and its objective there.
        complete: The objective's curves of runs that came to their end.

    Returns:
        Name -> objective at the end; without runs for which too few others went on.
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
    final = float(end.mean()) + min(max(slope, 0.0), 1.0) * (own - float(here.mean()))
    return math.exp(final) if logs else final
