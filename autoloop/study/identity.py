"""What makes two configs the same: what is written in them, not what a resolver makes of it today."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from autoloop.edits import Constant

#: A reference to another place of the config, ``${a.b[0].c}`` or ``${..b}``; with a colon it asks a resolver.
_REFERENCE = re.compile(r"(?<!\\)\$\{\s*(?P<dots>\.*)(?P<path>[^\s${}:.\[\]][^\s${}:]*)\s*\}")
_STEP = re.compile(r"[^.\[\]]+")
_DEEPEST = 32  # references that lead to references; those that lead in a circle are left as they are
_MISSING = object()
_NOT_FINITE = ("nan", "inf", "-inf")

Keys = tuple[Any, ...]


def settled(config: Mapping[str, Any]) -> dict[str, Any]:
    """An unresolved config in which references to other places stand for what is written there.

    What asks a resolver (``${now:..}``, ``${oc.env:..}``) stays as it is written: its value may be another
    each time, and asking may do something. ``wd: ${lr}`` and ``wd: 0.1`` are the same where ``lr`` is 0.1.

    Args:
        config: Plain dicts and lists, interpolations unresolved.
    """
    return {key: _settle(value, (key,), config, 0) for key, value in config.items()}


def _settle(value: Any, place: Keys, config: Mapping[str, Any], depth: int) -> Any:
    if isinstance(value, Constant):  # it has no references
        return value
    if isinstance(value, Mapping):
        return {key: _settle(item, (*place, key), config, depth) for key, item in value.items()}
    if isinstance(value, list):
        return [_settle(item, (*place, index), config, depth) for index, item in enumerate(value)]
    if not isinstance(value, str) or "${" not in value or depth >= _DEEPEST:
        return value
    whole = _REFERENCE.fullmatch(value.strip())
    if whole:
        return _referred(whole, place, config, depth, value)
    return _REFERENCE.sub(lambda found: _in_text(found, place, config, depth), value)


def _in_text(found: re.Match[str], place: Keys, config: Mapping[str, Any], depth: int) -> str:
    """A reference inside a text; one to a mapping or list is left: a resolver may be meant to get it."""
    value = _referred(found, place, config, depth, found.group())
    return found.group() if isinstance(value, Mapping | list) else str(value)


def _referred(found: re.Match[str], place: Keys, config: Mapping[str, Any], depth: int, written: str) -> Any:
    """What stands where a reference leads; the reference as it is written where it leads nowhere."""
    up = len(found["dots"])
    if up > len(place):
        return written
    target = _keys(found["path"], place[: len(place) - up] if up else (), config)
    return written if target is None else _settle(_at(config, target), target, config, depth + 1)


def _keys(path: str, base: Keys, config: Mapping[str, Any]) -> Keys | None:
    """The place that a path names, seen from another; None where there is no such place."""
    keys = base
    for step in _STEP.findall(path):
        node = _at(config, keys)
        fitting = [key for key in _readings(step) if _child(node, key) is not _MISSING]
        if not fitting:
            return None
        keys = (*keys, fitting[0])
    return keys


def _readings(step: str) -> tuple[Any, ...]:
    return (step, int(step)) if step.isdecimal() else (step,)


def _child(node: Any, key: Any) -> Any:
    if isinstance(node, Mapping):
        return node.get(key, _MISSING)
    if isinstance(node, list) and isinstance(key, int) and key < len(node):
        return node[key]
    return _MISSING


def _at(config: Any, keys: Keys) -> Any:
    for key in keys:
        config = _child(config, key)
    return config


def exact(value: Any) -> Any:
    """The same value in JSON's terms, with NaN and infinities told apart (`from_exact` reads them)."""
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else f"{key!r}": exact(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [exact(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def from_exact(value: Any) -> Any:
    """What `exact` was given, as far as JSON has it; keys that were no texts stay texts."""
    if isinstance(value, Mapping):
        if value.keys() == {"float"} and value["float"] in _NOT_FINITE:
            return float(value["float"])
        return {key: from_exact(item) for key, item in value.items()}
    return [from_exact(item) for item in value] if isinstance(value, list) else value


def prints(config: Mapping[str, Any]) -> dict[str, str]:
    """Path of each value of a config -> a short hash of it, so that two can be compared without either.

    Args:
        config: Plain dicts and lists, unresolved: a secret in it is not to be read from what is returned.
    """
    found: dict[str, str] = {}
    for path, value in _leaves(config, ""):
        if isinstance(value, Constant) and value:
            found |= _prints_of(value, path)
        else:
            found[path] = _print(value)
    return found


def _prints_of(value: Constant, path: str) -> dict[str, str]:
    """The prints of a constant, made once."""
    if ("prints", path) not in value.made:
        found = {place: _print(item) for place, item in _leaves(value.bare(), path)}
        value.made["prints", path] = found
    made: dict[str, str] = value.made["prints", path]
    return made


def _print(value: Any) -> str:
    text = json.dumps(exact(value), sort_keys=True)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def _leaves(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping) and node and not isinstance(node, Constant):
        for key, item in node.items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    else:
        yield path, node


def strayed(planned: Mapping[str, str], found: Mapping[str, str]) -> Sequence[str]:
    """The paths at which a config differs from the one that was planned (both as `prints`), in order."""
    paths = dict.fromkeys([*planned, *found])
    return [path for path in paths if planned.get(path) != found.get(path)]
