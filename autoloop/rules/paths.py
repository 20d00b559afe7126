"""Reading a config at the path of an edit, for rules that compute from its values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

from autoloop.edits import find, format_path


def matches(config: Mapping[str, Any], path: str) -> list[tuple[str, Any]]:
    """Return the places of a config that a path names, each ``(path without wildcards, value)``.

    A config that has to be composed first (`autoloop.config.lazy`) keeps what it was once asked for.

    Raises:
        EditError: The path cannot be read.
    """
    kept: Callable[[str], list[tuple[str, Any]]] | None = getattr(config, "places", None)
    return places_in(config, path) if kept is None else kept(path)


def places_in(config: Mapping[str, Any], path: str) -> list[tuple[str, Any]]:
    """`matches` of a config that is at hand."""
    return [
        (format_path(keys), reduce(lambda node, key: node[key], keys, config)) for keys in find(path, config)
    ]


def numbers(config: Mapping[str, Any], path: str) -> list[tuple[str, float]]:
    """Return the places that a path names and that hold a number (a bool is none)."""
    return [(place, value) for place, value in matches(config, path) if is_number(value)]


def is_number(value: Any) -> bool:
    """Whether a config value can be calculated with."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
