"""How a study stands, for a strategy: which trials lead, where they come from, what was changed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from autoloop.strategies.base import Situation
from autoloop.study.dominance import dominates, layers
from autoloop.study.hypervolume import shares
from autoloop.study.record import MEASURING
from autoloop.study.trials import Trial, TrialState


def ranked(situation: Situation) -> list[Trial]:
    """Return the completed trials with an objective, the best first; those that measure are none of them.

    Of equals the one that was planned first comes first. Those that break a constraint come last, those that
    break least first. Of several objectives the front comes first, then the front without it, and so on; in
    each of them those that it would lose most without.
    """
    return in_order([trial for trial in situation.looked_at if has_rank(trial)], situation.maximize)


def has_rank(trial: Trial) -> bool:
    """Whether a trial completed with an objective, and is no measurement."""
    complete = trial.state is TrialState.COMPLETE and math.isfinite(trial.objective)
    return complete and trial.variant.rule not in MEASURING


def in_order(known: Sequence[Trial], maximize: bool) -> list[Trial]:
    """Return trials with a result in the order of `ranked`."""
    sign = -1 if maximize else 1
    kept = sorted((one for one in known if one.feasible), key=lambda trial: sign * trial.objective)
    broken = sorted((one for one in known if not one.feasible), key=_broken_by)
    return [*(_by_layers(kept) if kept and kept[0].losses else kept), *broken]


def _broken_by(trial: Trial) -> float:
    """How far a trial is beyond its constraints; of an unknown number nobody can say."""
    return sum(math.inf if math.isnan(one) else max(one, 0.0) for one in trial.excess)


def _by_layers(trials: Sequence[Trial]) -> list[Trial]:
    losses = np.array([one.losses for one in trials])
    layer, worth = layers(losses), np.zeros(len(trials))
    for number in range(int(layer.max()) + 1):
        places = np.flatnonzero(layer == number)
        worth[places] = shares(losses[places])
    return [trials[place] for place in np.lexsort((-worth, layer))]


def helped(trial: Trial, parent: Trial, maximize: bool) -> bool:
    """Whether a trial is better than its parent: in every objective no worse, and within the constraints."""
    if not trial.feasible:
        return False
    if trial.losses:
        return dominates(trial.losses, parent.losses)
    return (trial.objective > parent.objective) if maximize else (trial.objective < parent.objective)


def starting_point(situation: Situation) -> Trial | None:
    """Return the starting point that the best trial descends from."""
    best = ranked(situation)
    trial = best[0] if best else next(iter(situation.trials.values()), None)
    while trial is not None and trial.variant.parent in situation.trials:
        trial = situation.trials[trial.variant.parent or ""]
    return trial


def has_result(situation: Situation) -> bool:
    """Whether a sampler can learn something: a trial has an objective, or shows where it does not work."""
    trials = situation.looked_at
    return any(one.state is TrialState.INFEASIBLE or math.isfinite(one.objective) for one in trials)


def touched(situation: Situation) -> list[str]:
    """Return the paths of what variants and rules have changed so far."""
    ideas = (one.variant for one in situation.looked_at if one.variant.rule not in MEASURING)
    return [path for variant in ideas for path, _, _ in variant.changes]
