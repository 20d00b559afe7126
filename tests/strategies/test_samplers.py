"""Samplers: pure, inside the space, and better than chance where there is something to learn."""

from __future__ import annotations

import numpy as np
import pytest

from autoloop.errors import ConfigError
from autoloop.strategies import optuna_sampler
from autoloop.strategies.gaussian import APART, MOST_ASKED, MOST_POINTS, GaussianProcess
from autoloop.strategies.kernel_fit import fitted, squares_of
from autoloop.strategies.optuna_sampler import OptunaSampler
from autoloop.strategies.samplers import QuasiRandom, Random, Sampler, Seen, normal_scores, quasi_random
from autoloop.testing import check_sampler

BUILT_IN = [GaussianProcess(), QuasiRandom(), Random()]
CENTRE = np.array([0.3, 0.8, 0.5])


def bowl(points: np.ndarray) -> np.ndarray:
    return np.asarray(0.1 + ((points - CENTRE) ** 2 * [1.0, 0.3, 0.0]).sum(axis=1))


def seen(count: int, seed: int = 1) -> Seen:
    points = quasi_random(0, count, 3, seed)
    return Seen(points, bowl(points), np.full(3, 0.5), seed)


def best_after(sampler: Sampler, rounds: int, seed: int) -> float:
    known = seen(1, seed)
    for _ in range(rounds):
        points = np.vstack([known.points, sampler.ask(known, 4)])
        known = Seen(points, bowl(points), known.start, seed)
    return float(known.losses.min())


