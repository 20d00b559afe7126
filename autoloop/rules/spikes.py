"""Spikes: a metric jumps out of its own neighbourhood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoloop.errors import counted
from autoloop.rules import checks
from autoloop.rules.base import Decision, Outlook
from autoloop.rules.editing import EditingRule
from autoloop.rules.readings import find_curve, first_of
from autoloop.study.trials import Trial

REACH = 5  # points on either side that make a point's neighbourhood


class Spikes(EditingRule):
    """Single points of a metric (gradient norm, loss) jump far above their neighbours.

    A point is a spike if it is more than ``times`` the (positive) median of the up to eleven points around
    it. Fires when there are at least ``at_least`` spikes. The comparison is with the run's own curve, so a
    gradient norm that is large throughout does not count. The first tenth of the points, the warm-up, is
    ignored. In a real run the gradient norm scatters by 14 % from one logged point to the next, so three
    times as much is not scatter. Stays silent on a metric that was not logged, that has fewer than
    ``min_points`` finite values or more than a tenth that are not finite, on a run whose loss ended
    non-finite, and on a job that failed.

    Args:
        name: Name of the rule.
        metric: The metric, or a list of which the first one logged is used; its values are positive.
        edits: Edits of the child.
        times: A spike exceeds the median of its neighbourhood by this factor, above 1.
        at_least: Number of spikes that fires the rule.
        min_points: Smallest number of points.
        expects: What is expected of the child.
    """

    def __init__(
        self,
        *,
        name: str,
        metric: str | Sequence[str],
        edits: Sequence[str],
        times: float = 3.0,
        at_least: int = 2,
        min_points: int = 12,
        expects: str = "",
    ) -> None:
        super().__init__(name=name, edits=edits, expects=expects)
        self.metrics = checks.texts(name, "metric", metric)
        self.times = checks.number(name, "times", times, 1.0, over=True)
        self.at_least = checks.whole(name, "at_least", at_least, 1)
        self.min_points = checks.whole(name, "min_points", min_points, 3)

    def foresee(self, config: Mapping[str, Any]) -> Outlook:
        """Say what a spike is."""
        spikes = f"{self.at_least} or more points over {self.times:g} x the median of the {2 * REACH + 1}"
        return Outlook(
            f"{first_of(self.metrics)} has {spikes} around them, after the first tenth of the run "
            f"({self.min_points} points or more)",
            self.foreseen(config),
        )

    def decide(self, trial: Trial, trials: Mapping[str, Trial]) -> Decision:
        """Count the spikes."""
        curve = find_curve(trial, self.metrics, self.min_points)
        if curve.problem:
            return self.abstain(trial, curve.problem)
        values = curve.series.values
        around = _neighbourhood(values)
        spikes = np.flatnonzero((around > 0) & (values > self.times * around))
        spikes = spikes[spikes >= len(values) // 10]
        steps = [int(step) for step in curve.series.steps[[0, -1]]]
        evidence = {
            "metric": curve.metric,
            "steps": steps,
            "spikes_at": [int(step) for step in curve.series.steps[spikes]],
            "times": self.times,
            "at_least": self.at_least,
        }
        seen = counted(len(spikes), "spike")
        found = f"{curve.metric} has {seen} of over {self.times:g} x their neighbourhood"
        if len(spikes) < self.at_least:
            return self.abstain(trial, f"{found}, fewer than {self.at_least}", evidence)
        return self.proposal(trial, trials, found, evidence)


def _neighbourhood(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median of the points around each point (n,), itself included."""
    windows = [values[max(0, i - REACH) : i + REACH + 1] for i in range(len(values))]
    return np.asarray([float(np.median(window)) for window in windows])
