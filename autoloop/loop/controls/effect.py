"""Applies requests of users to the settings that a study was started with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from autoloop.edits.effects import IgnoredKnob
from autoloop.loop.steps import Limits
from autoloop.strategies.base import Bounds
from autoloop.study.controls import ChangedLimit
from autoloop.study.record import Study

#: Limits that are counts; the other one is hours.
_COUNTS = ("rounds", "max_jobs")


def limits_of(study: Study, limits: Limits) -> Limits:
    """When a study ends, with what its users changed.

    A change holds as long as processes are started with the value that it changed, or with the one that the
    study began with; one that is started with yet another value means that one.

    Args:
        study: The record.
        limits: Those that this process was started with.
    """
    changed: dict[str, Any] = {}
    for name in (*_COUNTS, "max_hours"):
        limit = study.controls.limits.get(name)
        if limit is not None and getattr(limits, name) in (limit.was, (study.header.limits or {}).get(name)):
            changed |= _changed(name, limit)
    return replace(limits, **changed) if changed else limits


def _changed(name: str, limit: ChangedLimit) -> Mapping[str, Any]:
    if limit.value is None:
        return {} if name == "rounds" else {name: None}
    if not math.isfinite(limit.value) or limit.value <= 0:
        return {}
    return {name: int(limit.value) if name in _COUNTS else limit.value}


def jobs_at_once(study: Study, room: int | None) -> int | None:
    """How many jobs run at a time, at most; None for no limit.

    Args:
        study: The record.
        room: What the launcher and the settings allow.
    """
    limit = study.controls.limits.get("n_jobs")
    if limit is None or limit.value is None or not limit.value >= 1:
        return room
    return int(limit.value) if room is None else min(room, int(limit.value))


def bounds_of(study: Study, bounds: Bounds) -> Bounds:
    """Limits of what an edit may set, with what users changed."""
    return {**bounds, **study.controls.bounds} if study.controls.bounds else bounds


def ignored_of(study: Study, ignored: Sequence[IgnoredKnob]) -> Sequence[IgnoredKnob]:
    """Knobs that edits are kept from: those that the trainer ignores, and those that users banned."""
    controls = study.controls
    if not controls.banned and not controls.freed:
        return ignored
    left = [knob for knob in ignored if knob.path not in controls.freed]
    return [*left, *(IgnoredKnob(path, why) for path, why in controls.banned.items())]
