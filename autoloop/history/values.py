"""Values as JSON has them: which are numbers, and how nested ones are named."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_QUOTED = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
#: What is no number in JSON and is written in quotes by some.
NON_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def parse_json(text: str) -> Any:
    """Return the value of a JSON text, None if it is not one; NaN and Infinity may stand bare."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the dotted names and values inside nested dicts; a dict with ``_type`` (media) stays whole."""
    todo = [(name, value)]
    while todo:
        name, value = todo.pop()
        if isinstance(value, dict) and value and "_type" not in value:
            todo.extend((f"{name}.{key}", inner) for key, inner in reversed(value.items()))
        else:
            yield name, value


def as_number(value: Any) -> float | None:
    """Return a JSON value as a float, None if it is not a number; booleans are not numbers.

    A text that is a number from end to end is one: what W&B makes of a ``Decimal``.

    Integers beyond 2**53 are rounded to the nearest float, beyond the range of floats to infinity.
    """
    if isinstance(value, str):
        return float(value) if _QUOTED.fullmatch(value) else NON_FINITE.get(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
