"""MetricLevel: a metric is too low, too high, or within a band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autoloop.errors import ConfigError
from autoloop.rules import checks
from autoloop.rules.base import Decision, Outlook
from autoloop.rules.changes import LEVEL_WORDS, LEVELS, level
from autoloop.rules.editing import EditingRule
from autoloop.rules.readings import find_curve, first_of
from autoloop.study.trials import Trial


class MetricLevel(EditingRule):
    """The level of a metric is below or above a threshold, or between two.

    Fires when ``above < level < below``; a threshold that is not set does not limit.

    The level of a curve with values ``v_1 .. v_n``: ``last`` is ``v_n`` (as in the users' scripts: a single
    value with its noise), ``tail`` the median of the last quarter of the points (at least one), ``max`` the
    largest value. Stays silent on a metric that was not logged, that has fewer than ``min_points`` finite
    values or more than a tenth that are not finite, on a run whose loss ended non-finite, and on a job that
    failed.

    Args:
        name: Name of the rule.
        metric: The metric, or a list of which the first one logged is used.
        edits: Edits of the child.
        below: Fires below this level, in the metric's unit.
        above: Fires above this level, in the metric's unit.
        stat: ``last``, ``tail`` or ``max``.
        min_points: Smallest number of points.
        expects: What is expected of the child.
    """

    def __init__(
        self,
        *,
        name: str,
        metric: str | Sequence[str],
        edits: Sequence[str],
        below: float | None = None,
        above: float | None = None,
        stat: str = "tail",
        min_points: int = 1,
        expects: str = "",
    ) -> None:
        super().__init__(name=name, edits=edits, expects=expects)
        self.metrics = checks.texts(name, "metric", metric)
        self.below = checks.maybe_number(name, "below", below)
        self.above = checks.maybe_number(name, "above", above)
        self.stat = checks.choice(name, "stat", stat, LEVELS)
        self.min_points = checks.whole(name, "min_points", min_points, 1)
        if self.below is None and self.above is None:
            raise ConfigError(f"rule {name!r}: below or above must be given")
        if self.below is not None and self.above is not None and self.above >= self.below:
            raise ConfigError(
                f"rule {name!r}: above={self.above:g} must be smaller than below={self.below:g}; "
                f"the rule fires between the two"
            )

    def foresee(self, config: Mapping[str, Any]) -> Outlook:
        """Say which level it waits for."""
        points = f", {self.min_points} points or more" if self.min_points > 1 else ""
        found = f"{first_of(self.metrics)} ({LEVEL_WORDS[self.stat]}{points})"
        return Outlook(f"{found} is {self._range}", self.foreseen(config))

    def decide(self, trial: Trial, trials: Mapping[str, Trial]) -> Decision:
        """Compare the level with the thresholds."""
        curve = find_curve(trial, self.metrics, self.min_points)
        if curve.problem:
            return self.abstain(trial, curve.problem)
        value = level(curve.series, self.stat)
        evidence = {"metric": curve.metric, "stat": self.stat, "value": value, "points": len(curve.series)}
        evidence.update(self._bounds)
        found = f"{curve.metric} ({self.stat}) is {value:.4g}"
        if self.below is not None and value >= self.below:
            return self.abstain(trial, f"{found}, not below {self.below:g}", evidence)
        if self.above is not None and value <= self.above:
            return self.abstain(trial, f"{found}, not above {self.above:g}", evidence)
        return self.proposal(trial, trials, f"{found}, {self._range}", evidence)

    @property
    def _bounds(self) -> dict[str, float]:
        bounds = {"above": self.above, "below": self.below}
        return {key: bound for key, bound in bounds.items() if bound is not None}

    @property
    def _range(self) -> str:
        """The thresholds in words."""
        return " and ".join(f"{key} {bound:g}" for key, bound in self._bounds.items())
