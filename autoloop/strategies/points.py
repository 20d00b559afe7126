"""Trials as points of a space: what a sampler learns from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autoloop.strategies.avoid import avoided
from autoloop.strategies.base import Situation
from autoloop.strategies.configurations import snapper
from autoloop.strategies.failed import alike
from autoloop.strategies.samplers import Floats, Seen
from autoloop.strategies.space import Knob
from autoloop.study.record import MEASURING
from autoloop.study.trials import Trial, TrialState


def seen_by(situation: Situation, knobs: Sequence[Knob], start: Mapping[str, Any]) -> Seen:
    """Return the finished trials as points; one that crashed like no other or was interrupted is left out.

    A trial that was ended early counts with its predicted final objective (`Situation.predicted`); without a
    prediction it is left out.
    """
    sign = -1 if situation.maximize else 1
    trials = [one for one in situation.trials.values() if one.variant.rule not in MEASURING]
    failed = alike(trials)
    lost = {one.name for group in failed for one in group}
    states = (TrialState.COMPLETE, TrialState.INFEASIBLE)
    ends = situation.predicted
    trials = [one for one in trials if one.state in states or one.name in lost or one.name in ends]
    losses = [sign * ends.get(one.name, one.objective) if one.usable else math.nan for one in trials]
    passed = [one for one in situation.trials.values() if one.usable]
    return Seen(
        places_of(trials, knobs),
        np.array(losses, dtype=np.float64),
        np.array([knob.unit(start) for knob in knobs]),
        situation.seed,
        avoided(
            knobs,
            start,
            situation.failed,
            [places_of(group, knobs) for group in failed] if passed else [],
            places_of(passed, knobs),
        ),
        kinds=[len(knob.choices) for knob in knobs],
        snap=snapper(knobs),
        several=_numbers([one.losses if one.usable else () for one in trials]),
        excess=_numbers([one.excess for one in trials]),
    )


def _numbers(rows: Sequence[Sequence[float]]) -> Floats | None:
    """Return rows of one length as float64 (n, length), an empty one as NaN; None where all are empty."""
    size = max(map(len, rows), default=0)
    if not size:
        return None
    return np.array([row or [math.nan] * size for row in rows], dtype=np.float64)


def places_of(trials: Sequence[Trial], knobs: Sequence[Knob]) -> Floats:
    """Return trials as points: float64 (n, d)."""
    points = [[knob.unit(one.variant.config) for knob in knobs] for one in trials]
    return np.array(points, dtype=np.float64).reshape(len(trials), len(knobs))
