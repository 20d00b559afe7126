"""Rules, stop rules, bounds and conditions that are given as a mapping: changes to a set that has a name.

``hydra.sweeper.rules={plateau: null}`` takes one rule out of the set that would hold otherwise, and
``{mine: {_target_: ..}}`` adds one to it. ``use`` names another set to start from, ``use: none`` starts from
nothing. What an app's own files say below ``autoloop.rules`` is a whole set, as it always was, unless all of
it is null or settings of rules that it does not define.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from autoloop.config.knobs import SECTION, SWEEPER, TOP_KEY
from autoloop.errors import SettingError, did_you_mean
from autoloop.study.events import StudyBegun

#: The key of a mapping that names the set to start from.
USE = "use"
#: Setting -> what an entry of it is.
ENTRIES = {"rules": "rule", "stop_rules": "stop rule", "bounds": "bound", "until": "condition"}
#: Those whose entries name a class.
_OF_CLASSES = ("rules", "stop_rules")


def with_sets(given: Mapping[str, Any], config: DictConfig, begun: StudyBegun | None) -> dict[str, Any]:
    """Say in each mapping that names no set which one it changes.

    Args:
        given: The sweeper's settings as plain values.
        config: The whole config of the sweep.
        begun: How the study in the sweep's directory began, if there is one: a mapping that was a whole set
            then is one still.

    Returns:
        The settings; `overlaid` makes a set of each such mapping.
    """
    recorded = (begun.settings or {}) if begun else {}
    settings = dict(given)
    for name in ENTRIES:
        value = given.get(name)
        if isinstance(value, Mapping) and _is_change(value) and value != recorded.get(name):
            settings[name] = _from_sweeper(name, value, config)
    return settings


def _is_change(value: Mapping[str, Any]) -> bool:
    return bool(value) and USE not in value


def _from_sweeper(name: str, value: Mapping[str, Any], config: DictConfig) -> Mapping[str, Any]:
    written: Any = config.hydra.sweeper._get_node(name)
    if OmegaConf.is_dict(written) and not written._is_interpolation():
        return {USE: _from_section(name, config), **value}
    return _in_section(name, value, config)


def _from_section(name: str, config: DictConfig) -> Any:
    """The set that an app's section names or holds; the default where it says nothing."""
    value: Any = OmegaConf.select(config, f"{SECTION}.{name}")
    value = OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
    if value is None:
        return _default(name)
    is_change = isinstance(value, Mapping) and _is_change(value)
    return _in_section(name, value, config) if is_change else value


def _in_section(name: str, value: Mapping[str, Any], config: DictConfig) -> Mapping[str, Any]:
    """A mapping of an app's own files: a whole set, unless it only speaks of what the default has."""
    section: Any = OmegaConf.to_container(config, resolve=False)
    top = TOP_KEY.fullmatch(str(section.get(SECTION, {}).get(name)))
    chosen = config.hydra.runtime.choices
    of_group = {str(group).partition("@")[0].rpartition("/")[2] for group in chosen if chosen[group]}
    if of_group.intersection({name, top[1]} if top else {name}) or any(map(_is_whole, value.values())):
        return value
    return {USE: _default(name), **value}


def _is_whole(entry: Any) -> bool:
    return isinstance(entry, Mapping) and "_target_" in entry


def _default(name: str) -> Any:
    return next(knob.default for knob in SWEEPER if knob.name == name)


def overlaid(name: str, changes: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """Return a set with changes: null switches an entry off, settings go over those it has.

    Args:
        name: The setting, one of `ENTRIES`.
        changes: Name of an entry -> what it is to be.
        base: The set, in its order; new entries come behind.

    Raises:
        SettingError: A change speaks of an entry that the set does not have.
    """
    result = dict(base)
    for key, change in changes.items():
        if key == USE:
            continue
        before, is_part = base.get(key), isinstance(change, Mapping) and not _is_whole(change)
        if key not in base and (change is None or (is_part and name in _OF_CLASSES)):
            known = f" (there are {', '.join(base)})" if base else " (there is none)"
            raise SettingError(
                f"{name}.{key}",
                change,
                f": there is no {ENTRIES[name]} {key!r} to change{did_you_mean(key, base)}{known}",
                show=False,
            )
        result[str(key)] = {**before, **change} if is_part and isinstance(before, Mapping) else change
    return result
