"""FrontProcess: a sampler for several objectives and for constraints, in numpy alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from autoloop.strategies.gaussian import (
    LEAST_POINTS,
    MOST_ASKED,
    MOST_POINTS,
    TINY,
    away,
    candidates_around,
    expected_improvement,
)
from autoloop.strategies.kernel_fit import Kernel, fitted, predicted, squares_of
from autoloop.strategies.samplers import Bools, Floats, Sampler, Seen, Whole, quasi_random
from autoloop.study.dominance import is_front, layers

BEYOND = 0.1  # the reference lies so far beyond the worst result, as a share of the front's extent
WIDEST = (
    3.0  # a constraint broken by more than so many times its typical distance is broken no more than that
)
NARROW = 0.2  # extent of a front of one point, as a share of the objectives' own spread

CLOSE = 0.01  # a point nearer than this on every knob to one that ran is no news
STARTS = (1.0, 0.3, 0.1)  # see `kernel_fit.fitted`: an objective may change within a small part of the space
SPREAD = 1.2  # the same
WIDTHS = (0.06, 0.02, 0.007)  # of the steps in which the best candidates are refined
REFINED, TRIED = 8, 25  # candidates that are refined, and points that are tried around each
RANKED = 0.5  # weight of ranks in the scores of few results
FEW = 8  # results; of more, ranks weigh less

_ERF = np.vectorize(math.erf, otypes=[np.float64])
_QUANTILE = np.vectorize(NormalDist().inv_cdf, otypes=[np.float64])


@dataclass(frozen=True, slots=True)
class _Model:
    """A Gaussian process of one number: what was seen of it, and how the kernel was fitted."""

    points: Floats
    scores: Floats
    kinds: Whole
    kernel: Kernel

    @classmethod
    def of(cls, points: Floats, scores: Floats, kinds: Whole) -> _Model:
        return cls(
            points,
            scores,
            kinds,
            fitted(squares_of(points, points, kinds), scores, starts=STARTS, spread=SPREAD),
        )

    def predict(self, candidates: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation at each candidate."""
        return predicted(self.kernel, self.points, self.scores, candidates, self.kinds)

    def believing(self, point: Floats) -> _Model:
        """The same, as if a point had come out as predicted."""
        mean = self.predict(point[None])[0]
        return replace(self, points=np.vstack([self.points, point]), scores=np.append(self.scores, mean))


class FrontProcess(Sampler):
    """Expected gain of hypervolume under a Gaussian process for each objective, times feasibility.

    Processes are those of `autoloop.strategies.gaussian.GaussianProcess`, one for each objective and one for
    each constraint, which learns how far that is broken; the prior of their length scales is wider. While
    results are few, the score of an objective is half its value and half its rank, so that a plateau has a
    slope.

    The gain of a point is what it is expected to add to the hypervolume of the front, up to the worst result
    of each objective, in closed form (Emmerich et al., Hypervolume-based expected improvement, 2011). It is
    multiplied by the probability that every constraint holds (Gardner et al., Bayesian optimization with
    inequality constraints, 2014); while no trial keeps them, that probability alone counts (Gelbart et al.,
    Bayesian optimization with unknown constraints, 2014). With one objective the gain is the expected
    improvement. The best candidates are refined: moved in ever smaller steps, as long as that promises more.
    Further points of a round take the earlier ones' predictions for their results. With fewer than three
    results the points are spread evenly.
    """

    def ask(self, seen: Seen, count: int) -> Floats:
        """Return the points of the largest expected gain."""
        losses, excess = numbers_of(seen)
        known = np.isfinite(losses).all(axis=1)
        if known.sum() < LEAST_POINTS:
            return quasi_random(seen.told, count, seen.start.size, seen.seed)
        generator = np.random.default_rng([seen.seed, seen.told])
        view = _View.of(seen.points, losses, excess, seen.kinds_of)
        chosen: list[Floats] = []
        free = seen.among
        for _ in range(min(count, MOST_ASKED, count if free is None else len(free))):
            candidates, worth = _judged(view, seen, generator, free)
            best = int(np.argmax(worth))
            chosen.append(candidates[best])
            free = free if free is None else np.delete(free, best, axis=0)
            view = view.believing(candidates[best])
        even = quasi_random(seen.told, count - len(chosen), seen.start.size, seen.seed)
        return np.vstack([np.array(chosen).reshape(len(chosen), seen.start.size), even])


