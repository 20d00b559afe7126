"""Parses requests of users to a running study: ``stop 3``, ``rounds=6``, ``ban optimizer.lr``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from autoloop.edits import parse_edit
from autoloop.errors import ConfigError, EditError, did_you_mean
from autoloop.study.events import UserControl

ACTIONS = {
    "stop": "stop JOB: end a running job; what it logged counts",
    "keep": "keep JOB: no stop rule ends this job",
    "refuse": "refuse JOB: take a job that has not started out of the plan",
    "add": "add EDIT.. [name=NAME] [of=JOB] [reason=TEXT]: run a further variant",
    "ban": "ban PATH: no proposal changes this knob",
    "free": "free PATH: proposals may change it",
    "bounds": "bounds PATH LOW HIGH: limits of what an edit may set (none: no limit)",
    "set": "rounds=N, max_jobs=N, max_hours=H, n_jobs=N (none: no limit)",
    "pause": "pause: running jobs end, nothing new starts",
    "continue": "continue: take back pause, or a finish that was not reached",
    "finish": "finish: end the study after what runs now",
    "end": "end: stop what runs and end the study",
    "approve": "approve [ROUND]: let a round run that waits for a yes (approve=true)",
}
"""Name of an action -> how it is written, and what it does."""

SETTINGS = ("rounds", "max_jobs", "max_hours", "n_jobs")
"""Settings that may be changed while the study runs."""

_NONE = ("none", "null", "None")


def parse_control(arguments: Sequence[str]) -> UserControl:
    """Parse a request of a user.

    Args:
        arguments: Such as ``["stop", "3"]``.

    Returns:
        The request, as yet without the user and the time.

    Raises:
        ConfigError: It cannot be parsed; the message names the valid actions.
    """
    if not arguments:
        raise ConfigError(f"say what is to be done: {', '.join(ACTIONS)}")
    first, *rest = arguments
    name, equals, value = first.partition("=")
    if first == "set" and rest:
        name, equals, value = rest[0].partition("=")
        first, rest = rest[0], rest[1:]
    if equals and "@" not in name:
        return _setting(name, value, rest)
    if first not in _READERS:
        hint = did_you_mean(first, ACTIONS) or f"; there are {', '.join(ACTIONS)}"
        raise ConfigError(f"{first!r} is not a request that a study knows{hint}")
    return _READERS[first](first, rest)


def _setting(name: str, value: str, rest: Sequence[str]) -> UserControl:
    if name not in SETTINGS:
        hint = did_you_mean(name, SETTINGS) or f"; there are {', '.join(SETTINGS)}"
        raise ConfigError(f"{name} cannot be changed while a study runs{hint}")
    if rest:
        raise ConfigError(f"{rest[0]!r} is one word too many: one setting at a time")
    if value in _NONE:
        if name == "rounds":
            raise ConfigError("rounds=none: a study has a number of rounds; give a large one")
        return _control("set", name=name)
    number = _number(f"{name}=", value)
    whole = name != "max_hours"
    if number < (1 if whole else 0) or number == 0 or (whole and number != int(number)):
        raise ConfigError(f"{name}={value}: expected {'a whole number of 1 or more' if whole else 'hours'}")
    return _control("set", name=name, value=int(number) if whole else number)


def _of_job(action: str, rest: Sequence[str]) -> UserControl:
    return _control(action, name=_one(action, rest))


def _of_knob(action: str, rest: Sequence[str]) -> UserControl:
    return _control(action, path=_one(action, rest))


def _alone(action: str, rest: Sequence[str]) -> UserControl:
    if rest:
        raise ConfigError(f"{action} takes no further word, got {rest[0]!r}")
    return _control(action)


def _approve(action: str, rest: Sequence[str]) -> UserControl:
    if not rest:
        return _control(action)
    number = _number(f"{action} ", _one(action, rest))
    if number != int(number):
        raise ConfigError(f"approve {rest[0]}: expected the number of a round")
    return _control(action, round=int(number))


def _bounds(action: str, rest: Sequence[str]) -> UserControl:
    if len(rest) != 3:
        raise ConfigError(f"say {ACTIONS['bounds']}")
    low, high = (None if text in _NONE else _number(f"bounds {rest[0]} ", text) for text in rest[1:])
    if low is not None and high is not None and low > high:
        raise ConfigError(f"bounds {' '.join(rest)}: the lower bound lies above the upper one")
    return _control(action, path=rest[0], low=low, high=high)


def _add(action: str, rest: Sequence[str]) -> UserControl:
    options = {"name": "", "of": "", "reason": ""}
    edits = []
    for argument in rest:
        key, equals, value = argument.partition("=")
        if equals and key in options:
            options[key] = value.strip()
        else:
            edits.append(_edit(argument))
    if not edits:
        raise ConfigError(f"say {ACTIONS['add']}, for instance: add lr@mul=0.5 name=half_lr")
    return _control(action, edits=tuple(edits), **options)


def _edit(argument: str) -> str:
    try:
        return str(parse_edit(argument))
    except EditError as error:
        raise ConfigError(str(error)) from error


def _control(action: str, **fields: object) -> UserControl:
    return UserControl(action=action, by="", **fields)  # type: ignore[arg-type]


def _one(action: str, rest: Sequence[str]) -> str:
    if len(rest) != 1 or not rest[0].strip():
        raise ConfigError(f"say {ACTIONS[action]}")
    return rest[0]


def _number(before: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"{before}{text}: {text!r} is not a number")
    return number


_READERS: dict[str, Callable[[str, Sequence[str]], UserControl]] = {
    **dict.fromkeys(("stop", "keep", "refuse"), _of_job),
    **dict.fromkeys(("ban", "free"), _of_knob),
    **dict.fromkeys(("pause", "continue", "finish", "end"), _alone),
    "bounds": _bounds,
    "add": _add,
    "approve": _approve,
}
