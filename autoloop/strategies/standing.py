"""How a study stands, for a strategy: which trials lead, where they come from, what was changed."""

from __future__ import annotations

import math

from autoloop.strategies.base import Situation
from autoloop.study.record import MEASURING
from autoloop.study.trials import Trial, TrialState


def ranked(situation: Situation) -> list[Trial]:
    """Return the completed trials with an objective, the best first; those that measure are none of them.

    Of equals the one that was planned first comes first.
    """
    sign = -1 if situation.maximize else 1
    known = [
        trial
        for trial in situation.trials.values()
        if trial.state is TrialState.COMPLETE
        and math.isfinite(trial.objective)
        and trial.variant.rule not in MEASURING
    ]
    return sorted(known, key=lambda trial: sign * trial.objective)


def starting_point(situation: Situation) -> Trial | None:
    """Return the starting point that the best trial descends from."""
    best = ranked(situation)
    trial = best[0] if best else next(iter(situation.trials.values()), None)
    while trial is not None and trial.variant.parent in situation.trials:
        trial = situation.trials[trial.variant.parent or ""]
    return trial


def has_result(situation: Situation) -> bool:
    """Whether a sampler can learn something: a trial has an objective, or shows where it does not work."""
    trials = situation.trials.values()
    return any(one.state is TrialState.INFEASIBLE or math.isfinite(one.objective) for one in trials)


def touched(situation: Situation) -> list[str]:
    """Return the paths of what variants and rules have changed so far."""
    ideas = (one.variant for one in situation.trials.values() if one.variant.rule not in MEASURING)
    return [path for variant in ideas for path, _, _ in variant.changes]
