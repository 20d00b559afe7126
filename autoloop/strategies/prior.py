"""What earlier studies found, as a prior of the sampler's model.

Each earlier study is a Gaussian process over this study's space. Its results are scored within that study, so
that another baseline or another unit does not matter. Its prediction is the mean of this study's process;
where it knows the space, that process has less to explain, and learns what is left (as in the stacks of
Golovin et al., Google Vizier, 2017). The weight of an earlier study comes from how well it ranks the results
of this one, as in the ensembles of Feurer, Letham and Bakshy (2018, arXiv:1802.02219): one that misleads
counts for nothing. It also fades as results of this study come in.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from autoloop.errors import counted
from autoloop.rules.paths import matches
from autoloop.strategies.kernel_fit import Kernel, fitted, predicted, squares_of, usual_scales
from autoloop.strategies.remembered import EarlierTrial
from autoloop.strategies.samplers import Floats, Seen, Whole, normal_scores
from autoloop.strategies.space import Knob

BELIEVED = 0.9
"""Correlation with this study that an earlier one is given before this one has results to compare."""

WORTH = 3
"""So many independent comparisons of results that belief counts for."""

LEAST_WEIGHT = 0.2
"""Below it an earlier study counts for nothing."""

FADES = 24
"""So many results of this study halve the weight of the earlier ones."""

ALIKE = 2.0
"""Results that are worth as much as the belief that scores of both studies have one scale."""

OVERLAP = 0.5
"""An earlier trial may lie so far beyond the range of a knob, in parts of it."""

LEAST_TRIALS = 3
"""An earlier study with fewer trials in this space tells the model nothing."""

MOST_TRIALS = 100
MOST_STUDIES = 8
LEADERS = 3  # points of an earlier study around which candidates lie thickly
TINY = 1e-9


@dataclass(frozen=True, slots=True)
class EarlierModel:
    """One earlier study, as a Gaussian process over this study's space.

    Attributes:
        name: Name of the study.
        points: float64 (n, d), its trials.
        scores: float64 (n,), their results, scored within it; lower is better.
        kernel: The kernel fitted to them.
        weight: How much it counts, 0 to 1.
        agreed: How far this study's results have the order that it predicts; see `agreement`.
    """

    name: str
    points: Floats
    scores: Floats
    kernel: Kernel
    weight: float
    agreed: float

    @property
    def description(self) -> str:
        """What it counts for and why, as a clause."""
        proof = "no results here to compare with yet"
        if math.isfinite(self.agreed):
            proof = f"rank agreement {self.agreed:.2f} with the results here"
        if not self.weight:
            return f"nothing from {self.name} ({proof})"
        return f"{counted(len(self.points), 'trial')} of {self.name} (weight {self.weight:.2f}: {proof})"


@dataclass(frozen=True, slots=True)
class Prior:
    """What all earlier studies together let expect.

    Attributes:
        models: The studies.
        kinds: See `autoloop.strategies.kernel_fit.squares_of`.
    """

    models: tuple[EarlierModel, ...]
    kinds: Whole

    @property
    def counts(self) -> bool:
        """Whether any study counts."""
        return any(one.weight for one in self.models)

    @property
    def description(self) -> str:
        """What counts for how much and why, as a clause."""
        return "; ".join(one.description for one in self.models)

    @property
    def leaders(self) -> Floats:
        """The best points of the studies that count: float64 (n, d)."""
        best = [
            one.points[np.argsort(one.scores, kind="stable")[:LEADERS]] for one in self.models if one.weight
        ]
        return np.clip(np.vstack(best), 0.0, 1.0)

    @property
    def scales(self) -> Floats:
        """Logarithms of the length scales that the studies suggest, as far as they count: float64 (d,)."""
        usual = usual_scales(len(self.kinds))
        weights = np.array([one.weight for one in self.models])
        theirs = np.array([np.log(one.kernel.scales) for one in self.models])
        return np.asarray(usual + weights @ (theirs - usual) / max(1.0, float(weights.sum())))

    def expected(self, points: Floats) -> tuple[Floats, Floats]:
        """Mean of the scores at some points, and what part of their variance this study is left to explain.

        Args:
            points: float64 (m, d); further columns are left aside.

        Returns:
            float64 (m,) each; 0 and 1 where no study that counts knows anything.
        """
        points = points[:, : len(self.kinds)]
        total, mean, explained = np.full(len(points), TINY), np.zeros(len(points)), np.zeros(len(points))
        for one in (one for one in self.models if one.weight):
            expected, deviation = predicted(one.kernel, one.points, one.scores, points, self.kinds)
            known = 1 - np.minimum(deviation, 1.0) ** 2  # far from its trials a study knows nothing
            total += one.weight * known
            mean += one.weight * known * expected
            explained += one.weight * known * one.weight**2 * known
        return mean / total, 1 - explained / total


class Expected:
    """What is expected before a process has seen its results: nothing, so that all is left to it."""

    def at(self, points: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the score at some points, float64 (m,) each."""
        return np.zeros(len(points)), np.ones(len(points))

    def rest(self, points: Floats, scores: Floats) -> Floats:
        """What is left of scores to explain, with a standard deviation of 1 where the expectation holds."""
        mean, width = self.at(points)
        return np.asarray((scores - mean) / width)