@pytest.mark.parametrize("sampler", BUILT_IN, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_points_lie_in_the_space_differ_and_are_the_same_when_asked_again(
    sampler: Sampler, count: int
) -> None:
    points = sampler.ask(seen(count), 5)
    assert points.shape == (5, 3)
    assert ((points >= 0) & (points <= 1)).all()
    assert len(np.unique(points, axis=0)) == 5
    assert (points == sampler.ask(seen(count), 5)).all()


@pytest.mark.parametrize("sampler", BUILT_IN, ids=lambda one: type(one).__name__)
def test_it_keeps_what_strategies_build_on(sampler: Sampler) -> None:
    check_sampler(sampler, most=70)


@pytest.mark.slow
def test_it_keeps_that_with_a_thousand_trials() -> None:
    check_sampler(GaussianProcess(), most=1000)


def test_what_a_sampler_must_not_do_is_found() -> None:
    class Outside(Random):
        def ask(self, seen: Seen, count: int) -> np.ndarray:
            return super().ask(seen, count) + 0.5

    with pytest.raises(AssertionError, match="leaves the range"):
        check_sampler(Outside(), most=5)


def test_where_a_point_has_run_nothing_is_asked_for() -> None:
    """A result where nothing is left to learn is no news, however good it is."""
    known = seen(12)
    best = known.points[int(np.argmin(known.losses))]
    known = Seen(np.vstack([known.points, best]), np.append(known.losses, 0.0), known.start, 1)
    for point in GaussianProcess().ask(known, 8):
        assert np.abs(known.points - point).max(axis=1).min() > APART


def test_far_more_than_a_dozen_results_count() -> None:
    """The lowest of forty results lies where the first dozen best ones do not tell of it."""
    points = quasi_random(0, 60, 1, 1)
    losses = np.cos(points[:, 0] * 14 * np.pi) + 2 + points[:, 0]  # seven valleys, the first one lowest
    known = Seen(points, losses, np.full(1, 0.5), 1)
    asked = GaussianProcess().ask(known, 3)[:, 0]
    assert (np.cos(asked * 14 * np.pi) + 2 + asked).min() < losses.min() + 0.05


def test_beyond_the_most_results_bad_ones_are_not_forgotten() -> None:
    """Half of the space is bad: of points asked for there hardly are any."""
    points = quasi_random(0, MOST_POINTS * 2, 2, 1)
    losses = np.where(points[:, 0] > 0.5, 10.0, 1.0) + 0.1 * points[:, 1]
    asked = GaussianProcess().ask(Seen(points, losses, np.full(2, 0.5), 1), 12)
    assert (asked[:, 0] > 0.5).mean() < 0.25


def test_the_fit_finds_which_of_twenty_knobs_matter() -> None:
    points = quasi_random(0, 60, 20, 1)
    scores = np.sin(5 * points[:, 3])
    scores = (scores - scores.mean()) / scores.std()
    kernel = fitted(squares_of(points, points, np.zeros(20, dtype=np.int64)), scores)
    assert int(np.argmin(kernel.scales)) == 3


def test_two_choices_are_apart_whatever_their_order() -> None:
    points = np.array([[1 / 6], [0.5], [5 / 6]])
    squares = squares_of(points, points, np.array([3]))
    assert squares[:, :, 0].tolist() == (1 - np.eye(3)).tolist()


def test_another_seed_gives_other_points() -> None:
    for sampler in BUILT_IN:
        assert not np.array_equal(sampler.ask(seen(1, 1), 3), sampler.ask(seen(1, 2), 3))


def test_quasi_random_points_are_spread_more_evenly_than_random_ones() -> None:
    even, random = quasi_random(0, 64, 2, 5), np.random.default_rng(5).random((64, 2))

    def emptiest(points: np.ndarray) -> int:
        cells = np.histogram2d(points[:, 0], points[:, 1], bins=4, range=[[0, 1], [0, 1]])[0]
        return int(cells.min())

    assert emptiest(even) > emptiest(random)


def test_the_gaussian_process_beats_even_spreading_on_a_bowl() -> None:
    ours = np.mean([best_after(GaussianProcess(), 4, seed) for seed in range(5)])
    even = np.mean([best_after(QuasiRandom(), 4, seed) for seed in range(5)])
    assert ours - 0.1 < 0.25 * (even - 0.1)


def test_a_round_of_a_thousand_jobs_is_filled_with_points_that_differ() -> None:
    first = GaussianProcess().ask(seen(8), MOST_ASKED)
    points = GaussianProcess().ask(seen(8), 1000)
    assert points.shape == (1000, 3)
    assert np.array_equal(points[:MOST_ASKED], first)
    assert len(np.unique(points, axis=0)) == 1000


def test_the_gaussian_process_keeps_away_from_where_runs_diverged() -> None:
    points = quasi_random(0, 24, 2, 3)
    losses = np.where(points[:, 0] > 0.5, np.nan, 1.0 - points[:, 0])
    asked = GaussianProcess().ask(Seen(points, losses, np.full(2, 0.5), 0), 6)
    assert (asked[:, 0] < 0.6).all()
    assert asked[:, 0].max() > 0.35


def test_only_failures_and_equal_results_are_no_trouble() -> None:
    points = quasi_random(0, 6, 2, 0)
    for losses in (np.full(6, np.nan), np.full(6, 0.5), np.array([np.nan, 1, 1, np.nan, 1, 1.0])):
        assert GaussianProcess().ask(Seen(points, losses, points[0], 0), 4).shape == (4, 2)


def test_a_terrible_result_does_not_hide_the_differences_between_good_ones() -> None:
    scores = normal_scores([1.0, 1.1, 1.2, 1e6])
    assert scores[1] - scores[0] > 0.2
    assert normal_scores([2.0, 2.0]).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("kind", ["tpe"])
def test_optuna_is_asked_and_told_and_gives_the_same_again(kind: str) -> None:
    pytest.importorskip("optuna")
    known = seen(9)
    points = OptunaSampler(kind).ask(known, 4)
    assert points.shape == (4, 3)
    assert ((points >= 0) & (points <= 1)).all()
    assert (points == OptunaSampler(kind).ask(known, 4)).all()


def test_a_missing_optuna_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(ConfigError, match="pip install 'autoloop\\[optuna\\]'"):
        optuna_sampler.OptunaSampler("tpe").ask(seen(3), 1)


@pytest.mark.parametrize(("kind", "version"), [("tpe", "2.10.1"), ("optuna_gp", "3.5.0")])
def test_an_optuna_that_is_too_old_is_told_with_what_to_do(
    kind: str, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """hydra-optuna-sweeper asks for one below 3, which lacks what is asked of it here."""
    optuna = pytest.importorskip("optuna")
    monkeypatch.setattr(optuna, "__version__", version)
    with pytest.raises(ConfigError, match=rf"wants Optuna 3\..* or newer, and {version} is installed"):
        optuna_sampler.OptunaSampler(kind).ask(seen(3), 1)
