"""Samplers for several objectives and constraints: what they choose on problems whose front is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from autoloop.strategies.base import Situation
from autoloop.strategies.best_trials import proposals_for_best
from autoloop.strategies.front import BEYOND, FrontProcess, _gained
from autoloop.strategies.optuna_front import OptunaFront
from autoloop.strategies.samplers import Floats, QuasiRandom, Sampler, Seen
from autoloop.strategies.standing import ranked
from autoloop.study.hypervolume import hypervolume
from tests.helpers.fronts import front_study

CORNER = np.array([1.1, 1.1])


def zdt1(point: Floats) -> list[float]:
    """Two objectives whose front is at 0 on all knobs but the first (Zitzler et al., 2000)."""
    far = 1 + 9 * point[1:].mean()
    return [point[0], far * (1 - np.sqrt(point[0] / far))]


def beyond(point: Floats) -> list[float]:
    """A constraint that half of the space breaks."""
    return [0.5 - point[0]]


def searched(sampler: Sampler, jobs: int, constrained: bool = False) -> tuple[Floats, Floats]:
    """Points that a sampler chose in rounds of four, and their objectives."""
    start = np.full((1, 3), 0.7)
    points = np.vstack([start, QuasiRandom().ask(Seen(start, np.array([np.nan]), start[0], 1), 3)])
    while len(points) < jobs:
        losses = np.array([zdt1(one) for one in points])
        excess = np.array([beyond(one) for one in points]) if constrained else None
        seen = Seen(points, losses[:, 0], points[0], 1, several=losses, excess=excess)
        points = np.vstack([points, sampler.ask(seen, 4)])
    return points, np.array([zdt1(one) for one in points])


def test_the_built_in_sampler_finds_most_of_a_front_in_24_jobs():
    """The whole front has a hypervolume of 0.877."""
    found = hypervolume(searched(FrontProcess(), 24)[1], CORNER)
    assert found > 0.7 > hypervolume(searched(QuasiRandom(), 24)[1], CORNER)


def wells(point: Floats) -> list[float]:
    """Two narrow wells in a plain where all is about 1 (Fonseca and Fleming, 1995), their front between."""
    place = 8 * point - 4
    return [float(1 - np.exp(-((place + side / np.sqrt(3)) ** 2).sum())) for side in (-1, 1)]


def test_a_front_in_a_small_part_of_a_plain_is_found():
    """Nearly everywhere both values are 1 but for the last digits; the whole front has a volume of 0.552."""
    start = np.random.default_rng(0).random((1, 3))
    points = np.vstack([start, QuasiRandom().ask(Seen(start, np.array([np.nan]), start[0], 0), 3)])
    while len(points) < 48:
        losses = np.array([wells(one) for one in points])
        seen = Seen(points, losses[:, 0], points[0], 0, several=losses)
        points = np.vstack([points, FrontProcess().ask(seen, 4)])
    assert hypervolume(np.array([wells(one) for one in points]), CORNER) > 0.75 * 0.552


def test_a_refined_point_keeps_away_from_where_jobs_failed():
    points = np.random.default_rng(0).random((10, 2))
    losses = np.array([zdt1(one) for one in points])
    seen = Seen(points, losses[:, 0], points[0], 0, several=losses, avoid=lambda found: found[:, 1] < 0.3)
    asked = FrontProcess().ask(seen, 4)
    assert (asked[:, 1] >= 0.3).all()


@pytest.mark.parametrize("sampler", [FrontProcess(), OptunaFront("tpe")], ids=["built in", "tpe"])
def test_a_sampler_learns_what_is_feasible_and_repeats_itself(sampler: Sampler):
    if isinstance(sampler, OptunaFront):
        pytest.importorskip("optuna")
    points, _ = searched(sampler, 20, constrained=True)
    assert (points[8:, 0] >= 0.5).mean() > 0.6
    assert np.array_equal(points, searched(sampler, 20, constrained=True)[0])


@pytest.mark.parametrize("objectives", [2, 3])
def test_the_expected_gain_is_what_draws_of_the_objectives_gain_on_average(objectives: int):
    generator = np.random.default_rng(0)
    front = np.array([[1.0, 4, 2], [2, 2, 3], [4, 1, 1]])[:, :objectives]
    mean, deviation = 3 * generator.random((2, objectives)), np.full((2, objectives), 0.7)
    worst = front.max(axis=0) + 1.0
    corner = worst + BEYOND * np.ptp(front, axis=0)
    before = hypervolume(front, corner)
    for one, told in enumerate(_gained(mean, deviation, front, worst)):
        drawn = mean[one] + deviation[one] * generator.normal(size=(3000, objectives))
        gains = [hypervolume(np.vstack([front, each]), corner) - before for each in drawn]
        assert told == pytest.approx(np.mean(gains), rel=0.1)


def test_what_failed_or_has_no_number_does_not_stop_a_sampler():
    points = np.random.default_rng(0).random((8, 2))
    losses = np.array([zdt1(one) for one in points])
    losses[3] = np.nan
    excess = np.array([[0.2], [np.nan], [0.4], [0.1], [0.3], [0.2], [0.1], [0.5]])
    seen = Seen(points, losses[:, 0], points[0], 0, several=losses, excess=excess)
    for told in (
        seen,
        replace(seen, excess=None),
        replace(seen, several=None),
        replace(seen, among=points[:2]),
    ):
        asked = FrontProcess().ask(told, 2)
        assert asked.shape == (2, 2) and np.isfinite(asked).all()


def test_trials_are_ranked_by_front_and_feasibility():
    """So that rules go on from the front; what breaks a constraint comes last, the least broken first."""
    study = front_study(
        {"name": "base", "error": 0.5, "speed": 10.0},
        {"name": "worse", "error": 0.6, "speed": 9.0},
        {"name": "quick", "error": 0.6, "speed": 40.0},
        {"name": "fat", "error": 0.1, "speed": 50.0, "mem_gb": 9.0},
        {"name": "plump", "error": 0.1, "speed": 50.0, "mem_gb": 4.1},
        {"name": "exact", "error": 0.1, "speed": 5.0},
    )
    trials = {one.name: one.trial(_variant(one)) for one in study.counted()}
    situation = Situation(list(trials.values()), trials, [], 2)
    order = [one.name for one in ranked(situation)]
    assert set(order[:3]) == {"base", "quick", "exact"}
    assert order[3:] == ["worse", "plump", "fat"]
    assert proposals_for_best(situation, 2) == []


def _variant(job):
    return replace(job.plan, reason="it is tried").variant({}, ())
