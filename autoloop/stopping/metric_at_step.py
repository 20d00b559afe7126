"""MetricAtStep: by a certain step a metric must have left, or kept, a range."""

from __future__ import annotations

import math

import numpy as np

from autoloop.errors import ConfigError
from autoloop.history.series import Series
from autoloop.rules import checks
from autoloop.stopping.base import Live, Steps, StopDecision, StopRule, runs_of


class MetricAtStep(StopRule):
    """Ends a job whose metric is below ``below``, or above ``above``, from ``step`` on.

    Considers the last ``points`` values logged at ``step`` or later; all of them must be beyond the limit.
    Values that are not finite are never beyond it. Jobs that do not log the metric continue.

    An example is the users' own rule: at step 300 or later, ``train/ot_pi_sum`` below 1e-6. The transport
    plan has no mass, and further training does not bring it back.

    Do not use it if the metric moves late: by ``step`` every healthy run must have left the range.

    Args:
        name: Name of the rule.
        metric: Canonical name of the metric.
        step: First step that counts, at least 0.
        below: Ends the job below this value; null for no lower limit.
        above: Ends the job above this value; null for no upper limit.
        points: Number of values that must be beyond the limit, at least 1.
    """

    def __init__(
        self,
        *,
        name: str,
        metric: str,
        step: int,
        below: float | None = None,
        above: float | None = None,
        points: int = 2,
    ) -> None:
        self.name = checks.text(name, "name", name)
        self.metric = checks.text(name, "metric", metric)
        self.step = checks.whole(name, "step", step, 0)
        self.below = checks.maybe_number(name, "below", below)
        self.above = checks.maybe_number(name, "above", above)
        self.points = checks.whole(name, "points", points, 1)
        if (self.below is None) == (self.above is None):
            raise ConfigError(f"{name!r}: give one of below and above")

    def condition(self) -> str:
        """Which side of which limit, and from when on."""
        return f"the last {self.points} values of {self.metric} at step {self.step} or later are {self._side}"

    def judge(self, live: Live) -> StopDecision | None:
        """Look at the last values from ``step`` on."""
        series = live.history.get(self.metric)
        if series is None or not len(series) or not self._beyond(series)[-1]:
            return None
        step, value = int(series.steps[-1]), float(series.values[-1])
        evidence = {"metric": self.metric, "step": step, "value": value, "from_step": self.step}
        reason = f"{self.metric} is {value:.3g} at step {step}, {self._side}"
        return StopDecision(self.name, reason, step, evidence)

    @property
    def _side(self) -> str:
        return f"below {self.below:g}" if self.below is not None else f"above {self.above:g}"

    def moments(self, live: Live) -> Steps:
        """Return the steps at which the metric has been beyond its limit for long enough."""
        series = live.history.get(self.metric)
        return np.empty(0, dtype=np.int64) if series is None else series.steps[self._beyond(series)]

    def _beyond(self, series: Series) -> np.ndarray:
        """Return for each place (n,) whether the last values up to it are all beyond the limit."""
        low = -math.inf if self.below is None else self.below
        high = math.inf if self.above is None else self.above
        values = series.values
        bad = np.isfinite(values) & ((values < low) | (values > high)) & (series.steps >= self.step)
        return runs_of(bad, self.points)
