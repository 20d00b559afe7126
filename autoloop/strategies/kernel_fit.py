"""The kernel of the Gaussian process, and its settings by gradient."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autoloop.strategies.samplers import Floats, Whole

STARTS = (1.0, 0.3)  # times the prior's length scales: where the climb begins
SPREAD = 0.8  # deviation of the prior of a length scale's logarithm
CLIMBS = 40  # steps of one climb at most
MANY = 60  # results: with more of them one climb is enough
ENOUGH = 1e-2  # nats: a step that gains less ends a climb
JITTER = 1e-9


@dataclass(frozen=True, slots=True)
class Kernel:
    """A Matern 5/2 kernel with a length scale for each knob, a signal of 1 and a noise.

    Attributes:
        scales: float64 (d,), length scales in parts of the range.
        noise: Variance of the noise, in parts of the signal's.
    """

    scales: Floats
    noise: float

    def between(self, squares: Floats) -> Floats:
        """The kernel for squared differences by knob: (n, m, d) -> (n, m)."""
        return _matern(squares @ self.scales**-2.0)[0]


def squares_of(first: Floats, second: Floats, kinds: Whole) -> Floats:
    """Squared differences by knob: (n, d), (m, d) -> (n, m, d); two choices differ by 1 or not at all.

    Args:
        first: Points.
        second: Points.
        kinds: int (d,), how many choices a knob has; 0 for a number.
    """
    gaps = first[:, None, :] - second[None, :, :]
    squares = gaps**2
    chosen = kinds > 0
    if chosen.any():
        squares[:, :, chosen] = np.abs(gaps[:, :, chosen]) * kinds[chosen] > 0.5  # they are 1 / kinds apart
    return np.asarray(squares)


def predicted(
    kernel: Kernel, points: Floats, scores: Floats, candidates: Floats, kinds: Whole
) -> tuple[Floats, Floats]:
    """Mean and standard deviation of the score at each candidate.

    Args:
        kernel: The kernel.
        points: float64 (n, d), points with a score.
        scores: float64 (n,).
        candidates: float64 (m, d).
        kinds: See `squares_of`.
    """
    inner = kernel.between(squares_of(points, points, kinds))
    across = kernel.between(squares_of(candidates, points, kinds))
    return conditional(inner, across, scores, kernel.noise)


def conditional(
    inner: Floats, across: Floats, scores: Floats, noise: float, own: float | Floats = 1.0
) -> tuple[Floats, Floats]:
    """Mean and standard deviation of scores where they are not known, from where they are.

    Args:
        inner: float64 (n, n), the kernel between points with a score.
        across: float64 (m, n), the kernel between other points and these.
        scores: float64 (n,).
        noise: Variance of the noise.
        own: float64 (m,), the kernel between each other point and itself.
    """
    noisy = inner + (noise + JITTER) * np.eye(len(scores))
    solved = np.linalg.solve(noisy, np.column_stack([scores, across.T]))
    variance = own - np.einsum("ij,ji->i", across, solved[:, 1:])
    return np.asarray(across @ solved[:, 0]), np.sqrt(np.maximum(variance, 1e-12))


def _matern(scaled: Floats) -> tuple[Floats, Floats]:
    """The kernel for scaled squared distances, and minus its slope by half of them times 3/5."""
    distance = np.sqrt(5 * scaled)
    falling = np.exp(-distance)
    slope = (1 + distance) * falling
    return slope + distance**2 / 3 * falling, slope


def usual_scales(size: int) -> Floats:
    """Logarithms of the length scales that are expected of so many knobs: float64 (size,)."""
    return np.full(size, math.log(0.5 * math.sqrt(size)))


def fitted(
    squares: Floats,
    scores: Floats,
    scales: Floats | None = None,
    starts: Sequence[float] = STARTS,
    spread: float = SPREAD,
) -> Kernel:
    """The kernel of the largest posterior (log-normal priors), by quasi-Newton steps (BFGS).

    The gradient is exact (Rasmussen and Williams, Gaussian processes for machine learning, 2006, eq. 5.9).
    The steps are taken here, in thirty lines: nothing else of autoloop's core needs scipy.

    Args:
        squares: float64 (n, n, d), see `squares_of`.
        scores: float64 (n,).
        scales: float64 (d,), logarithms of the length scales that are expected; by default `usual_scales`.
        starts: Times the expected length scales: where the climbs begin.
        spread: Deviation of the prior of a length scale's logarithm.
    """
    size = squares.shape[2]
    mean = np.append(usual_scales(size) if scales is None else scales, math.log(0.01))
    width = np.append(np.full(size, spread), 1.2)
    posterior = Posterior(squares, scores, mean, width)
    begun = [
        mean + np.append(np.full(size, math.log(times)), 0.0)
        for times in starts[: 1 if len(scores) > MANY else None]
    ]
    _, best = max((_climbed(posterior, start) for start in begun), key=lambda found: found[0])
    return Kernel(np.exp(best[:-1]), float(np.exp(best[-1])))


@dataclass(frozen=True, slots=True)
class Posterior:
    """Log posterior of settings (logarithms of scales and noise), up to a constant, and its gradient."""

    squares: Floats
    scores: Floats
    mean: Floats
    width: Floats

    def at(self, setting: Floats) -> tuple[float, Floats]:
        """The value at a setting, float64 (d + 1,), and its gradient; minus infinity where there is none."""
        inverse, noise = np.exp(-2 * setting[:-1]), math.exp(setting[-1])
        kernel, slope = _matern(self.squares @ inverse)
        count = len(self.scores)
        try:
            factor = np.linalg.cholesky(kernel + (noise + JITTER) * np.eye(count))
        except np.linalg.LinAlgError:
            return -math.inf, np.zeros_like(setting)
        half = np.linalg.inv(factor)
        precise = half.T @ half
        weights = precise @ self.scores
        outer = np.outer(weights, weights) - precise
        away = (setting - self.mean) / self.width
        value = (
            -0.5 * float(self.scores @ weights)
            - float(np.log(np.diag(factor)).sum())
            - 0.5 * float(away @ away)
        )
        by_scale = 5 / 6 * np.tensordot(outer * slope, self.squares, axes=2) * inverse
        gradient = np.append(by_scale, 0.5 * noise * float(np.trace(outer)))
        return float(value), gradient - away / self.width


def _climbed(posterior: Posterior, start: Floats) -> tuple[float, Floats]:
    """The top that is reached from a start: BFGS with a step that is halved until it gains."""
    here, metric = start, np.eye(len(start))
    value, gradient = posterior.at(here)
    for _ in range(CLIMBS):
        step = metric @ gradient
        step *= min(1.0, 1.0 / (np.abs(step).max() + 1e-12))
        found = _gained(posterior, here, step, value, float(gradient @ step))
        if found is None:
            break
        there, higher, slope = found
        moved, bent = there - here, gradient - slope
        metric = _updated(metric, moved, bent)
        gain, here, value, gradient = higher - value, there, higher, slope
        if gain < ENOUGH:
            break
    return value, here


def _gained(
    posterior: Posterior, here: Floats, step: Floats, value: float, promised: float
) -> tuple[Floats, float, Floats] | None:
    """The first of ever shorter steps that gains a part of what the slope promises; None where none does."""
    for halved in range(12):
        there = here + step / 2**halved
        higher, slope = posterior.at(there)
        if higher > value + 1e-4 * promised / 2**halved:
            return there, higher, slope
    return None


def _updated(metric: Floats, moved: Floats, bent: Floats) -> Floats:
    """The inverse of the curvature after a step, as BFGS has it."""
    along = float(moved @ bent)
    if along <= 1e-12:
        return metric
    left = np.eye(len(moved)) - np.outer(moved, bent) / along
    return np.asarray(left @ metric @ left.T + np.outer(moved, moved) / along)
