"""From a config to stop rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autoloop.errors import ConfigError
from autoloop.rules.build import build
from autoloop.stopping.base import StopRule


def build_stop_rules(config: Mapping[str, Any]) -> list[StopRule]:
    """Build the stop rules of a config, in its order.

    Args:
        config: Rule name -> ``{_target_: dotted path of a StopRule class, setting: value ...}``; an entry
            that is null is a rule switched off.

    Raises:
        ConfigError: An entry has no ``_target_``, names no StopRule class, or has a setting the class does
            not know or does not accept.
    """
    if not isinstance(config, Mapping):
        raise ConfigError(
            f"stop_rules={config!r} cannot be used; it must map each rule's name to its settings"
        )
    return [_build(str(name), entry) for name, entry in config.items() if entry is not None]


def _build(name: str, entry: Any) -> StopRule:
    settings = {"name": name, **entry} if isinstance(entry, Mapping) else entry
    return build("stop rule", name, settings, StopRule)  # type: ignore[type-abstract]  # never called itself
