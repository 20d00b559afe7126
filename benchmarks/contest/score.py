"""The score of a choice, and what can be said of many."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from contest.task import Floats

WORST = 2.0  # a training that diverged on a fresh seed; nothing counts more
DRAWS = 10_000


def regret(fresh: Sequence[float], baseline: Sequence[float], best: float) -> float:
    """How much of what the task has to give a config leaves, on the scale of logarithms.

    ``log(result / best) / log(baseline / best)``: 1 is the baseline and 0 the best known; the mean over fresh
    seeds, each at most `WORST`. The baseline's is its geometric mean over the same seeds.
    """
    whole = float(np.mean(np.log(baseline))) - math.log(best)
    parts = [(math.log(one) - math.log(best)) / whole if math.isfinite(one) else WORST for one in fresh]
    return float(np.mean(np.minimum(parts, WORST)))


def interval(parts: Mapping[str, Floats]) -> tuple[float, float]:
    """95 % bootstrap interval of the mean over tasks of the means over studies (drawn within each task)."""
    rng = np.random.default_rng(0)
    drawn = [one[rng.integers(len(one), size=(DRAWS, len(one)))].mean(axis=1) for one in parts.values()]
    low, high = np.percentile(np.mean(drawn, axis=0), [2.5, 97.5])
    return float(low), float(high)


def p_worse(mine: Floats, other: Floats) -> float:
    """Probability of a mean difference this large or larger by chance: signs flipped at random, one-sided.

    Both are paired by study: the same baseline at the same seed.
    """
    difference = mine - other
    flips = np.random.default_rng(0).choice([-1.0, 1.0], size=(DRAWS, len(difference)))
    return float(np.mean((flips * difference).mean(axis=1) >= difference.mean() - 1e-12))
