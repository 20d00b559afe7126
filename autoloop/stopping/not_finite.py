"""NotFinite: a loss is NaN or infinite and will not come back."""

from __future__ import annotations

from fnmatch import fnmatchcase

import numpy as np

from autoloop.rules import checks
from autoloop.rules.readings import first_of
from autoloop.stopping.base import Live, StopDecision, StopRule


class NotFinite(StopRule):
    """Ends a job where the last ``points`` values of a watched metric are NaN or infinite.

    A single such value may come from a skipped step of mixed precision, so two in a row are asked for. Spares
    no job.

    Args:
        name: Name of the rule.
        metrics: Names or globs of the metrics to watch.
        points: Values in a row, at least 1.
    """

    spares = False

    def __init__(self, *, name: str, metrics: object = ("loss", "*/loss", "*_loss"), points: int = 2) -> None:
        self.name = checks.text(name, "name", name)
        self.metrics = checks.texts(name, "metrics", metrics)
        self.points = checks.whole(name, "points", points, 1)

    def condition(self) -> str:
        """Which metrics are watched."""
        return f"the last {self.points} values of {first_of(self.metrics)} are NaN or infinite"

    def judge(self, live: Live) -> StopDecision | None:
        """Look at the last values of each watched metric."""
        for metric, series in live.history.items():
            if not any(fnmatchcase(metric, pattern) for pattern in self.metrics):
                continue
            last = series.values[-self.points :]
            if len(last) == self.points and not np.isfinite(last).any():
                step = int(series.steps[-1])
                reason = f"{metric} is not finite at step {step}"
                return StopDecision(
                    self.name, reason, {"metric": metric, "step": step, "value": str(last[-1])}
                )
        return None
