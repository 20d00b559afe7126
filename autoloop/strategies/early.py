"""What trials had at the steps where some of them were ended, for a sampler that learns from both."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

from autoloop.history.series import Series

MOST_STEPS = 3
"""Of the steps at which runs were ended so many, the most frequent, are looked at."""

EarlyResults = Mapping[str, tuple[tuple[float, float], ...]]
"""Name of a trial -> (share of a training, objective there) for each step that is looked at."""


def early_results(ended: Mapping[str, int], curves: Mapping[str, Series]) -> EarlyResults:
    """Look up what trials had where some were ended.

    A run that was ended early has no result; what it had can be compared with what others had at the same
    step. So of those that went on this is looked up too, which tells how the two go together.

    Args:
        ended: Name of each trial that was ended early -> the step up to which its curve counts.
        curves: Name -> curve of the objective, of these and of trials that came to their end.
    """
    known = {name: curve for name, curve in curves.items() if len(curve)}
    whole = max((int(curve.steps[-1]) for curve in known.values()), default=0)
    counts = Counter(step for name, step in ended.items() if name in known and 0 < step <= whole)
    steps = sorted(step for step, _ in sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:MOST_STEPS])
    found = {}
    for name, curve in known.items():
        last = ended.get(name, int(curve.steps[-1]))
        rows = ((step / whole, _value(curve, step, last)) for step in steps if step <= last)
        found[name] = tuple(row for row in rows if math.isfinite(row[1]))
    return {name: rows for name, rows in found.items() if rows}


def _value(curve: Series, step: int, last: int) -> float:
    """The first value at or after a step; where the run ended before it was evaluated there, its last."""
    place = int(curve.steps.searchsorted(step))
    if place == len(curve) or curve.steps[place] > last:
        return curve.at(last)
    return float(curve.values[place])
