"""A source of the mixed strategy: rules' proposals for the best trials, and a step that helped once more."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from autoloop.edits import format_literal
from autoloop.rules.base import Decision
from autoloop.rules.paths import is_number
from autoloop.strategies.base import NO_PLACE, NO_RULES, Situation
from autoloop.strategies.shares import is_share
from autoloop.strategies.standing import has_rank, helped, ranked
from autoloop.study.trials import Trial, TrialState

GO_ON = "go_on"
NO_STEPS = (*NO_RULES, "variants", "sweep")  # who makes a trial without taking a step from its parent


def proposals_for_best(situation: Situation, parents: int) -> list[Decision]:
    """Return what rules propose for the best trials: the first proposal for each, then the second ones.

    Args:
        situation: What is known.
        parents: From how many of the best trials rules may make children.
    """
    best, broken = ranked(situation)[:parents], _broken(situation)
    first, each = next(iter(best), None), []
    for trial in _candidates(situation, best):
        fired = [one for one in situation.decisions if one.judged == trial.name and one.fired]
        fired = fired or list(situation.proposed(trial.name))
        fired = [*_go_on(trial, situation), *fired] if trial is first else fired
        each.append(sorted(fired, key=situation.preference, reverse=True))
    healing = [one for one in situation.decisions if one.fired and one.judged in broken]
    rows = zip_longest(*each)
    return [*healing, *(one for row in rows for one in row if one is not None)]


def passed_over(situation: Situation, parents: int) -> list[tuple[Decision, str]]:
    """Return what rules proposed for the trials that just ended, and why it is not accepted if it is not.

    Args:
        situation: What is known.
        parents: From how many of the best trials rules may make children.
    """
    candidates = {trial.name for trial in _candidates(situation, ranked(situation)[:parents])} | _broken(
        situation
    )
    best = f"among the best {parents}" if parents > 1 else "the best"
    return [
        (one, NO_PLACE if one.judged in candidates else f"not taken: {one.judged} is not {best}")
        for one in situation.decisions
        if one.fired
    ]


def _candidates(situation: Situation, best: Sequence[Trial]) -> list[Trial]:
    """Return the trials that may have children, except those that broke."""
    return [*_new_starts(situation, best), *best]


def _new_starts(situation: Situation, best: Sequence[Trial]) -> list[Trial]:
    """Return the starting points that just ended and are not among the best: what ails them is heard once."""
    known = {trial.name for trial in best}
    starts = (one for one in situation.finished if one.variant.parent is None and one.usable)
    return [one for one in starts if one.name not in known]


def _broken(situation: Situation) -> set[str]:
    """Return the names of trials that a rule may heal; one that was stopped for being behind is not."""
    states, trials = (TrialState.COMPLETE, TrialState.STOPPED), situation.trials
    judged = {one.judged for one in situation.decisions if one.fired}
    return {name for name in judged if name in trials and trials[name].state not in states}


def _go_on(trial: Trial, situation: Situation) -> list[Decision]:
    """Return a rule's step that made a trial better than its parent, once more.

    A point of the sampler is no step, and what the user asked for changes too much at once.
    """
    parent = situation.trials.get(trial.variant.parent or "")
    if trial.variant.rule in NO_STEPS or parent is None or not has_rank(parent):
        return []
    edits = tuple(edit for change in trial.variant.changes if (edit := _again(*change)))
    if not edits or not helped(trial, parent, situation.maximize):
        return []
    reason = f"{trial.name} is better than {parent.name}: the same step once more"
    evidence = {"objective": trial.objective, "parent_objective": parent.objective}
    return [Decision(GO_ON, trial.name, reason, evidence, edits, f"better than {trial.objective:.4g}")]


def _again(path: str, old: Any, new: Any) -> str:
    """Return the edit that takes a step between positive numbers once more; empty for other changes."""
    if not (is_number(old) and is_number(new)) or old <= 0 or new <= 0:
        return ""
    value = new * (new / old)
    if value >= 1 and is_share(path, new):
        return ""
    whole = isinstance(old, int) and isinstance(new, int)
    return f"{path}@set={format_literal(round(value) if whole else float(f'{value:.3g}'))}"