@dataclass(frozen=True, slots=True)
class Aligned(Expected):
    """What earlier studies let expect, on the scale of this study's scores.

    Attributes:
        prior: The earlier studies.
        offset: Added to their scores.
        factor: Times their scores.
    """

    prior: Prior
    offset: float
    factor: float

    @classmethod
    def to(cls, prior: Prior, points: Floats, scores: Floats) -> Aligned:
        """Fit the scale by least squares; `ALIKE` results speak for a factor of 1."""
        expected, _ = prior.expected(points)
        theirs, ours = expected - expected.mean(), scores - scores.mean()
        factor = max(0.0, float(theirs @ ours) + ALIKE) / (float(theirs @ theirs) + ALIKE)
        return cls(prior, float(scores.mean() - factor * expected.mean()), factor)

    def at(self, points: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the score at some points, float64 (m,) each."""
        expected, left = self.prior.expected(points)
        return self.offset + self.factor * expected, np.sqrt(left)


def prior_of(earlier: Sequence[EarlierTrial], knobs: Sequence[Knob], seen: Seen) -> Prior | None:
    """What earlier studies let expect of a space.

    Args:
        earlier: Their trials.
        knobs: The space of this study.
        seen: What this study has found.

    Returns:
        None where no earlier study has enough trials in this space.
    """
    by_study: dict[str, list[EarlierTrial]] = {}
    for trial in earlier:
        by_study.setdefault(trial.study, []).append(trial)
    fitting = {name: list(_in_space(trials, knobs)) for name, trials in by_study.items()}
    usable = [name for name, found in fitting.items() if _enough([trial for trial, _ in found])]
    usable.sort(key=lambda name: -len(fitting[name]))
    models = tuple(_model(name, fitting[name], seen) for name in usable[:MOST_STUDIES])
    return Prior(models, seen.kinds_of) if models else None


def _enough(trials: Sequence[EarlierTrial]) -> bool:
    """Whether a study has trials enough with a result, and not all the same."""
    known = {trial.loss for trial in trials if np.isfinite(trial.loss)}
    return len(trials) >= LEAST_TRIALS and len(known) > 1


def _in_space(trials: Sequence[EarlierTrial], knobs: Sequence[Knob]) -> Iterator[tuple[EarlierTrial, Floats]]:
    """Yield the latest trials that changed only knobs of this space, not far beyond it, with their places."""
    for trial in trials[-MOST_TRIALS:]:
        turned = {place for knob in knobs for place, _ in matches(trial.config, knob.path)}
        point = np.array([knob.unit(trial.config) for knob in knobs])
        if turned and turned.issuperset(trial.values) and (abs(point - 0.5) <= 0.5 + OVERLAP).all():
            yield trial, point


def _model(name: str, trials: Sequence[tuple[EarlierTrial, Floats]], seen: Seen) -> EarlierModel:
    """A study as a process, and what it counts for."""
    points, scores = (
        np.array([point for _, point in trials]),
        scored(np.array([one.loss for one, _ in trials])),
    )
    kernel = fitted(squares_of(points, points, seen.kinds_of), scores)
    if not len(seen.points):
        return EarlierModel(name, points, scores, kernel, BELIEVED, math.nan)
    expected, _ = predicted(kernel, points, scores, seen.points, seen.kinds_of)
    agreed = agreement(expected, scored(seen.losses))
    return EarlierModel(name, points, scores, kernel, weight_of(agreed, len(seen.points)), agreed)


def scored(losses: Floats) -> Floats:
    """Losses as `normal_scores` has them; those of runs that diverged are as bad as the worst."""
    known = np.isfinite(losses)
    scores = np.zeros(len(losses))
    if known.any():
        scores[known] = normal_scores(losses[known])
        scores[~known] = scores[known].max()
    return scores


def agreement(expected: Floats, scores: Floats) -> float:
    """How far results have the expected order: 1 the same, -1 the reverse; NaN where nothing has an order.

    Kendall's rank correlation, each pair counting by how far its two results lie apart: of pairs that differ
    by less than the noise nobody can predict the order.
    """
    first, second = np.triu_indices(len(scores), 1)
    apart = scores[first] - scores[second]
    whole = float(np.abs(apart).sum())
    return float((apart * np.sign(expected[first] - expected[second])).sum() / whole) if whole else math.nan


def weight_of(agreed: float, results: int) -> float:
    """What an earlier study counts for: its agreement, beside what is believed at first; it fades (`FADES`).

    Args:
        agreed: See `agreement`; as many comparisons as there are results but one are independent.
        results: Results of this study.
    """
    seen = max(0, results - 1) if math.isfinite(agreed) else 0
    belief = (BELIEVED * WORTH + (agreed * seen if seen else 0.0)) / (WORTH + seen)
    weight = belief * FADES / (FADES + max(0, results - 1))
    return weight if weight >= LEAST_WEIGHT else 0.0
