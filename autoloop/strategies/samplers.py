"""Samplers: where in the space to look next, from the points seen so far.

A sampler is a pure function of what it is given: the same points and seed, the same proposals.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from autoloop.strategies.prior import Prior

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Whole = NDArray[np.int64]

FARTHER = (1, 4, 16)
"""Times as many points are asked for until enough of them lie where no jobs failed."""


@dataclass(frozen=True, slots=True)
class Early:
    """What trials had before their end, at steps where some were ended.

    Attributes:
        points: float64 (m, d), configs as points, one row for each trial and step.
        losses: float64 (m,), their objectives there, lower is better.
        shares: float64 (m,), the share of a training at which that was, above 0 and at most 1.
        ends: float64 (m,), what the same trial came to; NaN where it was ended early.
    """

    points: Floats
    losses: Floats
    shares: Floats
    ends: Floats


@dataclass(frozen=True, slots=True)
class Seen:
    """What a sampler may look at.

    Attributes:
        points: float64 (n, d), configs as points; 0 to 1 is the range, a rule may have led outside.
        losses: float64 (n,), their objectives, lower is better; NaN where there is none or the run diverged.
            Of several objectives the first.
        start: float64 (d,), the baseline.
        seed: Seed for what is drawn.
        avoid: Tells which of some points, float64 (m, d), lie where jobs failed: bool (m,); None where no
            part of the space is known for that.
        among: float64 (m, d), the only points that are left to choose; None where any place is one.
        kinds: How many choices each of the d knobs has, 0 for a number; empty where all are numbers.
        snap: Moves points, float64 (m, d), to where the configurations lie that they lead to; None where any
            place is one.
        several: float64 (n, k), each of several objectives, lower is better; None where there is one.
        excess: float64 (n, c), how far each constraint is broken, NaN where unknown; None without any.
        early: What trials had before their end; None where none was ended early. Trials that were ended early
            are only here, not among ``points``.
        prior: What earlier studies let expect; None where there are none.
        more: How many further trials a long study has that are not among ``points``.
    """

    points: Floats
    losses: Floats
    start: Floats
    seed: int
    avoid: Callable[[Floats], Bools] | None = None
    among: Floats | None = None
    kinds: Sequence[int] = ()
    snap: Callable[[Floats], Floats] | None = None
    several: Floats | None = None
    excess: Floats | None = None
    early: Early | None = None
    prior: Prior | None = None
    more: int = 0

    @property
    def told(self) -> int:
        """How many trials there are, shown or not: what is drawn or spread evenly goes on behind them."""
        return len(self.points) + self.more

    @property
    def kinds_of(self) -> Whole:
        """How many choices each knob has, 0 for a number: int64 (d,)."""
        return np.array(self.kinds or [0] * self.start.size, dtype=np.int64)


class Sampler(ABC):
    """Proposes points."""

    @abstractmethod
    def ask(self, seen: Seen, count: int) -> Floats:
        """Return float64 (count, d) points with coordinates from 0 to 1, the most wanted first."""


def ask_where_jobs_live(sampler: Sampler, seen: Seen, count: int) -> Floats:
    """Return points of a sampler that do not lie where jobs failed: float64 (at most count, d)."""
    points = np.empty((0, seen.start.size))
    if seen.among is not None:
        return _chosen_among(sampler, seen, seen.among, count)
    for times in FARTHER:
        points = sampler.ask(seen, times * count)
        if seen.avoid is None:
            return points
        points = points[~seen.avoid(points)]
        if len(points) >= count:
            break
    return points[:count]


def _chosen_among(sampler: Sampler, seen: Seen, among: Floats, count: int) -> Floats:
    """Return the points that are left nearest to those a sampler asks for, as many as there are."""
    if seen.avoid is not None and len(among):
        among = among[~seen.avoid(among)]
    count = min(count, len(among))
    if not count:
        return np.empty((0, seen.start.size))
    return nearest_of(among, sampler.ask(replace(seen, among=among), count), count)


def nearest_of(among: Floats, wanted: Floats, count: int) -> Floats:
    """Return the nearest point of some others for each wanted one, then the rest: float64 (count, d)."""
    free, chosen = list(range(len(among))), []
    for point in wanted[:count]:
        distances = ((among[free] - point) ** 2).sum(axis=1)
        chosen.append(free.pop(int(np.argmin(distances))))
    return among[[*chosen, *free][:count]]


class QuasiRandom(Sampler):
    """Points that fill the space evenly, none of them seen: an additive recurrence.

    The sequence is that of M. Roberts (The unreasonable effectiveness of quasirandom sequences, 2018):
    multiples of the powers of 1/phi_d, phi_d the root of ``x^(d+1) = x + 1``. It goes on where the points
    seen end, and starts at a place drawn with the seed.
    """

    def ask(self, seen: Seen, count: int) -> Floats:
        """Return the next points of the sequence."""
        return quasi_random(seen.told, count, seen.start.size, seen.seed)


def quasi_random(skip: int, count: int, dimensions: int, seed: int) -> Floats:
    """Return points ``skip`` to ``skip + count`` of the sequence: float64 (count, dimensions) in [0, 1)."""
    root = 2.0
    for _ in range(40):
        root = (1 + root) ** (1 / (dimensions + 1))
    steps = root ** -np.arange(1, dimensions + 1, dtype=np.float64)
    shift = np.random.default_rng(seed).random(dimensions)
    numbers = np.arange(skip + 1, skip + count + 1, dtype=np.float64)
    return np.asarray((shift + numbers[:, None] * steps) % 1.0)


class Random(Sampler):
    """Points drawn evenly at random."""

    def ask(self, seen: Seen, count: int) -> Floats:
        """Return points drawn with the seed and the number of points seen."""
        generator = np.random.default_rng([seen.seed, seen.told])
        return np.asarray(generator.random((count, seen.start.size)))


def usable(seen: Seen) -> tuple[Floats, Floats]:
    """Return the points with a finite loss and their losses."""
    keep = np.isfinite(seen.losses)
    return seen.points[keep], seen.losses[keep]


def normal_scores(losses: Sequence[float] | Floats) -> Floats:
    """Return losses as numbers of mean 0 and deviation 1; logarithms where all are above 0, bad ones cut off.

    What is far worse than the median says only that: beyond two and a half times the distance from the best
    to the median it is drawn in.
    """
    values = np.asarray(losses, dtype=np.float64)
    return standard_scores(np.log(values) if (values > 0).all() else values)


def standard_scores(values: Floats) -> Floats:
    """The same of losses that are on their scale already."""
    middle, best = float(np.median(values)), float(values.min())
    values = np.minimum(values, best + 2.5 * max(middle - best, 1e-12))
    spread = float(values.std())
    return (values - values.mean()) / spread if spread > 0 else np.zeros_like(values)
