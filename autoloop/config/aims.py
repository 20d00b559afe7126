"""Several objectives and constraints, as users write them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from autoloop.curves.aims import NUMBERED, OPERATORS, Constraint
from autoloop.curves.objective import DIRECTIONS, Objective, read_direction
from autoloop.errors import ConfigError, SettingError, did_you_mean
from autoloop.loop.steps import Limits
from autoloop.stopping import StopRule
from autoloop.stopping.metric_at_step import MetricAtStep

_LIMIT = re.compile(r"\s*(<=|>=|<|>)\s*(\S+)\s*")


def read_objectives(given: Any, direction: Any) -> tuple[Objective, ...]:
    """The objectives that ``objectives`` names, or that a list of directions counts.

    Args:
        given: Name -> ``min`` or ``max``; None where nothing is said.
        direction: One direction or a list of them: of what the task returns, in its order.

    Returns:
        None where there is one objective, and nothing names it.

    Raises:
        ConfigError: They cannot be used.
    """
    counts = isinstance(direction, Sequence) and not isinstance(direction, str) and len(direction) > 1
    if given is None:
        ways = [_goal("direction", place, one) for place, one in enumerate(direction)] if counts else []
        return tuple(Objective(f"{NUMBERED}{place}", goal) for place, goal in enumerate(ways))
    if not isinstance(given, Mapping) or not given:
        raise SettingError("objectives", given, " is no mapping; write {eval/success: max, latency_ms: min}")
    if counts:
        raise ConfigError("objectives and a list of directions say the same thing: leave direction out")
    return tuple(Objective(str(name), _goal("objectives", name, goal)) for name, goal in given.items())


def _goal(setting: str, name: object, given: Any) -> str:
    if not isinstance(given, str) or not given:
        known = ", ".join(DIRECTIONS)
        hint = did_you_mean(str(given), DIRECTIONS)
        raise ConfigError(f"{setting}.{name}={given!r} is not one of {known}{hint}")
    try:
        return read_direction(given)
    except ConfigError as error:
        raise ConfigError(str(error).replace("direction=", f"{setting}.{name}=", 1)) from None


def read_constraints(given: Any) -> tuple[Constraint, ...]:
    """The constraints of ``{latency_ms: "<= 20", gpu_mem_gb: "< 24"}``; several of one name as a list.

    Raises:
        ConfigError: One cannot be read, or two leave no room.
    """
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        raise SettingError("constraints", given, ' is no mapping; write {latency_ms: "<= 20"}')
    found = tuple(one for name, limits in given.items() for one in _constraints(str(name), limits))
    for name in {one.name for one in found}:
        _refuse_empty(name, [one for one in found if one.name == name])
    return found


def _constraints(name: str, given: Any) -> Iterator[Constraint]:
    for text in given if isinstance(given, list | tuple) else [given]:
        match = _LIMIT.fullmatch(text) if isinstance(text, str) else None
        limit = _number(match[2]) if match else math.nan
        if match is None or math.isnan(limit):
            raise ConfigError(
                f"constraints.{name}={text!r} is no limit; write one of {', '.join(OPERATORS)} and a number, "
                f'such as "<= {text if _is_number(text) else 20}"'
            )
        yield Constraint(name, match[1], limit)


def _refuse_empty(name: str, limits: Sequence[Constraint]) -> None:
    """See to it that some number keeps all limits of one name."""
    ends = [one.limit for one in limits]
    tried = [*ends, *(math.nextafter(end, side) for end in ends for side in (-math.inf, math.inf))]
    if not any(all(one.holds(value) for one in limits) for value in tried):
        raise ConfigError(
            f"constraints.{name}: no number keeps {' and '.join(one.description for one in limits)}"
        )


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def refuse_of_one(limits: Limits, climbs: bool) -> None:
    """Refuse what needs one winner where there are several objectives.

    Args:
        limits: The study's limits.
        climbs: Whether the best jobs are to be trained for longer.

    Raises:
        ConfigError: It was asked for.
    """
    if limits.racing:
        raise ConfigError("racing finds out which of the leaders leads, and several objectives have a front")
    if climbs:
        raise ConfigError("climb trains the best jobs for longer, and several objectives have a front")
    if limits.minimal:
        raise ConfigError(
            "minimal takes idle edits of one winner back, and several objectives have a front: ask for it in "
            "a study of one objective"
        )


def judged_alone(rules: Sequence[StopRule]) -> tuple[StopRule, ...]:
    """The stop rules that do not compare jobs by the objective.

    With several objectives a job that is behind in one may lead in another, and what leads may break a
    constraint.
    """
    return tuple(rule for rule in rules if not rule.spares or isinstance(rule, MetricAtStep))
