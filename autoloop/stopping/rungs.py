"""Rungs: of all that came as far, only the best go on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from autoloop.errors import ConfigError
from autoloop.rules import checks
from autoloop.stopping.base import Live, Steps, StopDecision, StopRule

ROUNDING = 1e-9  # a share of the steps is no exact number


class Rungs(StopRule):
    """Ends a job that is, at a rung, not among the best ``keep`` of all trials that got as far.

    A rung is the first evaluation at or after a given share of the best trial's steps. The job's objective is
    compared with that of every trial that had ended when the job was planned and that had reached this step,
    including those that were stopped there or later. Nothing is decided while there are fewer than ``least``
    such trials. The rule compares ranks, not percentages, so it works on any scale, and on flat objectives as
    well as on steep ones.

    This is asynchronous successive halving (Li et al., A system for massively parallel hyperparameter tuning,
    2020), adapted to a study that compares a job only with what was known when it was planned: a job
    continues without a pause, and a stopped job is never continued.

    Do not use it if curves cross late (learning rates that decay, strong regularisation, warm-up longer than
    the first rung) or if runs differ in length. With an objective of one or two evaluations it never ends a
    job.

    Args:
        name: Name of the rule.
        at: Shares of the steps (above 0, below 1), ascending.
        keep: Share of the trials that continue at each rung (above 0, at most 1), rounded down; at least one.
        least: Number of other trials that must have got as far, at least 1.
        points: Number of evaluations that every job may have, at least 2.
    """

    def __init__(
        self,
        *,
        name: str,
        at: object = (0.2, 0.5),
        keep: float = 0.334,
        least: int = 3,
        points: int = 2,
    ) -> None:
        self.name = checks.text(name, "name", name)
        self.at = _shares(name, at)
        self.keep = checks.number(name, "keep", keep, 0.0, 1.0, over=True)
        self.least = checks.whole(name, "least", least, 1)
        self.points = checks.whole(name, "points", points, 2)

    def condition(self) -> str:
        """Where it is asked, and who goes on."""
        at = ", ".join(f"{share:.0%}" for share in self.at)
        among = f"the best {self.keep:.0%} of {self.least} or more others and itself"
        return f"the objective at {at} of the steps, after {self.points} evaluations, is not among {among}"

    def judge(self, live: Live) -> StopDecision | None:
        """Find the job's place among those that came as far."""
        own = live.history.get(live.objective)
        if own is None or not len(own) or int(own.steps[-1]) not in self.moments(live):
            return None
        step, value, sign = int(own.steps[-1]), float(own.values[-1]), -1 if live.maximize else 1
        others = list(_values(live, step))
        place = 1 + sum(sign * other < sign * value for other in others)
        kept = max(1, math.floor(self.keep * (1 + len(others)) + ROUNDING))
        if not math.isfinite(value) or len(others) < self.least or place <= kept:
            return None
        reason = f"{live.objective} is number {place} of {1 + len(others)} at step {step}; {kept} go on"
        evidence = {"metric": live.objective, "step": step, "value": value, "place": place}
        return StopDecision(self.name, reason, step, evidence | {"of": 1 + len(others), "kept": kept})

    def moments(self, live: Live) -> Steps:
        """Return the steps of the rungs that the job has come to."""
        own, best = live.history.get(live.objective), live.best.get(live.objective)
        if own is None or best is None or not len(best):
            return np.empty(0, dtype=np.int64)
        end = int(best.steps[-1])
        wanted = np.searchsorted(own.steps, np.multiply(self.at, end) - ROUNDING * end)
        reached = np.maximum(wanted, self.points - 1)
        steps: Steps = own.steps[np.unique(reached[reached < len(own)])]
        return steps[steps < end]


def _values(live: Live, step: int) -> Iterator[float]:
    """Yield the objective of each trial that came to a step, at its last evaluation until then."""
    for series in live.ended:
        if len(series) and series.steps[-1] >= step and math.isfinite(value := series.at(step)):
            yield value


def _shares(name: str, value: object) -> tuple[float, ...]:
    given = value if isinstance(value, Sequence) else [value]
    shares = tuple(checks.number(name, "at", one, 0.0, 1.0, over=True) for one in given)
    if not shares or shares[-1] >= 1 or any(a >= b for a, b in pairwise(shares)):
        raise ConfigError(f"{name!r}: at={value!r} cannot be used; write ascending shares below 1")
    return shares
