"""The log-domain solver: equal to POT where POT is exact, exact where POT underflows."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from autoloop.tasks.act_ot.transport import diagonal_log_plan, log_mass, solve_log_plan

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # POT probes array libraries that are not its dependencies
    import ot as pot


def _cost(n: int, m: int, scale: float = 1.0, seed: int = 0) -> np.ndarray:
    return scale * np.random.default_rng(seed).uniform(size=(n, m))


@pytest.mark.parametrize("n, m", [(1, 1), (4, 4), (8, 8), (5, 9)])
@pytest.mark.parametrize(
    "reg, tau_src, tau_tgt", [(0.1, 0.05, 0.05), (0.1, 1.0, 1.0), (0.5, 20.0, 0.3), (2.0, 1.0, 1.0)]
)
def test_plan_equals_pots_on_benign_problems(n, m, reg, tau_src, tau_tgt):
    cost = _cost(n, m)
    a, b = np.full(n, 1 / n), np.full(m, 1 / m)
    expected = pot.unbalanced.sinkhorn_unbalanced(
        a, b, cost, reg, (tau_src, tau_tgt), method="sinkhorn", reg_type="kl", numItermax=20000, stopThr=1e-14
    )
    np.testing.assert_allclose(
        np.exp(solve_log_plan(cost, reg, tau_src, tau_tgt, tolerance=1e-9)), expected, rtol=1e-6
    )


def test_diagonal_plan_equals_pots_with_a_diagonal_prior():
    cost = _cost(5, 5)
    a = np.full(5, 0.2)
    expected = pot.unbalanced.sinkhorn_unbalanced(
        a,
        a,
        cost,
        0.3,
        (0.7, 0.2),
        method="sinkhorn",
        reg_type="kl",
        c=np.diag(a),
        numItermax=5000,
        stopThr=1e-14,
    )
    np.testing.assert_allclose(np.exp(diagonal_log_plan(cost, 0.3, 0.7, 0.2)), expected, rtol=1e-6)


def test_diagonal_mass_is_the_mean_over_pairs_of_the_exponential_of_their_cost():
    cost = _cost(6, 6, scale=3.0)
    mass = math.exp(log_mass(diagonal_log_plan(cost, 0.1, 0.4, 0.5)))
    assert mass == pytest.approx(np.exp(-np.diag(cost) / 1.0).mean(), rel=1e-12)


@pytest.mark.parametrize("level", [1.0, 50.0, 1e3, 1e6])
def test_log_mass_of_a_constant_cost_is_exact_however_far_the_mass_has_collapsed(level):
    # With M = level everywhere the plan is constant and stationarity gives the mass in closed form:
    # (reg + tau_src + tau_tgt) log(mass) = -level.
    reg, tau_src, tau_tgt = 0.1, 0.05, 0.07
    log_plan = solve_log_plan(np.full((4, 4), level), reg, tau_src, tau_tgt, tolerance=1e-12)
    assert log_mass(log_plan) == pytest.approx(-level / (reg + tau_src + tau_tgt), rel=1e-9)


def test_collapsed_plan_satisfies_the_optimality_conditions_where_its_mass_underflows():
    # P = a b exp((f + g - M) / reg) with f = -tau_src log(row / a), g = -tau_tgt log(column / b).
    cost, reg, tau_src, tau_tgt = 1000 + _cost(4, 4, 200.0), 0.1, 0.05, 0.05
    log_plan = solve_log_plan(cost, reg, tau_src, tau_tgt, tolerance=1e-12)
    assert log_mass(log_plan) < math.log(1e-300)
    rows = np.logaddexp.reduce(log_plan, axis=1) + math.log(4)
    columns = np.logaddexp.reduce(log_plan, axis=0) + math.log(4)
    expected = (-tau_src * rows[:, None] - tau_tgt * columns - cost) / reg - 2 * math.log(4)
    np.testing.assert_allclose(log_plan, expected, rtol=1e-7)


@pytest.mark.parametrize("tau", [0.05, 1.0, 5.0, 20.0])
def test_the_mass_is_right_long_before_the_plan_is(tau):
    cost = _cost(8, 8, scale=5.0)
    exact = log_mass(solve_log_plan(cost, 0.1, tau, tau, tolerance=1e-11, max_iter=20000))
    early = log_mass(solve_log_plan(cost, 0.1, tau, tau, tolerance=1e-4, max_iter=200))
    assert early == pytest.approx(exact, abs=1e-5)


def test_adding_a_constant_to_the_cost_scales_the_mass_as_theory_says():
    cost, reg, tau = _cost(6, 6), 0.1, 0.3
    near = log_mass(solve_log_plan(cost, reg, tau, tau))
    far = log_mass(solve_log_plan(cost + 500.0, reg, tau, tau))
    assert far - near == pytest.approx(-500.0 / (reg + 2 * tau), rel=1e-7)


def test_large_tau_gives_the_balanced_plan_in_few_iterations():
    plan = np.exp(solve_log_plan(_cost(8, 8), 0.1, 1e6, 1e6, max_iter=200))
    np.testing.assert_allclose(plan.sum(0), 1 / 8, rtol=1e-4)
    np.testing.assert_allclose(plan.sum(1), 1 / 8, rtol=1e-4)


def test_infinite_tau_gives_exact_marginals_and_zero_tau_ignores_them():
    cost = _cost(5, 5)
    np.testing.assert_allclose(np.exp(solve_log_plan(cost, 0.2, math.inf, math.inf)).sum(0), 0.2, rtol=1e-6)
    free = solve_log_plan(cost, 0.2, 0.0, 0.0)
    np.testing.assert_allclose(np.exp(free), np.exp(-cost / 0.2) / 25, rtol=1e-12)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_cost_that_is_not_finite_shows_in_the_plan(bad):
    cost = _cost(3, 3)
    cost[0, 0] = bad
    assert math.isnan(log_mass(solve_log_plan(cost, 0.1, 1.0, 1.0)))
