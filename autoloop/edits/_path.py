"""Paths into a config: how they are written, what they match, and why they match nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from autoloop.edits._literal import LiteralError, format_literal, quote, unquote
from autoloop.errors import did_you_mean, nearest

#: The keys of mappings (of any type) and the indices of lists that lead to one place in a config.
Keys: TypeAlias = tuple[Any, ...]

_PLAIN = re.compile(r"[^.\s'\"@=]+")


class Segment(NamedTuple):
    """One step of a path as it is written: a name, a quoted name, or the wildcard."""

    name: str
    quoted: bool
    start: int

    @property
    def is_wildcard(self) -> bool:
        """Whether this step stands for all items or all keys."""
        return self.name == "*" and not self.quoted


@dataclass(frozen=True, slots=True)
class Miss:
    """Why a path matches nothing: at which character, in which words, and what was probably meant."""

    position: int
    why: str
    nearest: str | None


@lru_cache(maxsize=4096)
def parse_path(path: str) -> tuple[Segment, ...]:
    """Split a path at its dots; names in quotes may hold dots themselves.

    Raises:
        LiteralError: An empty step, an open quote, or a character that needs quotes.
    """
    segments, pos = [], 0
    while True:
        segment, pos = _read_segment(path, pos)
        segments.append(segment)
        if pos == len(path):
            return tuple(segments)
        if path[pos] != ".":
            raise LiteralError(f"a key that holds {path[pos]!r} needs quotes around it", pos)
        pos += 1


def _read_segment(path: str, pos: int) -> tuple[Segment, int]:
    """Read the step that starts at ``pos``; return it with the index after it."""
    if path[pos : pos + 1] in ("'", '"'):
        name, end = unquote(path, pos)
        return Segment(name, True, pos), end
    found = _PLAIN.match(path, pos)
    if found is None:
        why = "a key is missing here" if path[pos : pos + 1] in ("", ".") else "a key with this needs quotes"
        raise LiteralError(why, pos)
    return Segment(found[0], False, pos), found.end()


def format_path(keys: Keys) -> str:
    """Write the path that matches exactly these keys."""
    return ".".join(_format_step(key) for key in keys)


def _format_step(key: object) -> str:
    """Write one key, in quotes where its text would be read as something else."""
    text = _key_text(key)
    return text if _PLAIN.fullmatch(text) and text != "*" else quote(text)


def _key_text(key: object) -> str:
    """Return how a path names a key; keys that are no text are named as Hydra writes them."""
    return key if isinstance(key, str) else format_literal(key)


def look_up(config: Any, keys: Keys) -> Any:
    """Return the value at ``keys``."""
    for key in keys:
        config = config[key]
    return config


def resolve(segments: Sequence[Segment], config: Mapping[Any, Any]) -> list[Keys] | Miss:
    """Return every place that a path matches, in the order of the config, or why there is none.

    A key with dots in it is found without quotes too: at each mapping the longest run of steps that is
    an existing key is tried first. Behind a wildcard, items that lack the rest of the path are passed over.
    """
    walk = _Walk(segments, config)
    return walk.matches(config, 0, ()) or walk.miss


class _Walk:
    """One search for a path; remembers where it got furthest."""

    def __init__(self, segments: Sequence[Segment], config: Mapping[Any, Any]) -> None:
        self._segments = segments
        self._config = config
        self._furthest = -1
        self._node: Any = config
        self._keys: Keys = ()

    def matches(self, node: Any, index: int, keys: Keys) -> list[Keys]:
        """Return the places under ``node`` that the steps from ``index`` on match."""
        if index == len(self._segments):
            return [keys]
        if self._segments[index].is_wildcard:
            found = [match for key in _children(node) for match in self._step(node, key, index + 1, keys)]
        else:
            tries = (self._step(node, key, end, keys) for key, end in self._named(node, index))
            found = next((matches for matches in tries if matches), [])
        if not found and index > self._furthest:
            self._furthest, self._node, self._keys = index, node, keys
        return found

    def _step(self, node: Any, key: Any, index: int, keys: Keys) -> list[Keys]:
        return self.matches(node[key], index, (*keys, key))

    def _named(self, node: Any, index: int) -> Iterator[tuple[Any, int]]:
        """Yield the keys of ``node`` that the next steps spell, longest first, and the step after each."""
        first = self._segments[index]
        if isinstance(node, list):
            if re.fullmatch("0|[1-9][0-9]{0,8}", first.name) and int(first.name) < len(node):
                yield int(first.name), index + 1
            return
        if not isinstance(node, Mapping):
            return
        names = {key if type(key) is str else _key_text(key): key for key in node}
        longest = index + 1 + max([name.count(".") for name in names], default=0)
        for end in range(min(self._run_end(index), longest), index, -1):
            joined = ".".join(segment.name for segment in self._segments[index:end])
            if joined in names:
                yield names[joined], end

    def _run_end(self, index: int) -> int:
        """Return the index after the steps that may belong to one key with dots in it."""
        if self._segments[index].quoted:
            return index + 1
        end = index
        while end < len(self._segments) and not (
            self._segments[end].quoted or self._segments[end].is_wildcard
        ):
            end += 1
        return end

    @property
    def miss(self) -> Miss:
        """Say why nothing matched, at the place where the search got furthest."""
        node, segment = self._node, self._segments[self._furthest]
        place = format_path(self._keys) or "the config"
        if isinstance(node, (Mapping, list)) and not node:
            return Miss(segment.start, f"{place} is empty", None)
        if isinstance(node, list):
            count = f"which has {len(node)} (0 to {len(node) - 1})"
            return Miss(segment.start, f"'{segment.name}' is not an item of {place}, {count}", None)
        if not isinstance(node, Mapping):
            return Miss(segment.start, f"{place} is {describe(node)} and has no keys inside", None)
        close = nearest(segment.name, map(_key_text, node))
        hint = did_you_mean(segment.name, map(_key_text, node))
        if close is None and (elsewhere := _find_key(self._config, segment.name, ())):
            close = format_path(elsewhere)
            hint = f"; there is one at {close}"
        return Miss(segment.start, f"'{segment.name}' is not a key of {place}{hint}", close)


def _children(node: Any) -> list[Any]:
    """Return the keys of a mapping or the indices of a list; nothing else has any."""
    if isinstance(node, Mapping):
        return list(node)
    return list(range(len(node))) if isinstance(node, list) else []


def _find_key(node: Any, name: str, keys: Keys) -> Keys | None:
    """Return the first place in ``node`` whose last key is ``name``."""
    for key in _children(node):
        if isinstance(node, Mapping) and key == name:
            return (*keys, key)
    found = (_find_key(node[key], name, (*keys, key)) for key in _children(node))
    return next((place for place in found if place), None)


def describe(value: object) -> str:
    """Say in words what kind of value this is."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "null"
    kind = {bool: "a bool", int: "an int", float: "a float", str: "a text"}.get(type(value))
    shown = repr(value) if len(repr(value)) <= 40 else repr(value)[:37] + "..."
    return f"{kind or 'a ' + type(value).__name__} ({shown})"
