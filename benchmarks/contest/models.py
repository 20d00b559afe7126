"""Other models in the place of the built-in sampler's, inside `MixedStrategy`, to be compared with it.

All of them learn from the same points and scores as `GaussianProcess` (choices by one coordinate for each, so
that two of them are equal or apart) and start to look where its candidates are best. What differs is the
model with its fit, and how the acquisition function is optimised:

- `OneHot`: the same kernel and priors, fitted by scipy's L-BFGS-B, which also refines the best candidates;
- `BoTorch`: a `SingleTaskGP` with BoTorch's own priors, and `LogExpectedImprovement`, refined by BoTorch;
- `OptunaGP`: Optuna's `GPSampler`, which gets choices as such, and no values of runs that were ended early.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autoloop.strategies import MixedStrategy
from autoloop.strategies.gaussian import (
    APART,
    LEADERS,
    away,
    candidates_around,
    expected_improvement,
    knows_too_little,
    learnt,
    with_failures,
)
from autoloop.strategies.kernel_fit import STARTS, Kernel, Posterior, predicted, squares_of, usual_scales
from autoloop.strategies.optuna_sampler import import_optuna, seed_of
from autoloop.strategies.samplers import Floats, Sampler, Seen, Whole, quasi_random, usable

STEP = 1e-6  # of finite differences
ASKED = 4  # points that Optuna is asked for, each with a fit of its own; a round has no more
REFINED = 2  # candidates from which the acquisition function is climbed
MOST = 200  # results that are learnt from
Gain = Callable[[Floats], Floats]


class MixedWith(MixedStrategy):
    """`MixedStrategy` with another model for its points.

    Args:
        sampler: The model.
        space: See `MixedStrategy`.
    """

    def __init__(self, sampler: Sampler, space: Mapping[str, Any]) -> None:
        super().__init__(space=space)
        object.__setattr__(self._sampled, "sampler", sampler)


def one_hot(points: Floats, kinds: Whole) -> Floats:
    """Points with a coordinate of 0 or 1 for each choice: (n, d) -> (n, d + choices - knobs of choices)."""
    columns: list[Floats] = []
    for place, count in enumerate(kinds.tolist()):
        column = points[:, place]
        if not count:
            columns.append(column[:, None])
            continue
        chosen = np.clip((column * count).astype(np.int64), 0, count - 1)
        columns.append(np.eye(count)[chosen])
    return np.hstack(columns)


def free_columns(kinds: Whole, dimensions: int) -> Whole:
    """The columns of `one_hot` that belong to the first knobs and are numbers."""
    starts = np.concatenate([[0], np.cumsum(np.maximum(kinds, 1))])
    return np.array([starts[place] for place in range(dimensions) if not kinds[place]], dtype=np.int64)


class Refining(Sampler):
    """Points of the largest gain by some model, each after the ones before it (kriging believer)."""

    @abstractmethod
    def fit(self, points: Floats, scores: Floats, knobs: int) -> None:
        """Fit the model's settings; ``points`` as by `one_hot`, from so many knobs."""

    @abstractmethod
    def gain(self, points: Floats, scores: Floats) -> tuple[Gain, Gain]:
        """What is to be made large, and the mean of the score, at points, from what is known by now."""

    def climb(self, gain: Gain, start: Floats, free: Whole) -> Floats:
        """The top near a start, (d,), where some coordinates may move: L-BFGS-B of scipy."""
        from scipy.optimize import minimize

        def turned(values: Floats) -> tuple[float, Floats]:
            beside = values + STEP * np.vstack([np.zeros(len(free)), np.eye(len(free))])
            found = -gain(_moved(start, free, beside))
            return float(found[0]), (found[1:] - found[0]) / STEP

        found = minimize(turned, start[free], jac=True, method="L-BFGS-B", bounds=[(0, 1)] * len(free))
        return _moved(start, free, found.x[None])[0]

    def ask(self, seen: Seen, count: int) -> Floats:
        """Return the points."""
        if knows_too_little(seen):
            return quasi_random(len(seen.points), count, seen.start.size, seen.seed)
        size = seen.start.size
        generator = np.random.default_rng([seen.seed, len(seen.points)])
        known, scores, kinds = learnt(seen, MOST)
        known, scores = with_failures(seen, known, scores)
        leaders = known[np.argsort(scores, kind="stable")[:LEADERS], :size]
        around = candidates_around(seen, leaders, generator) if seen.among is None else seen.among
        wide = np.hstack([around, np.ones((len(around), known.shape[1] - size))])
        points = one_hot(known, kinds)
        self.fit(points, scores, len(kinds))
        chosen: list[Floats] = []
        for _ in range(min(count, len(around))):
            gain, mean = self.gain(points, scores)
            ran = np.vstack([known[:, :size], *chosen])
            place = self._best(seen, gain, wide, kinds, ran)
            at = one_hot(place[None], kinds)
            points, scores = np.vstack([points, at]), np.append(scores, mean(at))
            chosen.append(place[None, :size])
        return np.vstack([np.empty((0, size)), *chosen])

    def _best(self, seen: Seen, gain: Gain, wide: Floats, kinds: Whole, ran: Floats) -> Floats:
        """The best candidate, or what is found near the best ones where that is better and not there yet."""
        size = seen.start.size
        worth = away(wide[:, :size], ran) > APART
        worth = worth if worth.any() else ~worth
        values = np.where(worth, gain(one_hot(wide, kinds)), -math.inf)
        order = np.argsort(-values, kind="stable")
        best, top = wide[order[0]], values[order[0]]
        free = free_columns(kinds, size)
        numbers = np.flatnonzero(kinds[:size] == 0)
        if seen.among is not None or not len(free):
            return best
        for place in order[:REFINED]:
            if not math.isfinite(values[place]):
                break
            moved = wide[place].copy()
            moved[numbers] = self.climb(gain, one_hot(wide[place][None], kinds)[0], free)[free]
            moved[:size] = moved[:size] if seen.snap is None else seen.snap(moved[None, :size])[0]
            value = float(gain(one_hot(moved[None], kinds))[0])
            if value > top and away(moved[None, :size], ran)[0] > APART:
                best, top = moved, value
        return best


