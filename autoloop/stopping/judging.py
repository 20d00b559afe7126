"""Asking the stop rules about one running job, and which jobs are safe from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from autoloop.history.series import Series
from autoloop.stopping.base import Live, StopDecision, StopRule


def judge_live(
    rules: Sequence[StopRule],
    live: Live,
    spared: bool = False,
    failed: Callable[[StopRule, Exception], None] = lambda rule, error: None,
) -> StopDecision | None:
    """Ask every rule about a running job, in order; the first that wants it ended has its way.

    Args:
        rules: The stop rules.
        live: The job.
        spared: Whether only rules that spare no job are asked: for baselines, repeats and protected jobs.
        failed: Told of a rule that raised; that rule lets the job run.
    """
    for rule in rules:
        decision = None if spared and rule.spares else _ask(rule, live, failed)
        if decision is not None:
            return decision
    return None


def _ask(rule: StopRule, live: Live, failed: Callable[[StopRule, Exception], None]) -> StopDecision | None:
    """The rule's word; none where it fails."""
    try:
        decision = rule.judge(live)
        if decision is not None and not isinstance(decision, StopDecision):
            raise TypeError(f"it returned {type(decision).__name__}, not a StopDecision")
    except Exception as error:  # noqa: BLE001 - a rule may be an outside author's; no job dies of its mistake
        failed(rule, error)
        return None
    return decision


def protected(own: Series | None, others: Iterable[Series], top: int, maximize: bool) -> bool:
    """Whether a running job is among the best ``top`` at its own latest step.

    Args:
        own: Its curve of the objective; without one it is not protected.
        others: Curves of the objective of all other jobs, finished and running; each counts with its value at
            its last step not beyond the job's, those that have none there do not count.
        top: How many are protected.
        maximize: Whether a larger objective is better.
    """
    if own is None or not len(own) or top < 1 or not math.isfinite(own.values[-1]):
        return False
    step, value = int(own.steps[-1]), float(own.values[-1])
    reached = [_at(series, step) for series in others]
    better = [other for other in reached if (other > value if maximize else other < value)]
    return len(better) < top


def _at(series: Series, step: int) -> float:
    """Value at the last step not beyond ``step``; NaN where there is none."""
    before = series.values[series.steps <= step]
    return float(before[-1]) if len(before) else math.nan
