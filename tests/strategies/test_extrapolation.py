"""What runs that were ended early would have come to."""

from __future__ import annotations

import pytest

from autoloop.history.series import Series
from autoloop.strategies import MixedStrategy, Situation
from autoloop.strategies.extrapolation import predict_final
from autoloop.strategies.points import seen_by
from autoloop.strategies.space import read_space
from autoloop.testing import trial


def ran(*values: float) -> Series:
    return Series.of(values, [10 * (place + 1) for place in range(len(values))])


GO_ON = [ran(4.0, 2.0), ran(2.0, 1.0), ran(1.0, 0.5)]


@pytest.mark.parametrize(("value", "end"), [(2.0, 1.0), (4.0, 2.0), (8.0, 4.0), (0.5, 0.25)])
def test_it_ends_as_those_did_that_were_where_it_is(value: float, end: float) -> None:
    """At step 10 twice the end, on whatever scale: beyond all that is known too."""
    assert predict_final({"stopped": (10, value)}, GO_ON) == {"stopped": pytest.approx(end)}


def test_negative_results_lie_on_a_line_as_well() -> None:
    curves = [ran(-1.0, -3.0), ran(0.0, -2.0), ran(1.0, -1.0)]
    assert predict_final({"stopped": (10, 2.0)}, curves) == {"stopped": pytest.approx(0.0)}


def test_a_run_that_was_behind_is_not_predicted_to_lead() -> None:
    """Where curves cross, what a run had at the step says nothing: it is told as one of the middle."""
    crossing = [ran(4.0, 0.5), ran(2.0, 1.0), ran(1.0, 2.0)]
    assert predict_final({"stopped": (10, 8.0)}, crossing)["stopped"] == pytest.approx(1.0)


def test_with_too_few_runs_that_went_on_nothing_is_predicted() -> None:
    assert predict_final({"stopped": (10, 2.0)}, GO_ON[:2]) == {}
    assert predict_final({"stopped": (20, 2.0)}, GO_ON) == {}  # they came no further than it did
    assert predict_final({"stopped": (10, float("nan"))}, GO_ON) == {}


def test_the_sampler_is_told_that_and_else_nothing_of_a_run_that_was_ended() -> None:
    """Its last value is no result: it may be far better or worse than what it would have come to."""
    trials = [trial("start", config={"lr": 0.1}, objective=1.0)]
    trials += [
        trial(name, config={"lr": 0.2}, objective=9.0, state="STOPPED") for name in ("told", "unknown")
    ]
    known = {one.name: one for one in trials}
    now = Situation(trials, known, [], round=2, bounds={"lr": (0.01, 1.0)}, predicted={"told": 2.0})
    knobs = read_space({"lr": 0.1}, {}, now.bounds, (), 4.0)
    assert seen_by(now, knobs, {"lr": 0.1}).losses.tolist() == [1.0, 2.0]
    assert MixedStrategy().propose(now)
