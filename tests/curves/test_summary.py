"""What a summary says of a curve, and how it treats NaN, infinities and single points."""

from __future__ import annotations

import json
import math
import sys

import pytest

from autoloop.curves.summary import MetricSummary, as_dicts, goal_of, percent, summarize
from autoloop.errors import ConfigError
from autoloop.history import History, Series

INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("values", "goal", "expected"),
    [
        ([4.0, 2.0, 1.0, 3.0], "min", (4.0, 3.0, 1.0, 2, -1.0, -25.0, 4)),
        ([4.0, 2.0, 1.0, 3.0], "max", (4.0, 3.0, 4.0, 0, -1.0, -25.0, 4)),
        ([-4.0, -2.0], "min", (-4.0, -2.0, -4.0, 0, 2.0, 50.0, 2)),
        ([1.0, 1.0], "min", (1.0, 1.0, 1.0, 0, 0.0, 0.0, 2)),
        ([7.0], "min", (7.0, 7.0, 7.0, 0, 0.0, 0.0, 1)),
        ([0.0, 0.0], "min", (0.0, 0.0, 0.0, 0, 0.0, 0.0, 2)),
        ([0.0, 2.0], "min", (0.0, 2.0, 0.0, 0, 2.0, INF, 2)),
        ([NAN, 2.0, INF, 1.0, NAN], "min", (2.0, 1.0, 1.0, 3, -1.0, -50.0, 5)),
        ([-INF, 2.0], "min", (2.0, 2.0, 2.0, 1, 0.0, 0.0, 2)),
    ],
)
def test_seven_numbers(values, goal, expected):
    """First, last, best, best_step, delta and pct speak of finite points; count counts all."""
    summary = summarize(History.from_values({"m": values}), {"m": goal})["m"]
    names = ("first", "last", "best", "best_step", "delta", "pct", "count")
    assert tuple(getattr(summary, name) for name in names) == expected


FURTHER = ("tail_mean", "tail_spread", "slope", "slope_stderr", "area", "spikes", "finite_share")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0], (1.5, math.sqrt(0.5), -0.1, INF, 5.5, 0, 1.0)),
        ([5.0, 5.0, 5.0, 5.0, 5.0, 99.0, 5.0, 5.0, 5.0, NAN], (5.0, 0.0, 0.0, INF, 16.75, 1, 0.9)),
        ([7.0], (7.0, 0.0, NAN, NAN, 7.0, 0, 1.0)),
        ([NAN, INF], (NAN, 0.0, NAN, NAN, NAN, 0, 0.0)),
    ],
)
def test_further_numbers(values, expected):
    """Tail, slope, area, spikes and finite share are those of the table in docs/history.md, per step."""
    steps = [10 * index for index in range(len(values))]
    summary = summarize(History.from_values({"m": values}, steps))["m"]
    assert [getattr(summary, name) for name in FURTHER] == pytest.approx(expected, nan_ok=True)


def test_nothing_finite():
    """A curve of NaN has NaN numbers, no best step, its count, and a finite share of 0."""
    summary = summarize(History.from_values({"m": [NAN, INF]}))["m"]
    assert all(
        math.isnan(getattr(summary, n)) for n in ("first", "last", "best", "delta", "pct", "tail_mean")
    )
    assert (summary.best_step, summary.count, summary.finite_share) == (None, 2, 0.0)


def test_json_form_has_seven_names_and_no_nan():
    """The JSON form has exactly the seven names and null for what JSON cannot say."""
    summary = summarize(History.from_values({"m": [0.0, 1.0], "n": [NAN]}))
    text = json.dumps(as_dicts(summary), allow_nan=False)
    assert json.loads(text) == {
        "m": {"first": 0, "last": 1, "best": 0, "best_step": 0, "delta": 1, "pct": None, "count": 2},
        "n": {
            "first": None,
            "last": None,
            "best": None,
            "best_step": None,
            "delta": None,
            "pct": None,
            "count": 1,
        },
    }


def test_positional_construction_takes_the_seven_numbers():
    """A summary can be built by hand from the seven numbers alone."""
    assert MetricSummary(2.0, 1.0, 1.0, 5, -1.0, -50.0, 6).as_dict()["best_step"] == 5


def test_best_step_is_a_training_step():
    """best_step is the step that was logged, not the index of the point."""
    history = History({"m": Series.of([3.0, 1.0, 2.0], steps=[0, 50, 100])})
    assert summarize(history)["m"].best_step == 50


def test_empty_history():
    """A history without metrics has an empty summary."""
    assert summarize(History()) == {}


def test_goals_by_name_and_glob():
    """An exact name wins over globs, the first matching glob over later ones, and min is the default."""
    goals = {"train/*": "max", "*": "min", "train/loss": "min"}
    assert [goal_of(m, goals) for m in ("train/loss", "train/pi_sum", "other")] == ["min", "max", "min"]
    assert goal_of("anything") == "min"


def test_wrong_goal_is_told():
    """A goal that is neither min nor max is refused with the metric's name."""
    with pytest.raises(ConfigError, match="'lr' is 'up'; it can be 'min' or 'max'"):
        goal_of("lr", {"lr": "up"})


@pytest.mark.parametrize(("delta", "base", "expected"), [(1, 4, 25), (1, -4, 25), (0, 0, 0), (-1, 0, -INF)])
def test_percent(delta, base, expected):
    """A percentage is of the absolute base, so a rise is positive whatever the sign of the base."""
    assert percent(delta, base) == expected


def test_huge_values_do_not_warn():
    """Values near the largest float overflow to infinity without a warning."""
    summary = summarize(History.from_values({"m": [1.7e308, -1.7e308, 1.7e308]}))["m"]
    assert summary.delta == 0


def test_values_near_the_largest_float_are_summarised_without_a_warning():
    """What overflows is infinite; numpy says nothing (warnings are errors here)."""
    largest = sys.float_info.max
    found = summarize(History.from_values({"m": [largest, -largest, largest, -largest, largest, largest]}))[
        "m"
    ]
    assert (found.first, found.best, found.delta) == (largest, -largest, 0.0)
    assert found.tail_mean == INF
