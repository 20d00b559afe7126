"""From a config to rules: each entry names a class and its settings."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any, TypeVar

from autoloop.errors import ConfigError, did_you_mean
from autoloop.rules.base import Rule

T = TypeVar("T")


def build_rules(config: Mapping[str, Any]) -> list[Rule]:
    """Build the rules of a config, in its order, which is their priority.

    Args:
        config: Rule name -> ``{_target_: dotted path of a Rule class, setting: value ...}``; an entry that is
            null is a rule switched off.

    Raises:
        ConfigError: An entry has no ``_target_``, names no Rule class, or has a setting the class does not
            know or does not accept.
    """
    if not isinstance(config, Mapping):
        raise ConfigError(f"rules={config!r} cannot be used; it must map each rule's name to its settings")
    return [_build_rule(str(name), entry) for name, entry in config.items() if entry is not None]


def _build_rule(name: str, entry: Any) -> Rule:
    settings = {"name": name, **entry} if isinstance(entry, Mapping) else entry
    return build("rule", name, settings, Rule)  # type: ignore[type-abstract]  # never called itself


def build(kind: str, name: str, entry: Any, base: type[T]) -> T:
    """Make an object from ``{_target_: dotted path, setting: value ...}``.

    Args:
        kind: What it is, for messages.
        name: Its name in the config, for messages.
        entry: Target and settings.
        base: The class the target must derive from; nothing else is ever called.

    Raises:
        ConfigError: See `build_rules`.
    """
    if not isinstance(entry, Mapping) or not isinstance(entry.get("_target_"), str):
        raise ConfigError(
            f"{_called(kind, name)}: {entry!r} cannot be used; it needs a _target_ such as "
            f"{base.__module__.rpartition('.')[0]}.ClassName, or null to switch it off"
        )
    target = resolve(kind, name, entry["_target_"], base)
    settings = {str(key): value for key, value in entry.items() if key != "_target_"}
    _check_settings(kind, name, target, settings)
    return target(**settings)


def resolve(kind: str, name: str, target: str, base: type[T]) -> type[T]:
    """Return the class that a dotted path names.

    Raises:
        ConfigError: There is no such module or name, or it is not a concrete subclass of ``base``.
    """
    module_name, _, class_name = target.rpartition(".")
    try:
        module = import_module(module_name) if module_name else None
    except ImportError as error:
        raise ConfigError(
            f"{_called(kind, name)}: _target_={target!r} cannot be imported: {error}"
        ) from error
    known = {key: value for key, value in vars(module).items() if _is_concrete(value, base)} if module else {}
    if class_name not in known:
        hint = did_you_mean(class_name, known) or (f"; there are {', '.join(known)}" if known else "")
        raise ConfigError(f"{_called(kind, name)}: _target_={target!r} is not a {base.__name__} class{hint}")
    found: type[T] = known[class_name]
    return found


def _called(kind: str, name: str) -> str:
    """An entry by kind and name; a strategy, of which there is one, by its kind alone."""
    return kind if name == kind else f"{kind} {name!r}"


def _is_concrete(value: Any, base: type) -> bool:
    return inspect.isclass(value) and issubclass(value, base) and not inspect.isabstract(value)


def _check_settings(kind: str, name: str, target: type, settings: Mapping[str, Any]) -> None:
    """Refuse settings that the constructor does not know, and miss those it needs."""
    parameters = inspect.signature(target).parameters
    open_ended = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    for key in settings:
        if key not in parameters and not open_ended:
            raise ConfigError(
                f"{_called(kind, name)}: {target.__name__} has no setting {key!r}"
                f"{did_you_mean(key, parameters)}; it has {', '.join(parameters)}"
            )
    missing = [k for k, p in parameters.items() if p.default is p.empty and p.kind is p.KEYWORD_ONLY]
    missing = [key for key in missing if key not in settings]
    if missing:
        raise ConfigError(f"{_called(kind, name)}: {target.__name__} needs {', '.join(missing)}")
