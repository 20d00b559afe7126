"""From two configs to the Hydra overrides that lead from one to the other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from autoloop.edits._literal import LiteralError, format_literal
from autoloop.edits._path import Keys, format_path, look_up
from autoloop.errors import EditError

#: A key that Hydra takes as the first step of an override, and as a later one.
_FIRST_STEP = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")
_LATER_STEP = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*|0|[1-9][0-9]*")


class Difference(NamedTuple):
    """One place where two configs differ."""

    keys: Keys
    old: Any
    new: Any


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal in type too; 1 is not 1.0 and not true, NaN is NaN."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other or (one != one and other != other))


def differences(old: Any, new: Any, keys: Keys = ()) -> Iterator[Difference]:
    """Yield the smallest places where ``new`` differs from ``old``, in the order of the config.

    Mappings with other keys and lists of another length differ as a whole.
    """
    if old is new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping) and old.keys() == new.keys():
        for key in old:
            yield from differences(old[key], new[key], (*keys, key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, item in enumerate(old):
            yield from differences(item, new[index], (*keys, index))
    elif not same(old, new):
        yield Difference(keys, old, new)


def overrides_for(found: Iterable[Difference], new: Mapping[Any, Any]) -> list[str]:
    """Write the Hydra override strings for differences to the config ``new``.

    A place whose keys Hydra cannot name (a dot in a key) is reached by merging a mapping into the deepest
    place above it that can be named; Hydra replaces lists as a whole, so such a list is written whole.

    Raises:
        EditError: No override can name the place or write the value.
    """
    lines: list[str] = []
    for difference in found:
        if isinstance(difference.new, (Mapping, list)):
            lines += [_override(difference.keys, between, new) for between in _clearing(difference)]
        lines.append(_override(difference.keys, difference.new, new))
    return list(dict.fromkeys(lines))


def _clearing(difference: Difference) -> list[Any]:
    """Return what must stand at a place first, where Hydra would merge the new value into the old one.

    Null empties a mapping and keeps its type; between a mapping and a list, which do not merge, only a
    value that is neither makes room.
    """
    if isinstance(difference.old, Mapping):
        return [None] if isinstance(difference.new, Mapping) else [0]
    return [0] if isinstance(difference.old, list) and isinstance(difference.new, Mapping) else []


def _override(keys: Keys, value: Any, config: Mapping[Any, Any]) -> str:
    """Write one override that puts ``value`` at ``keys``."""
    count = _nameable(keys, config)
    if count == 0:
        why = (
            f"no Hydra override can name the key {keys[0]!r} at the top of a config; put it under another key"
        )
        raise EditError.at("no override for", format_path(keys), 0, why)
    try:
        literal = format_literal(_merging(keys[count:], value, look_up(config, keys[:count])))
    except LiteralError as error:
        raise EditError.at("no override for", format_path(keys), 0, error.why) from None
    return f"{'.'.join(map(str, keys[:count]))}={literal}"


def _nameable(keys: Keys, config: Any) -> int:
    """Return how many of the leading keys an override can name."""
    step = _FIRST_STEP
    for count, key in enumerate(keys):
        in_list = isinstance(config, list)
        if not in_list and not (isinstance(key, str) and step.fullmatch(key)):
            return count
        config, step = config[key], _LATER_STEP
    return len(keys)


def _merging(keys: Keys, value: Any, node: Any) -> Any:
    """Return what to merge into ``node`` so that ``value`` stands at ``keys`` under it."""
    if not keys:
        return value
    if isinstance(node, list):
        return node
    return {keys[0]: _merging(keys[1:], value, node[keys[0]])}
