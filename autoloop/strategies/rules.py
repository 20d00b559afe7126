"""RulesStrategy: every finished run has children, made by the rules that fired on it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from autoloop.rules import checks
from autoloop.rules.base import Decision
from autoloop.strategies.base import Foresight, Opening, Situation, Strategy
from autoloop.strategies.standing import in_order
from autoloop.study.trials import Trial


class RulesStrategy(Strategy):
    """Each run of the finished round gets up to ``variants_per_run`` children.

    Rules that helped more often so far go first (`Situation.preference`); among equals, the earlier in the
    config. A proposal that the loop is going to refuse does not count: the next rule that fired takes its
    turn, and the loop records the refusal. A run whose job failed gets children only from rules that judge
    failures (out of memory, a loss that is not finite). First children come first, in the order their parents
    were planned, then second ones: if the loop does not have room for all, every run gets one child before
    any gets two.

    Do not use it if no rule fits the problem: once no rule fires any more, the study ends. Nor if the
    baseline is far from a good configuration, because rules take small steps.

    Args:
        variants_per_run: Largest number of children of one run, at least 1.
        parents: Only this many runs of the round have children, the best by their objective (among equals the
            one planned first; a run without an objective has none); null: all of them.
    """

    def __init__(self, *, variants_per_run: int = 1, parents: int | None = None) -> None:
        kind = "RulesStrategy"
        self.variants_per_run = checks.whole(kind, "variants_per_run", variants_per_run, 1)
        self.parents = None if parents is None else checks.whole(kind, "parents", parents, 1)

    def propose(self, situation: Situation) -> list[Decision]:
        """Return the user's waiting variants, then what fired: every run's first ones come first."""
        chosen = self._chosen(situation)
        by_trial: dict[str, list[Decision]] = {}
        for one in situation.decisions:
            by_trial.setdefault(one.judged, []).append(one)
        children = [self._children(by_trial.get(trial.name, []), situation) for trial in chosen]
        most = max(map(len, children), default=0)
        fired = (own[place] for place in range(most) for own in children if place < len(own))
        return _distinct([*situation.waiting, *fired])

    def foresee(self, opening: Opening) -> Foresight:
        """Say how many children a run has."""
        whose = "each finished job" if self.parents is None else f"the best {self.parents} jobs of a round"
        most = "a child" if self.variants_per_run == 1 else f"up to {self.variants_per_run} children"
        first = "the first that fires first" if self.variants_per_run > 1 else "the first that fires"
        return Foresight(f"Of {whose} these rules may make {most}, {first}")

    def _chosen(self, situation: Situation) -> list[Trial]:
        """Return the runs that may have children, as they were planned."""
        if self.parents is None:
            return list(situation.finished)
        known = [trial for trial in situation.finished if trial.usable and math.isfinite(trial.objective)]
        best = in_order(known, situation.maximize)[: self.parents]
        return [trial for trial in situation.finished if any(trial is one for one in best)]

    def _children(self, decisions: Sequence[Decision], situation: Situation) -> list[Decision]:
        """Return the most promising decisions on one run, no two alike, until enough will be accepted."""
        fired = [one for one in decisions if one.fired]
        fired.sort(key=situation.preference, reverse=True)
        children: list[Decision] = []
        taken = 0
        for proposal in _distinct(fired):
            if taken == self.variants_per_run:
                break
            children.append(proposal)
            taken += not situation.refusal(proposal)
        return children


def _distinct(proposals: Iterable[Decision]) -> list[Decision]:
    """Return the proposals without those that repeat the parent and the edits of an earlier one."""
    first: dict[object, Decision] = {}
    for proposal in proposals:
        first.setdefault((proposal.trial, proposal.edits), proposal)
    return list(first.values())
