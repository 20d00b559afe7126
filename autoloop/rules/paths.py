"""Reading a config at the path of an edit, for rules that compute from its values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def path_of(edit: str) -> str:
    """Return the path of an edit string: what stands before its ``@op=`` or ``=``."""
    return edit.partition("=")[0].rpartition("@")[0] or edit.partition("=")[0]


def matches(config: Any, path: str) -> list[tuple[str, Any]]:
    """Return the places of a config that a path names, each ``(path without *, value)``.

    Args:
        config: Mappings, sequences and scalars, as a variant carries them.
        path: Keys and indices joined by dots; ``*`` stands for all of one place; a key may hold dots itself.

    Returns:
        The places in the config's order; empty where nothing matches.
    """
    return [(".".join(keys), value) for keys, value in _walk(config, path.split("."), ())]


def numbers(config: Any, path: str) -> list[tuple[str, float]]:
    """Return the places that a path names and that hold a number (a bool is none)."""
    return [(place, value) for place, value in matches(config, path) if is_number(value)]


def is_number(value: Any) -> bool:
    """Whether a config value can be calculated with."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _walk(node: Any, parts: Sequence[str], done: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every way to take all of ``parts`` below ``node``."""
    if not parts:
        yield done, node
        return
    for length in range(1, len(parts) + 1):
        for key, child in _children(node, ".".join(parts[:length])):
            yield from _walk(child, parts[length:], (*done, key))


def _children(node: Any, key: str) -> list[tuple[str, Any]]:
    """Return the entries of a mapping or list that one key, index or ``*`` names."""
    if isinstance(node, Mapping):
        return [(str(k), v) for k, v in node.items() if key in ("*", str(k))]
    if isinstance(node, Sequence) and not isinstance(node, (str, bytes)):
        return [(str(i), v) for i, v in enumerate(node) if key in ("*", str(i))]
    return []
