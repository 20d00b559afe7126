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
from autoloop.strategies.samplers import Early, Floats, Seen
from autoloop.strategies.space import Knob
from autoloop.study.record import MEASURING
from autoloop.study.trials import Trial, TrialState


def seen_by(situation: Situation, knobs: Sequence[Knob], start: Mapping[str, Any]) -> Seen:
    """Return the finished trials as points; one that crashed like no other or was interrupted is left out.

    A trial that was ended early has no result: what it had then is in `Seen.early`.
    """
    sign = -1 if situation.maximize else 1
    shown = situation.looked_at
    trials = [one for one in shown if one.variant.rule not in MEASURING]
    failed = alike(trials)
    lost = {one.name for group in failed for one in group}
    states = (TrialState.COMPLETE, TrialState.INFEASIBLE)
    early = _early(situation, trials, knobs)
    trials = [one for one in trials if one.state in states or one.name in lost]
    losses = [sign * one.objective if one.usable else math.nan for one in trials]
    passed = [one for one in shown if one.usable]
    everything = len(situation.trials)
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
        early=early,
        more=max(0, everything - len(trials)) if everything > len(shown) else 0,
    )


def _early(situation: Situation, trials: Sequence[Trial], knobs: Sequence[Knob]) -> Early | None:
    """Return what trials had before their end, a row for each trial and step."""
    sign = -1 if situation.maximize else 1
    rows = [(one, *row) for one in trials for row in situation.early.get(one.name, ())]
    if not rows:
        return None
    complete = [one.state is TrialState.COMPLETE and one.usable for one, _, _ in rows]
    ends = [sign * row[0].objective if done else math.nan for row, done in zip(rows, complete, strict=True)]
    return Early(
        places_of([one for one, _, _ in rows], knobs),
        np.array([sign * value for _, _, value in rows], dtype=np.float64),
        np.array([share for _, share, _ in rows], dtype=np.float64),
        np.array(ends, dtype=np.float64),
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
