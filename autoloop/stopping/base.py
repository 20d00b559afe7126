"""What a stop rule is: a pure function of a running job's curves so far."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoloop.history.series import History, Series

Steps = NDArray[np.int64]


def _no_history() -> History:
    return History({})


@dataclass(frozen=True, slots=True)
class Live:
    """A running job as far as it has come.

    What it is compared with was complete when it was planned, so that a comparison does not depend on when
    it is made.

    Attributes:
        name: Its name.
        history: Its curves so far, under canonical metric names.
        objective: The metric that variants are judged by; empty where it is the task's return value.
        maximize: Whether a larger objective is better.
        parent: Curves of the completed trial it was derived from, run with the same seed; none where there is
            no such trial.
        best: Curves of the best trial that had completed when it was planned; none while there is none.
        ended: The objective's curve of each trial that had completed or been stopped when it was planned, of
            a stopped one up to its stop. May be read only when it is looked at.
        margin_pct: Gain between two runs at one seed that is more than noise, in percent.
    """

    name: str
    history: History
    objective: str = ""
    maximize: bool = False
    parent: History = field(default_factory=_no_history)
    best: History = field(default_factory=_no_history)
    ended: Sequence[Series] = ()
    margin_pct: float = 3.0

    def until(self, step: int) -> Live:
        """The job as it was when it had come to this step."""
        return replace(self, history=self.history.until(step))


@dataclass(frozen=True, slots=True)
class StopDecision:
    """A stop rule's word: end this job.

    Attributes:
        rule: Name of the rule.
        reason: Why, in one sentence.
        step: The step it was judged at: the job's curves count up to here.
        evidence: The numbers it rests on (JSON-serialisable).
    """

    rule: str
    reason: str
    step: int
    evidence: Mapping[str, Any] = field(default_factory=dict)


class StopRule(ABC):
    """Says whether a running job is to be ended; a subclass validates its settings and implements ``judge``.

    Attributes:
        name: The key the rule has in the config; decisions carry it.
        spares: Whether it leaves repeats and the best jobs alone. A rule for runs that are broken, not merely
            bad, does not.
    """

    name: str
    spares: bool = True

    def condition(self) -> str:
        """Say in words, with its thresholds, which job it ends; unless told, as its docstring begins."""
        told = " ".join((type(self).__doc__ or "").partition("\n\n")[0].split())
        return told.rstrip(".") or f"{type(self).__name__} says so"

    @abstractmethod
    def judge(self, live: Live) -> StopDecision | None:
        """Judge a running job by its curves so far, as of its last step; None to let it run."""

    def moments(self, live: Live) -> Steps:
        """Return the steps, ascending, at which `judge` may want the job ended; by default all it logged.

        A rule that can tell them at a glance is asked less often.
        """
        logged = [series.steps for series in live.history.values()]
        return np.unique(np.concatenate(logged)) if logged else np.empty(0, dtype=np.int64)


def runs_of(bad: NDArray[np.bool_], points: int) -> NDArray[np.bool_]:
    """Return for each place (n,) whether it and those before it make ``points`` bad ones in a row."""
    length = np.arange(1, bad.size + 1)
    last_good = np.maximum.accumulate(np.where(bad, 0, length)) if bad.size else length
    return np.asarray(length - last_good >= points)


def first_present(names: Sequence[str], history: History) -> str | None:
    """Return the first of these metrics that a history has."""
    return next((name for name in names if name in history), None)
