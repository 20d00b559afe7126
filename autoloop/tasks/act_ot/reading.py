"""From a nested mapping to frozen settings classes, with a clear error for every mistake in it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from autoloop.errors import ConfigError, did_you_mean

_T = TypeVar("_T")


def plain(value: Any) -> Any:
    """Return a config value as plain dicts, lists and scalars, with interpolations resolved."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(item) for item in value]
    return value


def hint(name: str, candidates: Sequence[str]) -> str:
    """Return the nearest valid name as the end of an error message, or all of them where none is near."""
    return did_you_mean(name, candidates) or f"; known: {', '.join(candidates)}"


@dataclass(frozen=True, slots=True)
class SettingsReader:
    """Reads settings classes: dataclasses of numbers, truth values, text, tuples and other such classes.

    Attributes:
        tolerant: Classes whose blocks belong to others too, so that keys unknown to them are passed over.
    """

    tolerant: tuple[type, ...] = ()

    def read(self, cls: type[_T], block: Any, path: str = "") -> _T:
        """Return ``cls`` filled from ``block``; what is missing keeps its default.

        Args:
            cls: The settings class.
            block: Plain data, as :func:`plain` returns it.
            path: Where the block stands in the config, for messages.

        Raises:
            ConfigError: A key is unknown or missing, or a value has the wrong type.
        """
        if not isinstance(block, Mapping):
            raise ConfigError(f"{path or 'the config'} must be a mapping, got {block!r}")
        kinds = get_type_hints(cls)
        names = [spec.name for spec in fields(cls)]  # type: ignore[arg-type]
        for key in block:
            if key not in names and cls not in self.tolerant:
                raise ConfigError(f"{path}.{key} is not a setting of task=act_ot{hint(key, names)}")
        given = {
            name: self._convert(kinds[name], block[name], _join(path, name))
            for name in names
            if name in block
        }
        try:
            return cls(**given)
        except TypeError as error:  # a field without default is missing: all that can be wrong here
            raise ConfigError(f"{path}: {error}") from error

    def _convert(self, kind: Any, value: Any, path: str) -> Any:
        if isinstance(kind, type) and is_dataclass(kind):
            return self.read(kind, value, path)
        options = get_args(kind)
        if get_origin(kind) in (Union, UnionType):
            return None if value is None else self._convert(options[0], value, path)
        if get_origin(kind) is tuple:
            if not isinstance(value, list):
                raise ConfigError(f"{path} must be a list, got {value!r}")
            return tuple(self._convert(options[0], item, _join(path, str(i))) for i, item in enumerate(value))
        return _scalar(kind, value, path)


def _scalar(kind: type, value: Any, path: str) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is float and is_number and not math.isnan(value):
        return float(value)
    if kind is int and is_number and math.isfinite(value) and value == int(value):
        return int(value)
    if kind in (bool, str) and isinstance(value, kind):
        return value
    wanted = {float: "a number", int: "a whole number", bool: "true or false", str: "text"}[kind]
    raise ConfigError(f"{path} must be {wanted}, got {value!r}")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
