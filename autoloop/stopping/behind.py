"""Behind: at the same step another trial was clearly further, and the gap does not close."""

from __future__ import annotations

import math

import numpy as np

from autoloop.curves.series import jitter
from autoloop.history.series import History, Series
from autoloop.rules import checks
from autoloop.stopping.base import Live, Steps, StopDecision, StopRule, runs_of
from autoloop.study.compare import Scale

REFERENCES = ("parent", "best")

CLOSING = 2 / 3  # a gap that shrank to this share of what it was closes


class Behind(StopRule):
    """Ends a job whose objective was worse than the reference's at the same step, ``points`` times in a row.

    The reference is the trial's ``parent`` (same seed: most of the luck of both runs is the same and cancels
    out) or the ``best`` trial; either of them only if it had completed when the job was planned. A point
    counts as worse if it is behind by more than ``by_pct`` percent of the reference, and by more than
    ``margins`` times the noise: the study's floor for pairs, and the scatter of the difference between two
    points of curves that jump from one evaluation to the next as the reference does. If the reference is 0,
    or its curve has both signs, the percentage refers to its typical size (`autoloop.study.compare`). Only
    steps after the share ``after`` of the reference's length are considered, because curves cross early. A
    job that catches up continues: one whose gap, in percent, has shrunk by a third or more over those points.

    Do not use it if curves cross late: learning rates that decay at different times, runs of different
    lengths, strong regularisation, an objective with one or two evaluations.

    Args:
        name: Name of the rule.
        against: ``parent`` or ``best``.
        by_pct: How far behind, in percent of the reference's value at that step, above 0.
        margins: How far behind as a multiple of the noise, at least 0.
        after: Share of the reference's steps that every job may run (0 to 1).
        points: Evaluations in a row, at least 1.
    """

    def __init__(
        self,
        *,
        name: str,
        against: str = "parent",
        by_pct: float = 10.0,
        margins: float = 2.0,
        after: float = 0.3,
        points: int = 2,
    ) -> None:
        self.name = checks.text(name, "name", name)
        self.against = checks.choice(name, "against", against, REFERENCES)
        self.by_pct = checks.number(name, "by_pct", by_pct, 0.0, over=True)
        self.margins = checks.number(name, "margins", margins, 0.0)
        self.after = checks.number(name, "after", after, 0.0, 1.0)
        self.points = checks.whole(name, "points", points, 1)

    def condition(self) -> str:
        """How far behind whom, and from when on."""
        who = "its parent" if self.against == "parent" else "the best trial"
        gap = f"{self.by_pct:g} % (or {self.margins:g} noise floors)"
        often = f"{self.points} times in a row from {self.after:.0%} of its steps on"
        return f"the objective is {gap} behind {who} at the same step, {often}, and does not catch up"

    def judge(self, live: Live) -> StopDecision | None:
        """Compare the curves of the objective at the steps that both have."""
        steps, gaps = self._compared(live)
        if not len(gaps) or not self._lost(live, steps, gaps)[-1]:
            return None
        step, gap = int(steps[-1]), float(gaps[-1])
        who = "its parent" if self.against == "parent" else "the best trial"
        other = self._reference(live)[live.objective]
        scale, reached = Scale.of(other.values), other.at(step)
        behind = scale.amount(gap, reached)
        reason = f"{live.objective} is {behind} behind {who} at step {step}"
        evidence = {"metric": live.objective, "step": step, "against": self.against}
        evidence |= {"behind_pct": gap, "needed_pct": float(self._needed(live, steps[-1:])[0])}
        evidence |= {} if scale.is_percent(reached) else {"behind": behind}
        return StopDecision(self.name, reason, step, evidence)

    def moments(self, live: Live) -> Steps:
        """Return the steps at which the job has been behind for long enough."""
        steps, gaps = self._compared(live)
        lost: Steps = steps[self._lost(live, steps, gaps)]
        return lost

    def _needed(self, live: Live, steps: Steps) -> np.ndarray:
        """Return how far behind is too far at each of these steps (n,), in percent."""
        other = self._reference(live)[live.objective]
        scatter = 100 * math.sqrt(2) * jitter(self._late(other)) / _units(other, steps)
        return np.maximum(max(self.by_pct, self.margins * live.margin_pct), self.margins * scatter)

    def _late(self, other: Series) -> Series:
        late = other.steps >= self.after * int(other.steps[-1])
        return Series(other.steps[late], other.values[late])

    def _compared(self, live: Live) -> tuple[Steps, np.ndarray]:
        """Return the late steps that both have, and how far the job is behind there in percent."""
        own = live.history.get(live.objective)
        other = self._reference(live).get(live.objective)
        if own is None or other is None or not len(other):
            return np.empty(0, dtype=np.int64), np.empty(0)
        steps, gaps = _gaps(own, other, live.maximize)
        late = steps >= self.after * int(other.steps[-1])
        return steps[late], gaps[late]

    def _reference(self, live: Live) -> History:
        return live.parent if self.against == "parent" else live.best

    def _lost(self, live: Live, steps: Steps, gaps: np.ndarray) -> np.ndarray:
        """Return for each place (n,) whether the last gaps up to it are too large and do not close."""
        if not len(gaps):
            return np.empty(0, dtype=np.bool_)
        far = runs_of(gaps > self._needed(live, steps), self.points)
        first = np.concatenate([np.full(self.points - 1, np.inf), gaps])[: len(gaps)]
        return far & (gaps > first * CLOSING)


def _gaps(own: Series, other: Series, maximize: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps at which both are finite, and how far ``own`` is behind there in percent."""
    steps, first, second = np.intersect1d(own.steps, other.steps, assume_unique=True, return_indices=True)
    mine, theirs = own.values[first], other.values[second]
    usable = np.isfinite(mine) & np.isfinite(theirs)
    steps, mine, theirs = steps[usable], mine[usable], theirs[usable]
    sign = -1 if maximize else 1
    return steps, sign * 100 * (mine - theirs) / _units(other, steps)


def _units(other: Series, steps: Steps) -> np.ndarray:
    """Return what a hundred percent of a gap to a curve are at each of these steps of it (n,), above 0."""
    return Scale.of(other.values).units(other.values[np.searchsorted(other.steps, steps)])
