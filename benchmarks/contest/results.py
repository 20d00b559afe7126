"""What a rival selected, and what a training came to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contest.task import Task


@dataclass(frozen=True, slots=True)
class Choice:
    """What a rival selected.

    Attributes:
        config: The config.
        value: Its result in the study.
        steps: Steps that the study trained until then.
        jobs: Jobs that it started until then.
    """

    config: dict[str, Any]
    value: float
    steps: int
    jobs: int


Choices = dict[int, Choice]
"""Budget in jobs -> the choice."""


def finite(task: Task, history: Any, step: int) -> float:
    """The objective at a step, lower is better; infinite if the training diverged before."""
    series = history.until(step).get(task.objective)
    value = float(series.values[-1]) if series is not None and len(series) else math.inf
    if not math.isfinite(value):
        return math.inf
    return -value if task.maximize else value


def result(task: Task, config: Mapping[str, Any]) -> float:
    """The same of a whole training."""
    return finite(task, task.train(config), task.steps)
