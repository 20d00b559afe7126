"""Checks of the settings of a rule or strategy.

Each takes the name of the owner, the setting and its value; the message of its ConfigError names all
three and what is allowed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from autoloop.edits import parse_edit
from autoloop.errors import ConfigError, EditError, did_you_mean


def text(owner: str, key: str, value: Any) -> str:
    """Return a non-empty string.

    Raises:
        ConfigError: It is not one.
    """
    if not isinstance(value, str) or not value.strip():
        raise _refusal(owner, key, value, "a non-empty text")
    return value


def texts(owner: str, key: str, value: Any) -> tuple[str, ...]:
    """Return a tuple of non-empty strings, made from one string or a sequence of them.

    Raises:
        ConfigError: It holds something else, or nothing.
    """
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, Sequence) or not items:
        raise _refusal(owner, key, value, "a text or a non-empty list of texts")
    return tuple(text(owner, key, item) for item in items)


def number(
    owner: str, key: str, value: Any, low: float = -math.inf, high: float = math.inf, over: bool = False
) -> float:
    """Return a finite number within ``[low, high]``, or ``(low, high]`` with ``over``.

    Raises:
        ConfigError: It is not a number or lies outside.
    """
    numeric = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not numeric or not low <= value <= high or (over and value == low):
        raise _refusal(owner, key, value, _range(low, high, over))
    return float(value)


def whole(owner: str, key: str, value: Any, low: int) -> int:
    """Return an integer of at least ``low``.

    Raises:
        ConfigError: It is none.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise _refusal(owner, key, value, f"a whole number of at least {low}")
    return value


def flag(owner: str, key: str, value: Any) -> bool:
    """Return a truth value.

    Raises:
        ConfigError: It is none.
    """
    if not isinstance(value, bool):
        raise _refusal(owner, key, value, "true or false")
    return value


def maybe_number(owner: str, key: str, value: Any, low: float = -math.inf) -> float | None:
    """Return a finite number of at least ``low``, or None for None.

    Raises:
        ConfigError: It is neither.
    """
    return None if value is None else number(owner, key, value, low)


def choice(owner: str, key: str, value: Any, allowed: Sequence[str]) -> str:
    """Return one of the allowed words.

    Raises:
        ConfigError: It is none of them.
    """
    if value not in allowed:
        raise _refusal(owner, key, value, f"one of {', '.join(allowed)}", did_you_mean(str(value), allowed))
    return str(value)


def edits(owner: str, value: Any) -> tuple[str, ...]:
    """Return the edits of a rule, each ``path@op=operand``.

    Raises:
        ConfigError: The list is empty, or an entry is no edit.
    """
    items = texts(owner, "edits", value)
    try:
        return tuple(str(parse_edit(item)) for item in items)
    except EditError as error:
        raise ConfigError(f"{owner!r}:\n{error}") from error


def _range(low: float, high: float, over: bool) -> str:
    if math.isinf(low) and math.isinf(high):
        return "a finite number"
    if math.isinf(high):
        return f"a number {'above' if over else 'of at least'} {low:g}"
    return f"a number {'above' if over else 'from'} {low:g} {'up ' if over else ''}to {high:g}"


def _refusal(owner: str, key: str, value: Any, allowed: str, hint: str = "") -> ConfigError:
    return ConfigError(f"{owner!r}: {key}={value!r} cannot be used; it must be {allowed}{hint}")
