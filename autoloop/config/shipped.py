"""What autoloop's own config files said in earlier versions, so that a study begun then goes on now.

A study keeps the rules, metrics and bounds it began with in its header, whether the user wrote them or they
came with autoloop. Where a value is one that came with an earlier version, and stands now as it comes with
this one, the user has changed nothing. ``shipped.yaml`` lists those values; `tests/config/test_shipped.py`
fails when a file in ``conf/`` says something else and the list does not know it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("shipped.yaml")

#: Where the settings of a study may stand in an app's config: at its top, or in the sweeper's section.
_SECTIONS = ((), ("autoloop",))

Keys = tuple[str, ...]


@cache
def former_values() -> Mapping[Keys, Sequence[Sequence[Any]]]:
    """Place of a setting -> for each file that has it the values it came with, the present one last.

    A value of None is a setting that was not there.
    """
    places: dict[Keys, list[Sequence[Any]]] = {}
    for entry in yaml.safe_load(FILE.read_text()):
        places.setdefault(tuple(entry["place"]), []).append(entry["values"])
    return places


def is_shipped_change(place: Keys, old: Any, new: Any) -> bool:
    """Tell whether a setting differs because it comes otherwise with this version than with an earlier one.

    Args:
        place: Its keys, from the name of the config group on.
        old: Its value when a study began; None where it was not there.
        new: Its value now.
    """
    histories = former_values().get(place, ())
    return any(new == values[-1] and old in values[:-1] for values in histories)


def as_it_came_then(config: Mapping[str, Any], then: Mapping[str, Any]) -> dict[str, Any]:
    """Return a job's config with the settings that an earlier version brought, as a study's header has them.

    Args:
        config: A job's config as it is now, with the settings of the study in it or not.
        then: The config of the study's baseline as its header has it.
    """
    result: dict[str, Any] = deepcopy(dict(config))
    for section in _SECTIONS:
        for place in former_values():
            _put_back(result, then, (*section, *place), place)
    return result


def _put_back(config: dict[str, Any], then: Mapping[str, Any], keys: Keys, place: Keys) -> None:
    node, before = (_at(one, keys[:-1]) for one in (config, then))
    if not isinstance(node, dict) or not isinstance(before, Mapping):
        return
    name = keys[-1]
    if not is_shipped_change(place, before.get(name), node.get(name)):
        return
    if name in before:
        node[name] = before[name]
    else:
        node.pop(name, None)


def _at(config: Any, keys: Keys) -> Any:
    for key in keys:
        config = config.get(key) if isinstance(config, Mapping) else None
    return config
