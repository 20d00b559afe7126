"""Explosion: the gradients have left all measure."""

from __future__ import annotations

import math

import numpy as np

from autoloop.history.series import Series
from autoloop.rules import checks
from autoloop.rules.readings import first_of
from autoloop.stopping.base import Live, Steps, StopDecision, StopRule, first_present, runs_of


class Explosion(StopRule):
    """Ends a job whose last ``points`` gradient norms are all more than ``times`` its usual level.

    The usual level is the median of its first ``quiet`` logged values, so a run that starts high is compared
    with itself. Infinite values count as exploded, NaN does not (that is for `NotFinite`). Applies to every
    job, also to the best.

    Do not use it if the gradient is almost zero during warm-up. If the norm is logged after clipping, the
    rule never fires.

    Args:
        name: Name of the rule.
        metric: Canonical names of the gradient norm; the first that is logged is used.
        times: Multiple of the usual level, above 1.
        quiet: Number of values that define the usual level, at least 3.
        points: Number of values in a row beyond it, at least 1.
    """

    spares = False

    def __init__(
        self,
        *,
        name: str,
        metric: object = ("train/grad_norm", "grad_norm"),
        times: float = 100.0,
        quiet: int = 5,
        points: int = 3,
    ) -> None:
        self.name = checks.text(name, "name", name)
        self.metric = checks.texts(name, "metric", metric)
        self.times = checks.number(name, "times", times, 1.0, over=True)
        self.quiet = checks.whole(name, "quiet", quiet, 3)
        self.points = checks.whole(name, "points", points, 1)

    def condition(self) -> str:
        """How far the gradients must grow."""
        level = f"over {self.times:g} x the median of its first {self.quiet}"
        return f"the last {self.points} values of {first_of(self.metric)} are {level}"

    def judge(self, live: Live) -> StopDecision | None:
        """Compare the last values with the first ones."""
        metric = first_present(self.metric, live.history)
        if metric is None or not len(live.history[metric]) or not self._exploded(live.history[metric])[-1]:
            return None
        series = live.history[metric]
        step, value, usual = int(series.steps[-1]), float(series.values[-1]), self._usual(series)
        times = f"{self.times:g} times its first level {usual:.3g}"
        reason = f"{metric} is {value:.3g} at step {step}, over {times}"
        evidence = {"metric": metric, "step": step, "value": str(value), "usual": usual}
        return StopDecision(self.name, reason, step, evidence)

    def moments(self, live: Live) -> Steps:
        """Return the steps at which the norm has been beyond its level for long enough."""
        metric = first_present(self.metric, live.history)
        if metric is None:
            return np.empty(0, dtype=np.int64)
        steps: Steps = live.history[metric].steps[self._exploded(live.history[metric])]
        return steps

    def _usual(self, series: Series) -> float:
        return float(np.median(series.values[: self.quiet]))

    def _exploded(self, series: Series) -> np.ndarray:
        """Return for each place (n,) whether the last values up to it are beyond all measure."""
        usual = self._usual(series) if len(series) >= self.quiet else math.nan
        if not (math.isfinite(usual) and usual > 0):
            return np.zeros(len(series), dtype=bool)
        beyond = series.values > self.times * usual
        beyond[: self.quiet] = False
        return runs_of(beyond, self.points)
