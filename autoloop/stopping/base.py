"""What a stop rule is: a pure function of a running job's curves so far."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from autoloop.history.series import History


def _no_history() -> History:
    return History({})


@dataclass(frozen=True, slots=True)
class Live:
    """A running job as far as it has come.

    Attributes:
        name: Its name.
        history: Its curves so far, under canonical metric names.
        objective: The metric that variants are judged by; empty where it is the task's return value.
        maximize: Whether a larger objective is better.
        parent: Curves of the trial it was derived from, run with the same seed, as far as that has come;
            none where there is no parent.
        best: Curves of the best completed trial; none while there is none.
        margin_pct: Gain between two runs at one seed that is more than noise, in percent.
    """

    name: str
    history: History
    objective: str = ""
    maximize: bool = False
    parent: History = field(default_factory=_no_history)
    best: History = field(default_factory=_no_history)
    margin_pct: float = 3.0


@dataclass(frozen=True, slots=True)
class StopDecision:
    """A stop rule's word: end this job.

    Attributes:
        rule: Name of the rule.
        reason: Why, in one sentence.
        evidence: The numbers it rests on (JSON-serialisable).
    """

    rule: str
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


class StopRule(ABC):
    """Says whether a running job is to be ended; a subclass validates its settings and implements ``judge``.

    Attributes:
        name: The key the rule has in the config; decisions carry it.
        spares: Whether it leaves baselines, repeats and the best running jobs alone. A rule for runs that
            are broken, not merely bad, does not.
    """

    name: str
    spares: bool = True

    def condition(self) -> str:
        """Say in words, with its thresholds, which job it ends; unless told, as its docstring begins."""
        told = " ".join((type(self).__doc__ or "").partition("\n\n")[0].split())
        return told.rstrip(".") or f"{type(self).__name__} says so"

    @abstractmethod
    def judge(self, live: Live) -> StopDecision | None:
        """Judge a running job by its curves so far; None to let it run."""
