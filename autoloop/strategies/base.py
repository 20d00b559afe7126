"""What a strategy is: it fills the next round."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from autoloop.rules.base import Decision
from autoloop.trials import Trial


def no_refusal(proposal: Decision) -> str:
    """Refuse no proposal."""
    return ""


def no_preference(proposal: Decision) -> float:
    """Expect as much of one proposal as of another."""
    return 0.5


@dataclass(frozen=True, slots=True)
class Situation:
    """All a strategy may look at when a round is over.

    Attributes:
        finished: Trials of the round that just ended, in job order.
        trials: Every finished trial of the study by name.
        decisions: What the rules said of ``finished``, silent ones included.
        round: Number of the round to fill.
        seed: Seed of the study, for strategies that draw.
        maximize: Whether a larger objective is better.
        refusal: Says why the loop would refuse a proposal as things stand (has run, changes nothing, beyond
            its bounds, did not help before); empty where it would take it.
        preference: How often a proposal like this one has helped so far (0 to 1, 0.5 where it was never
            tried): the scorecard's word on which of the rules that fired goes first.
    """

    finished: Sequence[Trial]
    trials: Mapping[str, Trial]
    decisions: Sequence[Decision]
    round: int
    seed: int = 0
    maximize: bool = False
    refusal: Callable[[Decision], str] = no_refusal
    preference: Callable[[Decision], float] = no_preference


class Strategy(ABC):
    """Turns what is known into proposals; the loop checks them and says no where it must."""

    @abstractmethod
    def propose(self, situation: Situation) -> list[Decision]:
        """Return decisions with edits, the most wanted first."""