def _judged(
    view: _View, seen: Seen, generator: np.random.Generator, free: Floats | None
) -> tuple[Floats, Floats]:
    """Candidates, (c, d), and how much each is worth, (c,): those that are left, or the best ones refined."""

    def judge(points: Floats) -> Floats:
        worth = view.gain(points)
        worth = worth if free is not None else worth * (away(points, view.points) > CLOSE)
        return np.asarray(worth if seen.avoid is None else worth * ~seen.avoid(points))

    if free is not None:
        return free, judge(free)
    candidates = candidates_around(seen, view.leaders, generator)
    worth = judge(candidates)
    for width in WIDTHS:
        top = np.argsort(-worth, kind="stable")[:REFINED]
        near = np.repeat(candidates[top], TRIED, axis=0)
        moved = generator.random(near.shape) < max(0.5, 1.5 / near.shape[1])
        near = np.clip(near + moved * width * generator.normal(size=near.shape), 0.0, 1.0)
        near = near if seen.snap is None else seen.snap(near)
        candidates = np.vstack([candidates[top], near])
        worth = np.append(worth[top], judge(near))
    return candidates, worth


def numbers_of(seen: Seen) -> tuple[Floats, Floats]:
    """The objectives, (n, k), and how far each constraint is broken, (n, m), of the points seen."""
    losses = seen.losses[:, None] if seen.several is None else seen.several
    return losses, np.empty((len(losses), 0)) if seen.excess is None else seen.excess


def feasible(excess: Floats) -> Bools:
    """Which rows keep every constraint; an unknown number keeps none."""
    return _all(excess <= 0)


