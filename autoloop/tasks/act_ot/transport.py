"""Unbalanced optimal transport between small sets of windows, solved in the logarithm.

The problem is POT's (>= 0.9.5, ``reg_type="kl"``): the plan P >= 0 minimises::

    <P, M> + reg KL(P | a b^T) + tau_src KL(P 1 | a) + tau_tgt KL(P^T 1 | b)

with uniform a and b and KL(p | q) = sum(p log(p / q) - p + q). All of it happens in logarithms, so a plan
whose mass is 1e-100 is as exact as one of mass 1; POT's solvers lose such plans in underflow.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]


def solve_log_plan(
    cost: Array, reg: float, tau_src: float, tau_tgt: float, *, tolerance: float = 1e-6, max_iter: int = 1000
) -> Array:
    """Return the logarithm of the optimal plan by Sinkhorn's iteration on the potentials.

    Each iteration first shifts the potentials against each other by the best constant, in closed form
    (translation-invariant Sinkhorn, Sejourne, Vialard and Peyre 2022): without it a large tau needs about
    tau / reg iterations.

    Args:
        cost: Cost of every pair, (n, m), any finite numbers.
        reg: Weight of KL(P | a b^T), positive.
        tau_src: Weight of the source marginal; ``inf`` asks for exactly uniform.
        tau_tgt: Weight of the target marginal; ``inf`` likewise.
        tolerance: The iteration stops when no source potential moves by more than this share of reg.
        max_iter: Iterations at most.

    Returns:
        log P, (n, m). A cost that is not finite gives a plan of NaN.
    """
    n, m = cost.shape
    if not np.isfinite(cost).all():
        return np.full((n, m), np.nan)
    log_kernel = -cost / reg - math.log(n) - math.log(m)
    damp_src, damp_tgt = _damping(tau_src, reg), _damping(tau_tgt, reg)
    log_a, log_b = -math.log(n), -math.log(m)
    src, tgt = np.zeros(n), np.zeros(m)  # potentials in units of reg
    for _ in range(max_iter):
        before = src
        src = damp_src * (log_a - _logsumexp(log_kernel + tgt, axis=1))
        tgt = damp_tgt * (log_b - _logsumexp(log_kernel + src[:, None], axis=0))
        shift = _best_shift(src * reg, tgt * reg, tau_src, tau_tgt) / reg
        src, tgt = src + shift, tgt - shift
        if np.abs(src - before).max() < tolerance:
            break
    return src[:, None] + log_kernel + tgt


def diagonal_log_plan(cost: Array, reg: float, tau_src: float, tau_tgt: float) -> Array:
    """Return the logarithm of the plan that may move window i to its partner i only, in closed form.

    With a prior diag(1/n) instead of a b^T the pairs are independent and
    P_ii = exp(-M_ii / (reg + tau_src + tau_tgt)) / n: the three weights act through their sum alone.

    Args:
        cost: Cost of every pair, (n, n); only the diagonal matters.
        reg: Weight of KL(P | diag(1/n)).
        tau_src: Weight of the source marginal.
        tau_tgt: Weight of the target marginal.

    Returns:
        log P, (n, n), -inf off the diagonal.
    """
    n = len(cost)
    log_plan = np.full((n, n), -np.inf)
    np.fill_diagonal(log_plan, -math.log(n) - np.diagonal(cost) / (reg + tau_src + tau_tgt))
    return log_plan


def log_mass(log_plan: Array) -> float:
    """Return the logarithm of the plan's total mass, exact where the mass itself underflows."""
    return float(_logsumexp(log_plan.ravel(), axis=0))


def _damping(tau: float, reg: float) -> float:
    return 1.0 if math.isinf(tau) else tau / (tau + reg)


def _best_shift(src: Array, tgt: Array, tau_src: float, tau_tgt: float) -> float:
    """Return the t that maximises the dual at (src + t, tgt - t), which leaves the plan as it is."""
    if min(tau_src, tau_tgt) == 0 or math.isinf(tau_src) or math.isinf(tau_tgt):
        return 0.0
    log_src = _logsumexp(-src / tau_src, axis=0) - math.log(len(src))
    log_tgt = _logsumexp(-tgt / tau_tgt, axis=0) - math.log(len(tgt))
    return float((log_src - log_tgt) * tau_src * tau_tgt / (tau_src + tau_tgt))


def _logsumexp(values: Array, axis: int) -> Array:
    top = values.max(axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        total: Array = np.log(np.exp(values - top).sum(axis=axis)) + top.squeeze(axis)
    return total
