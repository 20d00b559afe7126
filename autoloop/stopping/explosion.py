"""Explosion: the gradients have left all measure."""

from __future__ import annotations

import numpy as np

from autoloop.rules import checks
from autoloop.rules.readings import first_of
from autoloop.stopping.base import Live, StopDecision, StopRule


class Explosion(StopRule):
    """Ends a job whose last ``points`` gradient norms are all ``times`` its usual level.

    The usual level is the median of its first ``quiet`` logged values, so a run that starts high is measured
    by itself. Infinite values count as exploded, NaN does not (that is `NotFinite`'s). Spares no job.

    Args:
        name: Name of the rule.
        metric: Canonical names of the gradient norm, the first that is logged counts.
        times: How many times the usual level, above 1.
        quiet: Values that make the usual level, at least 3.
        points: Values in a row beyond it, at least 1.
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
        metric = next((metric for metric in self.metric if metric in live.history), None)
        if metric is None:
            return None
        values = live.history[metric].values
        if len(values) < self.quiet + self.points:
            return None
        usual = float(np.median(values[: self.quiet]))
        last = values[-self.points :]
        if not (np.isfinite(usual) and usual > 0 and (last > self.times * usual).all()):
            return None
        step, value = int(live.history[metric].steps[-1]), float(last[-1])
        reason = (
            f"{metric} is {value:.3g} at step {step}, over {self.times:g} times its first level {usual:.3g}"
        )
        return StopDecision(
            self.name, reason, {"metric": metric, "step": step, "value": str(value), "usual": usual}
        )
