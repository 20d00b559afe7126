"""GaussianProcess: a sampler for few and costly jobs, in numpy alone."""

from __future__ import annotations

import math

import numpy as np

from autoloop.strategies.kernel_fit import Kernel, conditional, fitted, squares_of, usual_scales
from autoloop.strategies.prior import Aligned, Expected, Prior
from autoloop.strategies.samplers import (
    Bools,
    Early,
    Floats,
    Sampler,
    Seen,
    Whole,
    normal_scores,
    quasi_random,
    standard_scores,
    usable,
)

MOST_POINTS = 200  # the cost grows with the cube
MOST_FAILED = 50  # of these at most, the latest
CANDIDATES = 1500  # points that are judged; half anywhere, half around the best ones known
LEAST_POINTS = 3  # trials with a result; with fewer, points are spread evenly
MOST_ASKED = 64  # points of one round; further ones are spread evenly, since each costs more than the last
TINY = 1e-9  # weight of the doubt where no candidate promises a gain
APART = 0.03  # a point nearer than this on every knob to one that ran is no news
LEADERS = 5  # points around which candidates lie thickly
OTHER = 0.4  # how likely a choice of a point near the best is drawn anew, where its knob moves


class GaussianProcess(Sampler):
    """Expected improvement under a Gaussian process with a Matern 5/2 kernel.

    The objective is scored (`samplers.normal_scores`); runs that diverged count as bad as the worst. One
    length scale for each knob, a signal of 1 and a noise are those of the largest posterior (log-normal
    priors, `kernel_fit`); two choices of a knob are equal or apart, whatever their order. Beyond 200 results
    the best half of so many counts, and of the others an even spread from good to bad. Candidates are spread
    evenly over the space and thickly around the best points, where only a few knobs move at a time; each
    stands where its configuration does, so that what is judged is what would run. Those that lie where jobs
    failed again and again are left out. Of several points of one round each later one takes the earlier ones'
    predictions for their results (kriging believer; Ginsbourger et al., 2010); beyond 64 the rest is spread
    evenly.

    Where trials were ended early, what all had at that step is learnt from as well (multi-fidelity: the share
    of a training is one more knob; Kandasamy et al., Multi-fidelity Bayesian optimisation with continuous
    approximations, 2017), moved by what those that went on gained from there on average.

    Method: Jones et al., Efficient global optimization of expensive black-box functions, 1998; settings after
    Snoek et al., Practical Bayesian optimization of machine learning algorithms, 2012. With fewer than three
    trials that tell something the points are those of `samplers.QuasiRandom`.

    If earlier studies count (`Seen.prior`), what they let expect is the process's mean, and one result is
    enough.
    """

    def ask(self, seen: Seen, count: int) -> Floats:
        """Return the points of the largest expected improvement."""
        prior = seen.prior if seen.prior is not None and seen.prior.counts else None
        if knows_too_little(seen):
            return quasi_random(seen.told, count, seen.start.size, seen.seed)
        generator = np.random.default_rng([seen.seed, seen.told])
        lost = min(MOST_FAILED, int((~np.isfinite(seen.losses)).sum()))
        points, scores, kinds = learnt(seen, MOST_POINTS - lost)
        points, scores = with_failures(seen, points, scores)
        expected = Expected() if prior is None else Aligned.to(prior, points, scores)
        kernel = _kernel(kinds, points, expected.rest(points, scores), prior)
        dimensions = seen.start.size
        leaders = points[np.argsort(scores, kind="stable")[:LEADERS], :dimensions]
        leaders = leaders if prior is None else np.vstack([leaders, prior.leaders])
        free = candidates_around(seen, leaders, generator) if seen.among is None else seen.among
        avoid = None if seen.avoid is None else seen.avoid(free)
        judged = np.hstack([free, np.ones((len(free), points.shape[1] - dimensions))])
        chosen = _chosen(
            _Belief(kernel, points, scores, kinds, expected),
            judged,
            avoid,
            min(count, MOST_ASKED, len(free)),
        )
        even = quasi_random(seen.told, count - len(chosen), seen.start.size, seen.seed)
        return np.vstack([free[chosen], even])


