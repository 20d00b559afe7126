"""Members of a population: who goes on, who is replaced, and who is copied."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from autoloop.errors import counted
from autoloop.strategies.base import Situation
from autoloop.strategies.standing import in_order
from autoloop.study.plans import MEASURING, POPULATION
from autoloop.study.trials import Trial, TrialState

AGAINST = (TrialState.STOPPED, TrialState.INFEASIBLE)
"""States of a job that say something against its settings; a crash or a time limit need not."""


@dataclass(frozen=True, slots=True)
class Members:
    """What becomes of the members of a generation.

    Attributes:
        starts: The starting points, each by its latest run with a result.
        others: What goes on beside them, the best first.
        best: What is copied, the best first.
        worst: What is replaced: first what came to no result, then the worst of the others, the worst first.
        ranked: Every member with a result, the best first.
    """

    starts: Sequence[Trial]
    others: Sequence[Trial]
    best: Sequence[Trial]
    worst: Sequence[Trial]
    ranked: Sequence[Trial]

    @classmethod
    def of(cls, situation: Situation, quantile: float) -> Members:
        """Rank the members of the latest generation.

        Args:
            situation: What is known.
            quantile: Share of the members that is replaced (above 0, up to 0.5).
        """
        ideas = [one for one in situation.trials.values() if one.variant.rule not in MEASURING]
        lines = [line for line in _lines_of_starts(ideas) if _goes_on(line)]
        kept = {one.name for line in lines for one in line}
        latest = [one for one in ideas if one.round == situation.round - 1]
        ranked = in_order([one for one in latest if has_result(one)], situation.maximize)
        count = quarter(len(latest), quantile)
        best = ranked[:count]
        lost = [one for one in latest if not has_result(one) and one.name not in kept]
        able = [one for one in ranked[count:] if one.name not in kept]
        falls = min(len(able), max(0, count - len(lost)))
        worst = [*lost, *reversed(able[len(able) - falls :])]
        gone = kept | {one.name for one in worst}
        starts = [max(filter(has_result, line), key=lambda one: one.round) for line in lines]
        return cls(starts, [one for one in ranked if one.name not in gone], best, worst, ranked)

    def standing(self, trial: Trial) -> str:
        """How a member stands in its generation, as a few words."""
        for place, one in enumerate(self.ranked, start=1):
            if one.name == trial.name:
                return f"number {place} of {counted(len(self.ranked), 'result')}"
        return f"which came to no result ({trial.error or trial.state.value.lower()})"


def quarter(size: int, quantile: float) -> int:
    """Return how many of so many members are replaced: at least one, where there are two or more."""
    return max(1, int(quantile * size)) if size > 1 else 0


def has_result(trial: Trial) -> bool:
    """Whether a trial came to its end with a result by which it can be ranked."""
    return trial.state is TrialState.COMPLETE and math.isfinite(trial.objective)


def _lines_of_starts(ideas: Sequence[Trial]) -> Iterator[list[Trial]]:
    """Yield each starting point with all the runs that went on from it without an edit, as planned."""
    for start in ideas:
        if start.variant.parent is not None:
            continue
        line = {start.name: start}
        for one in ideas:
            if one.variant.rule == POPULATION and one.variant.parent in line:
                line[one.name] = one
        yield list(line.values())


def _goes_on(line: Sequence[Trial]) -> bool:
    """Whether a starting point can go on: it has a result, and the latest run says nothing against it."""
    return line[-1].state not in AGAINST and any(map(has_result, line))
