"""Sharing out the places of a round among sources."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from autoloop.rules.base import Decision
from autoloop.strategies.base import Situation

SHARED = 4  # where a round has fewer jobs, shares hold over so many of the latest


def rounded(number: float) -> int:
    """Return the nearest whole number, a half upwards."""
    return math.floor(number + 0.5)


def lately(situation: Situation, count: int) -> Sequence[str]:
    """Return the rules of the jobs that shares are counted over, beside so many new ones."""
    known = situation.planned
    return known[max(0, len(known) - max(situation.begun, SHARED - count)) :]


@dataclass(frozen=True, slots=True)
class Due:
    """What is due to a source: its proposals, how many jobs it should have, and how many it has had."""

    source: Sequence[Decision]
    meant: int
    had: int

    @property
    def had_share(self) -> float:
        """How much of its share the source has had; the one with the least goes first."""
        return self.had / self.meant if self.meant else 1.0


class Filling:
    """Proposals on their way to a round: counts those that the loop will take."""

    def __init__(self, situation: Situation) -> None:
        self.proposals: list[Decision] = []
        self.count = 0
        self._situation = situation
        self._known: set[object] = set()

    def fill(self, source: Iterable[Decision], until: int) -> None:
        """Take proposals from a source until the round has so many."""
        if self.count >= until:
            return
        for proposal in source:
            if self.count >= until:
                return
            outcome = self._situation.outcome(proposal)
            if outcome in self._known:
                continue
            self._known |= {outcome, (proposal.trial, proposal.edits)}
            self.proposals.append(proposal)
            self.count += not self._situation.refusal(proposal)
