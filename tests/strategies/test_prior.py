"""What earlier studies found, as a prior of the Gaussian process."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from autoloop.strategies.gaussian import GaussianProcess
from autoloop.strategies.prior import Prior, agreement, prior_of, weight_of
from autoloop.strategies.remembered import EarlierTrial
from autoloop.strategies.samplers import Floats, Seen, quasi_random
from autoloop.strategies.space import Knob

KNOBS = (Knob("lr", 0.5, kinds=(False, False)), Knob("wd", 0.5, kinds=(False, False)))
BEST = np.array([0.8, 0.3])


def bowl(point: Any) -> float:
    """A result that is best at ``BEST``."""
    return 0.1 + float(((np.asarray(point) - BEST) ** 2).sum())


def trial(study: str, point: Any, loss: float, **others: Any) -> EarlierTrial:
    values = {"lr": float(point[0]), "wd": float(point[1]), **others}
    return EarlierTrial(study, "t", values, {}, 0.0, 1.0, {"unrelated": 1, **values}, loss)


def study(name: str, loss_of: Callable[[Any], float] = bowl, count: int = 20) -> list[EarlierTrial]:
    return [trial(name, point, loss_of(point)) for point in quasi_random(0, count, 2, 3)]


def seen(points: Any, loss_of: Callable[[Any], float] = bowl) -> Seen:
    places = np.array(points, dtype=np.float64).reshape(-1, 2)
    return Seen(places, np.array([loss_of(one) for one in places]), np.array([0.5, 0.5]), 0)


def asked(earlier: list[EarlierTrial], own: Seen, count: int = 1) -> Floats:
    return GaussianProcess().ask(replace(own, prior=prior_of(earlier, KNOBS, own)), count)


def prior(earlier: list[EarlierTrial], own: Seen) -> Prior:
    found = prior_of(earlier, KNOBS, own)
    assert found is not None
    return found


def test_one_result_is_enough_to_look_where_the_earlier_study_was_best() -> None:
    """Without memory the first points are spread evenly."""
    own = seen([[0.5, 0.5]])
    assert np.abs(asked(study("old"), own)[0] - BEST).max() < 0.1
    assert np.abs(GaussianProcess().ask(own, 1)[0] - BEST).max() > 0.1


def test_another_unit_and_another_baseline_change_nothing() -> None:
    """Results count by their order and spread within their study."""
    own = seen([[0.5, 0.5], [0.2, 0.9]])
    first = asked(study("old"), own)
    scaled = asked([replace(one, loss=1000 * one.loss) for one in study("old")], own)
    assert np.allclose(first, scaled)


def test_an_earlier_study_that_misleads_counts_for_nothing() -> None:
    """Good and bad are the wrong way round: the sampler asks what it would ask without."""
    own = seen([[0.5, 0.5], [0.2, 0.9], [0.1, 0.8], [0.15, 0.95]])
    wrong = study("old", lambda point: 1 / bowl(point))
    assert not prior(wrong, own).counts
    assert np.array_equal(asked(wrong, own, 3), GaussianProcess().ask(own, 3))
    assert prior(wrong, own).description == "nothing from old (rank agreement -1.00 with the results here)"


def test_the_one_that_agrees_counts_beside_the_one_that_misleads() -> None:
    own = seen([[0.5, 0.5], [0.2, 0.9], [0.7, 0.4], [0.4, 0.1]])
    both = prior([*study("good"), *study("bad", lambda point: 1 / bowl(point))], own)
    assert [one.name for one in both.models if one.weight] == ["good"]
    assert np.abs(asked([*study("good"), *study("bad", lambda p: 1 / bowl(p))], own)[0] - BEST).max() < 0.15


def test_the_weight_fades_as_own_results_come_in_and_falls_with_the_agreement() -> None:
    weights = [weight_of(1.0, results) for results in (4, 12, 40, 400)]
    assert weights == sorted(weights, reverse=True)
    assert weights[0] > 0.7
    assert weights[-1] == 0
    assert weight_of(0.8, 6) > weight_of(0.3, 6) > weight_of(-0.3, 6) == 0


def test_own_results_outweigh_what_an_earlier_study_foretells() -> None:
    """Around a place where this study is far worse than expected it looks elsewhere."""
    points = [[0.5, 0.5], BEST, [0.75, 0.3], [0.85, 0.35], [0.2, 0.2], [0.1, 0.9]]
    moved = np.array([0.2, 0.2])
    own = seen(points, lambda point: 0.1 + float(((np.asarray(point) - moved) ** 2).sum()))
    assert np.abs(asked(study("old"), own)[0] - BEST).max() > 0.2


def test_nothing_is_expected_where_the_earlier_study_never_was() -> None:
    corner = [trial("old", point / 5, bowl(point / 5)) for point in quasi_random(0, 12, 2, 1)]
    found = prior(corner, seen([[0.5, 0.5]]))
    near, far = found.expected(np.array([[0.1, 0.1], [1.0, 1.0]]))[1]
    assert near < 0.6 < 0.95 < far


def test_trials_that_changed_other_knobs_or_lie_far_outside_are_no_evidence() -> None:
    others = [trial("old", point, bowl(point), depth=3) for point in quasi_random(0, 9, 2, 1)]
    far = [trial("old", [5 + n, 0.5], float(n)) for n in range(9)]
    assert prior_of([*others, *far], KNOBS, seen([[0.5, 0.5]])) is None


def test_too_few_trials_tell_nothing() -> None:
    assert prior_of(study("old", count=2), KNOBS, seen([[0.5, 0.5]])) is None
    assert prior_of([], KNOBS, seen([[0.5, 0.5]])) is None


def test_runs_that_diverged_are_as_bad_as_the_worst() -> None:
    earlier = [replace(one, loss=math.nan if one.config["lr"] > 0.6 else one.loss) for one in study("old")]
    there = prior(earlier, seen([[0.5, 0.5]])).expected(np.array([[0.9, 0.4], [0.45, 0.35]]))[0]
    assert there[0] > there[1]


def test_agreement_is_1_for_one_order_and_minus_1_for_the_reverse() -> None:
    """A pair of nearly equal results counts for nearly nothing; equal results have no order at all."""
    order = np.array([1.0, 2.0, 3.0])
    assert agreement(order, order) == 1
    assert agreement(-order, order) == -1
    assert agreement(np.array([1.0, 2.0, 1.9]), np.array([0.0, 1.0, 1.001])) > 0.99
    assert math.isnan(agreement(order, np.ones(3)))