def _kernel(kinds: Whole, points: Floats, rest: Floats, prior: Prior | None) -> Kernel:
    """The kernel of what is left to explain."""
    scales = None if prior is None else prior.scales
    if scales is not None and len(scales) < len(kinds):  # earlier studies know no shares of a training
        scales = np.append(scales, usual_scales(len(kinds))[:1])
    return fitted(squares_of(points, points, kinds), rest, scales)


class _Belief:
    """What is known, and what is believed of points chosen since."""

    def __init__(
        self, kernel: Kernel, points: Floats, scores: Floats, kinds: Whole, expected: Expected
    ) -> None:
        self.kernel, self.points, self.scores, self._kinds = kernel, points, scores, kinds
        self._expected = expected
        self._mean, self._width = expected.at(points)
        self._noise = kernel.noise * float((self._width**2).mean())
        self._inner = self._width[:, None] * kernel.between(squares_of(points, points, kinds)) * self._width
        self._across: Floats = np.empty((0, 0))

    def look(self, free: Floats) -> None:
        """Find out how candidates lie to all that is known."""
        self._there, self._wide = self._expected.at(free)
        self._across = (
            self._wide[:, None]
            * self.kernel.between(squares_of(free, self.points, self._kinds))
            * self._width
        )

    def predicted(self) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the score at each candidate."""
        rest, deviation = conditional(
            self._inner, self._across, self.scores - self._mean, self._noise, self._wide**2
        )
        return self._there + rest, deviation

    def believe(self, free: Floats, place: int, score: float) -> None:
        """Take a prediction for a result."""
        wide = self._wide[place]
        between = self.kernel.between(squares_of(free, free[place][None], self._kinds))
        row = self._across[place]
        self._inner = np.block([[self._inner, row[:, None]], [row[None], np.full((1, 1), wide**2)]])
        self._across = np.hstack([self._across, self._wide[:, None] * between * wide])
        self._mean = np.append(self._mean, self._there[place])
        self.points, self.scores = np.vstack([self.points, free[place]]), np.append(self.scores, score)


def _chosen(belief: _Belief, free: Floats, lost: Bools | None, count: int) -> list[int]:
    """The places of the candidates that promise most, each after the ones before it; none twice.

    Args:
        belief: What is known.
        free: The candidates, float64 (m, d).
        lost: bool (m,), which of them lie where jobs failed; None for none.
        count: How many are wanted.
    """
    belief.look(free)
    open_ones: Bools = np.ones(len(free), dtype=bool) if lost is None else ~lost
    open_ones = open_ones if open_ones.any() else np.ones(len(free), dtype=bool)
    found: list[int] = []
    nearest = away(free, belief.points)
    for _ in range(count):
        mean, deviation = belief.predicted()
        gain = expected_improvement(mean, deviation, float(belief.scores.min())) + TINY * deviation
        worth = open_ones & (nearest > APART)
        worth = worth if worth.any() else open_ones
        best = int(np.argmax(np.where(worth, gain, -1.0)))
        found.append(best)
        open_ones = open_ones & (np.arange(len(free)) != best)
        nearest = np.minimum(nearest, away(free, free[best][None]))
        belief.believe(free, best, float(mean[best]))
    return found


def knows_too_little(seen: Seen) -> bool:
    """Whether trials tell too little for a process, so that points are spread evenly."""
    has_prior = seen.prior is not None and seen.prior.counts
    return informative(seen) < (1 if has_prior else LEAST_POINTS)


def informative(seen: Seen) -> int:
    """How many trials tell something: those with a result, and those that were ended early."""
    early = 0 if seen.early is None else int(np.isnan(seen.early.ends).sum())
    return int(np.isfinite(seen.losses).sum()) + early


def learnt(seen: Seen, most: int) -> tuple[Floats, Floats, Whole]:
    """What is learnt from: points, scores, and how many choices each coordinate has.

    Where trials were ended early, the share of a training is one more coordinate, 1 at the end.
    """
    points, losses = usable(seen)
    if seen.early is None:
        order = _spread(np.argsort(losses, kind="stable"), most)
        return points[order], normal_scores(losses)[order], seen.kinds_of
    early, losses = _on_one_scale(seen.early, losses)
    scores = standard_scores(np.append(losses, early))
    order = _spread(np.argsort(losses, kind="stable"), most)
    more = np.arange(len(early))[: max(0, most - len(order))] + len(losses)
    points = np.vstack([points, seen.early.points])
    shares = np.append(np.ones(len(losses)), seen.early.shares)
    chosen = np.append(order, more)
    return np.column_stack([points, shares])[chosen], scores[chosen], np.append(seen.kinds_of, 0)


def _on_one_scale(early: Early, losses: Floats) -> tuple[Floats, Floats]:
    """Early losses, moved by what trials that went on gained from there on average, and losses.

    Both are logarithms where all are above 0.
    """
    logs = bool((early.losses > 0).all() and (losses > 0).all())
    now, ends, losses = (np.log(one) if logs else one for one in (early.losses, early.ends, losses))
    for share in np.unique(early.shares):
        there = early.shares == share
        gains = (ends - now)[there & np.isfinite(ends)]
        now = np.where(there, now + (gains.mean() if len(gains) else 0.0), now)
    return now, losses


def _spread(order: Whole, most: int) -> Whole:
    """Of places from good to bad at most so many: the best half, of the others an even spread."""
    if len(order) <= most:
        return order
    rest = np.linspace(most // 2, len(order) - 1, most - most // 2).round().astype(np.int64)
    return np.append(order[: most // 2], order[rest])


def with_failures(seen: Seen, points: Floats, scores: Floats) -> tuple[Floats, Floats]:
    """The points and those that diverged, the latest ones, as bad as the worst."""
    failed = seen.points[~np.isfinite(seen.losses)][-MOST_FAILED:]
    failed = np.hstack([failed, np.ones((len(failed), points.shape[1] - failed.shape[1]))])
    return np.vstack([points, failed]), np.append(scores, np.full(len(failed), scores.max()))


def expected_improvement(mean: Floats, deviation: Floats, best: float) -> Floats:
    """How far below the best score each candidate is expected to be, counting 0 where it is above."""
    ahead = (best - mean) / deviation
    density = np.exp(-0.5 * ahead**2) / math.sqrt(2 * math.pi)
    below = 0.5 * (1 + np.array([math.erf(value / math.sqrt(2)) for value in ahead]))
    improvement: Floats = deviation * (ahead * below + density)
    return np.maximum(improvement, 0.0)


def away(candidates: Floats, points: Floats) -> Floats:
    """How far each candidate is from the nearest point, on the knob on which they differ most."""
    return np.asarray(np.abs(candidates[:, None, :] - points[None, :, :]).max(axis=2).min(axis=1))


def candidates_around(seen: Seen, leaders: Floats, generator: np.random.Generator) -> Floats:
    """Points all over the space, and around leading ones with a few knobs moved, each as it would run."""
    dimensions = leaders.shape[1]
    even = generator.random((CANDIDATES // 2, dimensions))
    around = leaders[generator.integers(len(leaders), size=CANDIDATES // 2)]
    width = generator.choice([0.02, 0.08, 0.25], size=(len(around), 1))
    moved = generator.random(around.shape) < max(0.5, 1.5 / dimensions)
    near = around + moved * width * generator.normal(size=around.shape)
    other = moved & (generator.random(around.shape) < OTHER) & (seen.kinds_of > 0)
    near = np.where(other, generator.random(around.shape), near)
    found = np.clip(np.vstack([even, near]), 0.0, 1.0)
    return found if seen.snap is None else seen.snap(found)
