"""What trials had at the steps where some were ended, and what a sampler makes of it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from autoloop.history.series import Series
from autoloop.strategies import MixedStrategy, Situation
from autoloop.strategies.early import MOST_STEPS, early_results
from autoloop.strategies.gaussian import GaussianProcess
from autoloop.strategies.kernel_fit import fitted, squares_of
from autoloop.strategies.points import seen_by
from autoloop.strategies.prior import EarlierModel, Prior
from autoloop.strategies.samplers import Early, Seen
from autoloop.strategies.space import read_space
from autoloop.testing import trial


def ran(*values: float) -> Series:
    return Series.of(values, [10 * (place + 1) for place in range(len(values))])


def test_those_that_went_on_are_looked_up_where_others_were_ended() -> None:
    curves = {"whole": ran(4.0, 3.0, 2.0, 1.0), "short": ran(5.0)}
    assert early_results({"short": 10}, curves) == {"whole": ((0.25, 4.0),), "short": ((0.25, 5.0),)}


@pytest.mark.parametrize(("step", "value"), [(15, 3.0), (20, 3.0), (21, 2.0)])
def test_the_first_evaluation_at_or_after_the_step_counts(step: int, value: float) -> None:
    found = early_results({"short": step}, {"whole": ran(4.0, 3.0, 2.0, 1.0), "short": ran(5.0, 4.0, 3.0)})
    assert found["whole"] == ((step / 40, value),)


def test_one_that_ended_between_two_evaluations_counts_with_its_last() -> None:
    assert early_results({"short": 15}, {"whole": ran(4.0, 3.0), "short": ran(5.0)})["short"] == (
        (0.75, 5.0),
    )


def test_nothing_is_looked_up_where_there_is_none() -> None:
    """No curve, a value that is no number, a run that came less far."""
    curves = {
        "whole": ran(4.0, math.nan, 2.0),
        "none": Series.of([], []),
        "short": ran(5.0, 4.0),
        "brief": ran(6.0),
    }
    found = early_results({"short": 20, "none": 20, "brief": 10, "gone": 30}, curves)
    assert found == {
        "whole": ((1 / 3, 4.0),),
        "short": ((1 / 3, 5.0), (2 / 3, 4.0)),
        "brief": ((1 / 3, 6.0),),
    }


def test_few_steps_are_looked_at_the_most_frequent() -> None:
    ended = {f"run{step}": 10 * step for step in (1, 2, 3, 4, 5)} | {"again": 40}
    curves = {name: ran(*range(1, 6)) for name in ended} | {"whole": ran(*range(1, 6))}
    assert len(early_results(ended, curves)["whole"]) == MOST_STEPS
    assert 0.8 in [share for share, _ in early_results(ended, curves)["whole"]]


def test_a_trial_that_was_ended_early_is_no_result_and_no_failure() -> None:
    trials = [trial("start", config={"lr": 0.1}, objective=1.0)]
    trials += [trial("short", config={"lr": 0.2}, objective=9.0, state="STOPPED")]
    early = {"start": ((0.2, 4.0),), "short": ((0.2, 9.0),)}
    known = {one.name: one for one in trials}
    now = Situation(trials, known, [], round=2, bounds={"lr": (0.01, 1.0)}, early=early)
    seen = seen_by(now, read_space({"lr": 0.1}, {}, now.bounds, (), 4.0), {"lr": 0.1})
    assert seen.losses.tolist() == [1.0]
    assert seen.early is not None
    assert seen.early.losses.tolist() == [4.0, 9.0]
    assert np.array_equal(seen.early.ends, [1.0, np.nan], equal_nan=True)
    assert MixedStrategy().propose(now)


def seen_with(early: Early | None, losses: list[float]) -> Seen:
    points = np.linspace(0.0, 0.3, len(losses))[:, None]
    return Seen(points, np.array(losses), points[0], 0, early=early)


def early_of(points: list[float], losses: list[float], ends: list[float]) -> Early:
    count = len(points)
    return Early(np.array(points)[:, None], np.array(losses), np.full(count, 0.2), np.array(ends))


@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_what_was_ended_early_shows_where_to_look(scale: float) -> None:
    """All results lie to the left; of two that were ended early on the right one was ahead, one behind."""
    nan = math.nan
    for ahead, behind in ((0.7, 0.95), (0.95, 0.7)):
        early = early_of(
            [0.0, 0.15, 0.3, ahead, behind],
            [scale * one for one in (10.0, 10.0, 10.0, 1.0, 100.0)],
            [scale, scale, scale, nan, nan],
        )
        found = GaussianProcess().ask(seen_with(early, [scale, scale, scale]), 1)[0, 0]
        assert abs(found - ahead) < abs(found - behind)


def test_gains_made_later_are_not_taken_for_differences_between_settings() -> None:
    """All had twice the value early: one that was ended there is no worse than they are."""
    same = early_of([0.0, 0.15, 0.3, 0.9], [2.0, 2.0, 2.0, 2.0], [1.0, 1.0, 1.0, math.nan])
    worse = early_of([0.0, 0.15, 0.3, 0.9], [2.0, 2.0, 2.0, 8.0], [1.0, 1.0, 1.0, math.nan])
    sampler, losses = GaussianProcess(), [1.0, 1.01, 1.02]
    near = [abs(sampler.ask(seen_with(one, losses), 1)[0, 0] - 0.9) for one in (same, worse)]
    assert near[0] < near[1]


def test_earlier_studies_and_trials_that_were_ended_early_are_heard_together() -> None:
    """An earlier study knows the knobs, and nothing of how far a training is."""
    earlier = np.linspace(0.0, 1.0, 8)[:, None]
    scores = 10 * (earlier[:, 0] - 0.8) ** 2
    kernel = fitted(squares_of(earlier, earlier, np.zeros(1, dtype=np.int64)), scores)
    model = EarlierModel("before", earlier, scores, kernel, 0.9, 1.0)
    early = early_of([0.0, 0.5], [2.0, 1.5], [1.0, math.nan])
    seen = replace(seen_with(early, [1.0]), prior=Prior((model,), np.zeros(1, dtype=np.int64)))
    found = GaussianProcess().ask(seen, 2)
    assert found.shape == (2, 1)
    assert found[0, 0] > 0.5
