"""Asking the stop rules about one running job, and which jobs are safe from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from autoloop.history.series import Series
from autoloop.stopping.base import Live, StopDecision, StopRule

Failed = Callable[[StopRule, Exception], None]
"""Called with a rule that raised; that rule lets the job run."""


def ignore_failure(rule: StopRule, error: Exception) -> None:
    """Ignore that a rule raised."""


def first_stop(
    rules: Sequence[StopRule],
    live: Live,
    safe: Callable[[int], bool] = lambda step: False,
    after: int = -1,
    failed: Failed = ignore_failure,
) -> StopDecision | None:
    """The first step at which a rule wants a job ended, whenever this is asked.

    The answer depends on the curves alone: asked about a longer curve it is the same.

    Args:
        rules: The stop rules; where two want the job ended at one step, the earlier has its way.
        live: The job as far as it has come.
        safe: Whether the job is safe at a step from rules that spare the best.
        after: Earlier steps are not looked at again.
        failed: See `Failed`.
    """
    found = [_first(rule, live, safe, after, failed) for rule in rules]
    return min((one for one in found if one is not None), key=lambda one: one.step, default=None)


def _first(
    rule: StopRule, live: Live, safe: Callable[[int], bool], after: int, failed: Failed
) -> StopDecision | None:
    """The first step at which one rule wants the job ended; none where it fails."""
    try:
        for step in map(int, rule.moments(live)):
            decision = rule.judge(live.until(step)) if step >= after else None
            if decision is None:
                continue
            if not isinstance(decision, StopDecision):
                raise TypeError(f"it returned {type(decision).__name__}, not a StopDecision")
            if not (rule.spares and safe(step)):
                return decision
    except Exception as error:  # noqa: BLE001 - a rule may be an outside author's; no job dies of its mistake
        failed(rule, error)
    return None


def protected(own: Series | None, others: Iterable[Series], top: int, maximize: bool) -> bool:
    """Whether a job is among the best ``top`` at its own latest step.

    Args:
        own: Its curve of the objective so far; without one it is not protected.
        others: Curves of the objective of the jobs it is compared with; each counts with its value at its
            last step not beyond the job's, those that have none there do not count. Where none counts, nobody
            can say that the job is among the best.
        top: How many are protected.
        maximize: Whether a larger objective is better.
    """
    if own is None or not len(own) or top < 1 or not math.isfinite(own.values[-1]):
        return False
    step, value = int(own.steps[-1]), float(own.values[-1])
    reached = [at for series in others if math.isfinite(at := series.at(step))]
    better = [other for other in reached if (other > value if maximize else other < value)]
    return bool(reached) and len(better) < top
