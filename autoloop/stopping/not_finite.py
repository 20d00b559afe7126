"""NotFinite: a loss is NaN or infinite and will not come back."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

import numpy as np

from autoloop.history.series import History, Series
from autoloop.rules import checks
from autoloop.rules.readings import first_of
from autoloop.stopping.base import Live, Steps, StopDecision, StopRule, runs_of


class NotFinite(StopRule):
    """Ends a job if the last ``points`` values of a watched metric are NaN or infinite.

    A single such value may come from a skipped step of mixed precision, so two in a row are required. A loss
    that a trainer logs as 0 because it is NaN counts as NaN (`autoloop.curves.divergence`). Gradient norms
    are not watched, because mixed precision produces several infinite ones in a row while it adjusts its
    scale. Applies to every job, also to the best.

    Do not use it for a metric that is NaN by design, such as a mean over a set that may be empty.

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
        for metric, series in self._watched(live.history):
            if len(series) and self._bad(series)[-1]:
                step, value = int(series.steps[-1]), str(series.values[-1])
                evidence = {"metric": metric, "step": step, "value": value}
                return StopDecision(self.name, f"{metric} is not finite at step {step}", step, evidence)
        return None

    def moments(self, live: Live) -> Steps:
        """Return the steps at which a watched metric has been bad for long enough."""
        found = [series.steps[self._bad(series)] for _, series in self._watched(live.history)]
        return np.unique(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)

    def _watched(self, history: History) -> Iterator[tuple[str, Series]]:
        for metric, series in history.items():
            if any(fnmatchcase(metric, pattern) for pattern in self.metrics):
                yield metric, series

    def _bad(self, series: Series) -> np.ndarray:
        return runs_of(~np.isfinite(series.values), self.points)
