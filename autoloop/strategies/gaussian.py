"""GaussianProcess: a sampler for few and costly jobs, in numpy alone."""

from __future__ import annotations

import math

import numpy as np

from autoloop.strategies.samplers import Floats, Sampler, Seen, normal_scores, quasi_random, usable

MOST_POINTS = 200  # the cost grows with the cube
CANDIDATES = 1500  # points that are judged; half anywhere, half around the best ones known
FITS = 60  # settings of the kernel that are tried
LEAST_POINTS = 3  # trials with a result; with fewer, points are spread evenly
MOST_ASKED = 64  # points of one round; further ones are spread evenly, since each costs more than the last
TINY = 1e-9  # weight of the doubt where no candidate promises a gain
APART = 0.03  # a point nearer than this on every knob to one that ran is no news


class GaussianProcess(Sampler):
    """Expected improvement under a Gaussian process with a Matern 5/2 kernel.

    The objective is scored (`samplers.normal_scores`); runs that diverged count as bad as the worst. One
    length scale for each knob, a signal of 1 and a noise are chosen by their posterior (log-normal priors)
    among settings drawn at random and then around the best of them. Candidates are spread evenly over the
    space and thickly around the best points, where only a few knobs move at a time; those that lie where jobs
    failed again and again are left out. Of several points of one
    round each later one takes the earlier ones' predictions for their results (kriging believer; Ginsbourger
    et al., 2010); beyond 64 the rest is spread evenly.

    Method: Jones et al., Efficient global optimization of expensive black-box functions, 1998; settings after
    Snoek et al., Practical Bayesian optimization of machine learning algorithms, 2012. With fewer than three
    results the points are those of `samplers.QuasiRandom`.
    """

    def ask(self, seen: Seen, count: int) -> Floats:
        """Return the points of the largest expected improvement."""
        points, losses = usable(seen)
        if len(points) < LEAST_POINTS:
            return quasi_random(len(seen.points), count, seen.start.size, seen.seed)
        generator = np.random.default_rng([seen.seed, len(seen.points)])
        order = np.argsort(losses, kind="stable")[:MOST_POINTS]
        points, scores = points[order], normal_scores(losses)[order]
        points, scores = _with_failures(seen, points, scores)
        scales, noise = _fitted(points, scores, generator)
        chosen: list[Floats] = []
        free = seen.among
        for _ in range(min(count, MOST_ASKED, count if free is None else len(free))):
            candidates = _candidates(points, scores, generator) if free is None else free
            mean, deviation = _predicted(points, scores, candidates, scales, noise)
            gain = _expected_improvement(mean, deviation, float(scores.min()))
            gain = gain * _news(candidates, points) if free is None else gain + TINY * deviation
            best = int(np.argmax(gain if seen.avoid is None else gain * ~seen.avoid(candidates)))
            chosen.append(candidates[best])
            free = free if free is None else np.delete(free, best, axis=0)
            points, scores = np.vstack([points, candidates[best]]), np.append(scores, mean[best])
        even = quasi_random(len(seen.points), count - len(chosen), seen.start.size, seen.seed)
        return np.vstack([np.array(chosen).reshape(len(chosen), seen.start.size), even])


def _with_failures(seen: Seen, points: Floats, scores: Floats) -> tuple[Floats, Floats]:
    """The points and those that diverged, as bad as the worst."""
    failed = seen.points[~np.isfinite(seen.losses)]
    return np.vstack([points, failed]), np.append(scores, np.full(len(failed), scores.max()))


def _matern(first: Floats, second: Floats, scales: Floats) -> Floats:
    """The kernel between two sets of points: (n, d), (m, d) -> (n, m)."""
    difference = (first[:, None, :] - second[None, :, :]) / scales
    distance = np.sqrt(5 * np.einsum("ijk,ijk->ij", difference, difference))
    return np.asarray((1 + distance + distance**2 / 3) * np.exp(-distance))


def _fitted(points: Floats, scores: Floats, generator: np.random.Generator) -> tuple[Floats, float]:
    """Length scales and noise of the largest posterior among settings drawn at random."""
    size = points.shape[1] + 1
    prior_mean = np.append(np.full(size - 1, math.log(0.5 * math.sqrt(size - 1))), math.log(0.01))
    prior_width = np.append(np.full(size - 1, 0.8), 1.2)
    best = prior_mean
    best_value = _posterior(best, points, scores, prior_mean, prior_width)
    for attempt in range(FITS):
        drawn = generator.normal(size=size)
        trial = prior_mean + prior_width * drawn if attempt < FITS // 2 else best + 0.3 * drawn
        value = _posterior(trial, points, scores, prior_mean, prior_width)
        if value > best_value:
            best, best_value = trial, value
    return np.exp(best[:-1]), float(np.exp(best[-1]))


def _posterior(setting: Floats, points: Floats, scores: Floats, mean: Floats, width: Floats) -> float:
    """Log posterior of a setting, up to a constant."""
    kernel = _matern(points, points, np.exp(setting[:-1])) + np.exp(setting[-1]) * np.eye(len(points))
    try:
        factor = np.linalg.cholesky(kernel)
    except np.linalg.LinAlgError:
        return -math.inf
    half = np.linalg.solve(factor, scores)
    fit = -0.5 * float(half @ half) - float(np.log(np.diag(factor)).sum())
    return fit - 0.5 * float((((setting - mean) / width) ** 2).sum())


def _predicted(
    points: Floats, scores: Floats, candidates: Floats, scales: Floats, noise: float
) -> tuple[Floats, Floats]:
    """Mean and standard deviation of the score at each candidate."""
    kernel = _matern(points, points, scales) + (noise + 1e-9) * np.eye(len(points))
    across = _matern(candidates, points, scales)
    solved = np.linalg.solve(kernel, across.T)
    variance = 1.0 - np.einsum("ij,ji->i", across, solved)
    mean = np.asarray(across @ np.linalg.solve(kernel, scores))
    return mean, np.sqrt(np.maximum(variance, 1e-12))


def _expected_improvement(mean: Floats, deviation: Floats, best: float) -> Floats:
    ahead = (best - mean) / deviation
    density = np.exp(-0.5 * ahead**2) / math.sqrt(2 * math.pi)
    below = 0.5 * (1 + np.array([math.erf(value / math.sqrt(2)) for value in ahead]))
    improvement: Floats = deviation * (ahead * below + density)
    return improvement


def _news(candidates: Floats, points: Floats) -> Floats:
    """1 for each candidate that differs from all points by more than a little on some knob, else 0."""
    away = np.abs(candidates[:, None, :] - points[None, :, :]).max(axis=2).min(axis=1)
    return np.asarray(away > APART, dtype=np.float64)


def _candidates(points: Floats, scores: Floats, generator: np.random.Generator) -> Floats:
    """Points all over the space, and around the best five with a few knobs moved."""
    dimensions = points.shape[1]
    even = generator.random((CANDIDATES // 2, dimensions))
    leaders = points[np.argsort(scores, kind="stable")[:5]]
    around = leaders[generator.integers(len(leaders), size=CANDIDATES // 2)]
    width = generator.choice([0.02, 0.08, 0.25], size=(len(around), 1))
    moved = generator.random(around.shape) < max(0.5, 1.5 / dimensions)
    near = around + moved * width * generator.normal(size=around.shape)
    return np.asarray(np.clip(np.vstack([even, near]), 0.0, 1.0))
