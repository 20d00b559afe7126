"""Text files written by real libraries, compared with what was logged."""

import json
import math

import numpy as np
import pytest

from autoloop.history import HistoryReader, read_history
from tests.helpers.places import DATA

CASES = sorted(path.parent for path in (DATA / "text").glob("*/*/expected.json"))
SOURCES = {"lightning": ("csv", "step"), "stable_baselines3": ("csv", "time/total_timesteps")}


@pytest.mark.parametrize("read", ["whole", "live"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_values_are_as_logged(case, read):
    """Every number at its step; of a killed run all that had reached the disk, and no other number."""
    logged = json.loads((case / "expected.json").read_text())
    history = read_history(case) if read == "whole" else HistoryReader(case).update()
    assert (history.source, history.axis) == SOURCES.get(case.parent.name[:-6], ("trainer_state", "step"))
    assert set(history) == set(logged) and history.problem == ""
    for name, points in logged.items():
        steps, values = (np.array(column, dtype=float) for column in zip(*points, strict=True))
        size = len(history[name])
        assert size == len(points) or (case.name == "killed" and size > len(points) // 2)
        np.testing.assert_array_equal(history[name].steps, steps[:size])
        np.testing.assert_array_equal(history[name].values, values[:size])
        assert history[name].axis == history.axis


def test_there_are_two_versions_of_each_library():
    """And one run of each text tracker that was killed."""
    assert len({case.parent.name for case in CASES}) == 6
    assert sum(case.name == "killed" for case in CASES) == 4


def test_a_nan_that_was_logged_as_zero_is_nan():
    """Transformers leaves NaN out of the mean it logs; the gradients' norm beside it tells."""
    loss = read_history(DATA / "text" / "transformers-5.24.0" / "nan")["loss"]
    assert math.isnan(loss.values[-1]) and not (loss.values == 0).any()