def _all(parts: Bools) -> Bools:
    """Which rows are true throughout."""
    return np.asarray(parts.all(axis=1), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class _View:
    """What the points seen tell: a model of each number, and the front so far, in the models' units.

    Attributes:
        points: float64 (n, d), points seen, those that failed too.
        objectives: A model of each objective.
        constraints: A model of each constraint, and the value up to which it holds.
        front: float64 (f, k), the feasible front; empty while there is none.
        worst: float64 (k,), the worst score of each objective.
        leaders: float64 (l, d), points around which to look.
    """

    points: Floats
    objectives: tuple[_Model, ...]
    constraints: tuple[tuple[_Model, float], ...]
    front: Floats
    worst: Floats
    leaders: Floats

    @classmethod
    def of(cls, points: Floats, losses: Floats, excess: Floats, kinds: Whole) -> _View:
        known, kept = _all(np.isfinite(losses)), feasible(excess)
        order = np.argsort(np.where(known, 0, 1) + ~kept, kind="stable")[:MOST_POINTS]
        points, losses, excess = points[order], losses[order], excess[order]
        known, kept = known[order], kept[order]
        scores = _scored(losses, known, known & kept)
        models = tuple(_Model.of(points, column, kinds) for column in scores.T)
        limits = tuple(_limit(points, column, kinds) for column in excess.T)
        best = known & kept
        front = scores[best][is_front(scores[best])] if best.any() else np.empty((0, scores.shape[1]))
        return cls(points, models, limits, front, scores.max(axis=0), points[_leading(scores, excess, best)])

    def gain(self, candidates: Floats) -> Floats:
        """How much each candidate is worth, (c,)."""
        likely = np.ones(len(candidates))
        for model, limit in self.constraints:
            mean, deviation = model.predict(candidates)
            likely *= _below((limit - mean) / deviation)
        if not len(self.front):
            return likely
        predictions = [model.predict(candidates) for model in self.objectives]
        mean = np.stack([one for one, _ in predictions], axis=1)
        deviation = np.stack([one for _, one in predictions], axis=1)
        if mean.shape[1] == 1:
            return likely * expected_improvement(mean[:, 0], deviation[:, 0], float(self.front.min()))
        gain = _gained(mean, deviation, self.front, self.worst) + TINY * deviation.mean(axis=1)
        return np.asarray(likely * gain)

    def believing(self, point: Floats) -> _View:
        """The same, as if a point had come out as predicted."""
        models = tuple(model.believing(point) for model in self.objectives)
        result = np.array([model.scores[-1] for model in models])
        limits = tuple((model.believing(point), limit) for model, limit in self.constraints)
        holds = len(self.front) > 0 and all(model.scores[-1] <= limit for model, limit in limits)
        front = np.vstack([self.front, result]) if holds else self.front
        return replace(
            self,
            points=np.vstack([self.points, point]),
            objectives=models,
            constraints=limits,
            front=front[is_front(front)] if holds else front,
        )


def _scored(losses: Floats, known: Bools, best: Bools) -> Floats:
    """Objectives as numbers of mean 0 and deviation 1; what is far beyond the front is drawn in.

    What failed counts as bad as the worst. Of few results ranks count, too.
    """
    judged = losses[best] if best.any() else losses[known]
    front = judged[is_front(judged)]
    worst = front.max(axis=0) + 2 * np.maximum(
        np.ptp(front, axis=0), np.median(judged, axis=0) - front.min(axis=0)
    )
    drawn = np.minimum(losses, worst)
    drawn = np.where(known[:, None], drawn, drawn[known].max(axis=0))
    ranks = np.where(known[:, None], losses, losses[known].max(axis=0))
    share = RANKED * min(1.0, FEW / len(losses))
    return _standard((1 - share) * _standard(drawn) + share * _normal(ranks))


def _standard(numbers: Floats) -> Floats:
    """Each column with mean 0 and deviation 1."""
    spread = numbers.std(axis=0)
    return np.asarray((numbers - numbers.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def _normal(numbers: Floats) -> Floats:
    """Each column as quantiles of the normal distribution, by rank; equal numbers have one."""
    ordered = np.sort(numbers, axis=0)
    ranks = [
        np.searchsorted(known, column, "left") + np.searchsorted(known, column, "right")
        for known, column in zip(ordered.T, numbers.T, strict=True)
    ]
    return np.asarray(_QUANTILE(np.stack(ranks, axis=1) / (2 * len(numbers))))


def _limit(points: Floats, excess: Floats, kinds: Whole) -> tuple[_Model, float]:
    """A model of how far a constraint is broken, and the value up to which it holds."""
    known = np.isfinite(excess)
    if not known.any():
        return _Model(points[:1], np.zeros(1), kinds, Kernel(np.ones(points.shape[1]), 1.0)), 0.0
    points, excess = points[known], excess[known]
    typical = float(np.median(np.abs(excess))) or 1.0
    drawn = np.clip(excess / typical, -WIDEST, WIDEST)
    middle, spread = float(drawn.mean()), float(drawn.std()) or 1.0
    return _Model.of(points, (drawn - middle) / spread, kinds), -middle / spread


def _leading(scores: Floats, excess: Floats, best: Bools) -> NDArray[np.int64]:
    """Places of the points around which to look: the front and the layer behind it, else the least broken."""
    if best.any():
        places = np.flatnonzero(best)
        layer = layers(scores[places])
        return np.asarray(places[layer < 2 if len(places) < 10 else layer < 1])
    broken = np.nan_to_num(np.maximum(excess, 0), nan=np.inf).sum(axis=1)
    return np.asarray(np.argsort(broken, kind="stable")[:5])


def _gained(mean: Floats, deviation: Floats, front: Floats, worst: Floats) -> Floats:
    """The expected gain of hypervolume of each candidate: (c,)."""
    corner = np.maximum(front.max(axis=0), worst) + BEYOND * np.maximum(np.ptp(front, axis=0), NARROW)
    levels = [np.unique(np.append(column, end)) for column, end in zip(front.T, corner, strict=True)]
    ahead = [
        _ahead(mean[:, one, None], deviation[:, one, None], level[None, :])
        for one, level in enumerate(levels)
    ]
    places = np.stack([np.searchsorted(*one) for one in zip(levels, front.T, strict=True)], axis=1)
    return _expected(places, ahead)


def _expected(front: NDArray[np.int64], ahead: Sequence[Floats]) -> Floats:
    """The part of the space that no point of a front dominates, weighted by how likely a candidate does.

    Sliced along the last objective, as `autoloop.study.hypervolume` does.

    Args:
        front: int64 (f, k), the front, each number as its place among the levels of its objective.
        ahead: Of each objective (c, levels), how far each candidate is expected to be ahead of each level.
    """
    last = ahead[-1]
    if len(ahead) == 1:
        return np.asarray(last[:, front[:, 0].min() if len(front) else -1])
    levels = np.unique(front[:, -1])
    total = last[:, levels[0] if len(levels) else -1] * _expected(front[:0, :-1], ahead[:-1])
    for level, upper in zip(levels, [*levels[1:], -1], strict=False):
        below = front[front[:, -1] <= level][:, :-1]
        total = total + (last[:, upper] - last[:, level]) * _expected(below, ahead[:-1])
    return np.asarray(total)


def _ahead(mean: Floats, deviation: Floats, level: Floats) -> Floats:
    """How far below a level a number is expected to be, counting 0 where it is above."""
    score = (level - mean) / deviation
    density = np.exp(-0.5 * score**2) / math.sqrt(2 * math.pi)
    return np.asarray(deviation * (score * _below(score) + density))


def _below(scores: Floats) -> Floats:
    """Share of the normal distribution below each number."""
    return np.asarray(0.5 * (1 + _ERF(scores / math.sqrt(2))))
