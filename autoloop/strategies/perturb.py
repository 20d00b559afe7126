"""Perturbing a config: its knobs are moved a little, up or down at random."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from autoloop.edits import format_literal
from autoloop.rules.paths import is_number, matches
from autoloop.strategies.space import Knob

FACTORS = (0.8, 1.25)
"""Down and up. Jaderberg et al. (2017) have 0.8 and 1.2; with 1.25 a step down undoes one up."""

TRIES = 8
"""So many draws at most, where what was drawn has run or is refused."""


def perturbations(
    knobs: Sequence[Knob], config: Mapping[str, Any], seeds: Sequence[int]
) -> Iterator[tuple[str, ...]]:
    """Yield edits that move all of these knobs, each draw another direction for each.

    A choice moves to its neighbour in every second draw. At the end of its range a knob moves back.

    Args:
        knobs: What may be moved, with its range.
        config: The config that is edited.
        seeds: What the draws depend on.
    """
    for number in range(TRIES):
        turns = np.random.default_rng([*seeds, number]).integers(4, size=len(knobs))
        edits = (_edit(knob, config, int(turn)) for knob, turn in zip(knobs, turns, strict=True))
        moved = tuple(edit for edit in edits if edit)
        if moved:
            yield moved


def _edit(knob: Knob, config: Mapping[str, Any], turn: int) -> str:
    """The edit that moves a knob; empty where it stays. The first bit of the turn says whether up."""
    active = all(any(value in values for _, value in matches(config, path)) for path, values in knob.where)
    if not active or not matches(config, knob.path):
        return ""
    value, up = knob.at(config), turn % 2
    if knob.choices:
        new = _neighbour(knob, value, up) if turn > 1 else value
    elif not is_number(value) or value == 0:
        return ""
    elif knob.is_pattern:
        return f"{knob.path}@mul={FACTORS[up]}"
    else:
        new = _moved(knob, value, up)
    return "" if new == value else f"{knob.path}@set={format_literal(new, quoted_keys=True)}"


def _neighbour(knob: Knob, value: Any, up: int) -> Any:
    if value not in knob.choices or len(knob.choices) < 2:
        return value
    place = knob.choices.index(value)
    ways = [place + 1, place - 1] if up else [place - 1, place + 1]
    return next(knob.choices[way] for way in ways if 0 <= way < len(knob.choices))


def _moved(knob: Knob, value: float, up: int) -> Any:
    """The value times a factor, within the range; if that is the value itself the other way, then a step."""
    step = knob.step or (1 if knob.kinds[0] else 0.0)
    wanted = [value * FACTORS[up], value * FACTORS[1 - up]]
    wanted += [value + step, value - step] if up else [value - step, value + step]
    found = (knob.value(min(max(knob.place(one), 0.0), 1.0)) for one in wanted)
    return next((new for new in found if new != value), value)
