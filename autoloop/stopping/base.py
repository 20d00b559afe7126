"""The base of stop rules: pure functions of a running job's curves so far."""

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
    """A running job and its curves so far.

    It is compared only with trials that were complete when it was planned, so the result of a comparison does
    not depend on when it is made.

    Attributes:
        name: Its name.
        history: Its curves so far, under canonical metric names.
        objective: The metric that jobs are judged by; empty if it is the task's return value.
        maximize: Whether a larger objective is better.
        parent: Curves of the completed trial it was derived from, run with the same seed; empty if there is
            no such trial.
        best: Curves of the best trial that had completed when the job was planned; empty if there is none.
        ended: The objective's curve of each trial that had completed or been stopped when the job was
            planned; for a stopped trial, up to its stop. May be read lazily.
        margin_pct: Smallest gain between two runs at one seed that is more than noise, in percent.
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
        """Return the job as it was when it had reached this step."""
        return replace(self, history=self.history.until(step))


@dataclass(frozen=True, slots=True)
class StopDecision:
    """The decision of a stop rule to end a job.

    Attributes:
        rule: Name of the rule.
        reason: Why, in one sentence.
        step: The step at which it was judged; the job's curves count up to here.
        evidence: The numbers it is based on (JSON-serialisable).
    """

    rule: str
    reason: str
    step: int
    evidence: Mapping[str, Any] = field(default_factory=dict)


class StopRule(ABC):
    """Decides whether to end a running job. A subclass validates its settings and implements ``judge``.

    Attributes:
        name: The key the rule has in the config; decisions carry it.
        spares: Whether repeats and the best jobs are exempt. False for rules that detect broken runs, not
            merely bad ones.
    """

    name: str
    spares: bool = True

    def condition(self) -> str:
        """Return in words which jobs it ends, with thresholds; by default its docstring's first sentence."""
        sentence = " ".join((type(self).__doc__ or "").partition("\n\n")[0].split())
        return sentence.rstrip(".") or f"{type(self).__name__} says so"

    @abstractmethod
    def judge(self, live: Live) -> StopDecision | None:
        """Judge a running job by its curves so far, at its last step; return None to let it continue."""

    def moments(self, live: Live) -> Steps:
        """Return the steps, ascending, at which `judge` may end the job; by default all that were logged.

        A rule that can name them cheaply is asked less often.
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
