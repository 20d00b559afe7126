"""How far a run's result jumps, as its curve tells."""

from __future__ import annotations

import math

import numpy as np
import pytest

from autoloop.curves.jitters import jitters, result_jitter
from autoloop.curves.metrics import Metrics
from autoloop.curves.objective import Objective
from autoloop.curves.summary import summarize
from autoloop.history import Series

CHANCE = 0.5 + 0.04 * np.random.default_rng(0).normal(size=400)


def found(values: list[float] | np.ndarray, returned: float | None = None) -> dict[str, float]:
    """What is told of a run that logged an accuracy, and a number of which nothing is known."""
    curves = {"val/acc": Series.of(values), "speed": Series.of(values)}
    metrics = Metrics.read({})
    return jitters(curves, summarize(curves, metrics.goals_of(curves)), metrics, returned)


def test_an_accuracy_at_chance_level_jumps_by_its_scatter_and_a_smooth_curve_does_not() -> None:
    """Only metrics that may be an objective are told; a steep curve is no jump."""
    assert found(CHANCE) == {"val/acc": pytest.approx(0.04, rel=0.2)}
    assert found([1.0 / step for step in range(1, 60)]) == {"val/acc": 0.0}
    assert found([0.1, 0.4, 0.2, 0.5]) == {}  # four points do not tell
    warm = found([*CHANCE[:50] * 9, *np.linspace(0.5, 0.9, 50)])
    assert warm == {"val/acc": 0.0}  # the later half counts


def test_a_returned_value_has_the_jitter_of_the_curve_it_is_taken_from() -> None:
    """Of its best value less than of its last one; of no curve none."""
    last, best = found(CHANCE, CHANCE[-1]), found(CHANCE, CHANCE.max())
    assert last["return_value"] == last["val/acc"] == 2 * best["return_value"]
    assert "return_value" not in found(CHANCE, 0.123)
    assert result_jitter(last, Objective()) == last["val/acc"]
    assert result_jitter(last, Objective("val/acc", "max", "best")) == last["val/acc"] / 2
    assert math.isnan(result_jitter({}, Objective()))