def _moved(start: Floats, free: Whole, values: Floats) -> Floats:
    """A point, (d,), with some coordinates changed as by each row of ``values``: (n, d)."""
    moved = np.tile(start, (len(values), 1))
    moved[:, free] = values
    return moved


class OneHot(Refining):
    """The built-in model with choices as coordinates, scipy's optimiser for its fit and for the points."""

    def fit(self, points: Floats, scores: Floats, knobs: int) -> None:
        from scipy.optimize import minimize

        size = points.shape[1]
        mean = np.append(np.full(size, usual_scales(knobs)[0]), math.log(0.01))
        width = np.append(np.full(size, 0.8), 1.2)
        self.numbers = np.zeros(size, dtype=np.int64)
        posterior = Posterior(squares_of(points, points, self.numbers), scores, mean, width)

        def turned(setting: Floats) -> tuple[float, Floats]:
            value, gradient = posterior.at(setting)
            return (-value, -gradient) if math.isfinite(value) else (1e6, gradient)

        begun = [mean + np.append(np.full(size, math.log(times)), 0.0) for times in STARTS]
        found = [minimize(turned, start, jac=True, method="L-BFGS-B") for start in begun]
        best = min(found, key=lambda one: float(one.fun)).x
        self.kernel = Kernel(np.exp(best[:-1]), float(np.exp(best[-1])))

    def gain(self, points: Floats, scores: Floats) -> tuple[Gain, Gain]:
        best = float(scores.min())

        def at(candidates: Floats) -> tuple[Floats, Floats]:
            return predicted(self.kernel, points, scores, candidates, self.numbers)

        def logarithm(candidates: Floats) -> Floats:
            mean, deviation = at(candidates)
            return np.log(expected_improvement(mean, deviation, best) + 1e-12 * deviation)

        return logarithm, lambda candidates: at(candidates)[0]


class BoTorch(Refining):
    """BoTorch's `SingleTaskGP` and `LogExpectedImprovement`."""

    def fit(self, points: Floats, scores: Floats, knobs: int) -> None:
        import warnings

        from botorch import fit_gpytorch_mll
        from botorch.exceptions.warnings import InputDataWarning
        from gpytorch.mlls import ExactMarginalLogLikelihood

        warnings.simplefilter("ignore", InputDataWarning)  # failures and beliefs are among the scores
        model = self._model(points, scores)
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        self.state = model.state_dict()

    def gain(self, points: Floats, scores: Floats) -> tuple[Gain, Gain]:
        import torch
        from botorch.acquisition import LogExpectedImprovement

        model = self._model(points, scores)
        model.load_state_dict(self.state)
        model.eval()
        self.improvement = LogExpectedImprovement(model, best_f=float((-scores).max()))

        def logarithm(candidates: Floats) -> Floats:
            with torch.no_grad():
                return self.improvement(torch.as_tensor(candidates)[:, None]).numpy()

        def mean(candidates: Floats) -> Floats:
            with torch.no_grad():
                return -model.posterior(torch.as_tensor(candidates)).mean.numpy()[:, 0]

        return logarithm, mean

    def climb(self, gain: Gain, start: Floats, free: Whole) -> Floats:
        import torch
        from botorch.generation.gen import gen_candidates_scipy

        held = {place: float(start[place]) for place in range(len(start)) if place not in free}
        found, _ = gen_candidates_scipy(
            torch.as_tensor(start)[None, None], self.improvement, 0.0, 1.0, fixed_features=held
        )
        return found.detach().numpy()[0, 0]

    def _model(self, points: Floats, scores: Floats) -> Any:
        import torch
        from botorch.models import SingleTaskGP

        return SingleTaskGP(
            torch.as_tensor(points), torch.as_tensor(-scores)[:, None], outcome_transform=None
        )


class OptunaGP(Sampler):
    """Optuna's Gaussian process, with choices as choices."""

    def ask(self, seen: Seen, count: int) -> Floats:
        """Return the points."""
        optuna = import_optuna("optuna_gp")
        make, kinds = optuna.distributions, seen.kinds_of.tolist()
        space = {
            f"x{place}": make.CategoricalDistribution(list(range(kind)))
            if kind
            else make.FloatDistribution(0, 1)
            for place, kind in enumerate(kinds)
        }
        study = optuna.create_study(sampler=optuna.samplers.GPSampler(seed=seed_of(seen), n_startup_trials=4))
        for point, loss in zip(*usable(seen), strict=True):
            values = zip(space, np.clip(point, 0, 1).tolist(), kinds, strict=True)
            params = {name: min(int(at * kind), kind - 1) if kind else at for name, at, kind in values}
            study.add_trial(optuna.create_trial(params=params, distributions=space, value=float(loss)))
        asked = [study.ask(space).params for _ in range(min(count, ASKED))]
        rows = [
            [(one[name] + 0.5) / kind if kind else one[name] for name, kind in zip(space, kinds, strict=True)]
            for one in asked
        ]
        even = quasi_random(len(seen.points), count - len(rows), len(kinds), seen.seed)
        return np.vstack([np.array(rows, dtype=np.float64).reshape(len(rows), len(kinds)), even])
