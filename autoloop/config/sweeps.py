"""Overrides as Hydra writes them, sweeps among them: read by Hydra's own parser, returned as plain values."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException

from autoloop.edits import LiteralError, format_literal, parse_literal
from autoloop.errors import ConfigError, did_you_mean
from autoloop.strategies.entries import SpaceEntry

_AS_FLOAT = re.compile(r"=\s*(?:\w+\s*\((?:\s*\w+\s*,)*\s*)*float\s*\(")


@dataclass(frozen=True, slots=True)
class SweptKey:
    """One override of a command line, or of ``params``.

    Attributes:
        key: Its key with what stands before it: ``x``, ``+w``, ``~db``.
        text: The override as it was written.
        values: The override strings that it stands for in a product: several for a list, none for an
            interval.
        entry: Its entry in the space, if it sweeps.
    """

    key: str
    text: str
    values: tuple[str, ...] = ()
    entry: SpaceEntry | None = None

    @property
    def path(self) -> str:
        """The path that it sets."""
        return self.key.lstrip("+~")

    @property
    def is_continuous(self) -> bool:
        """Whether it has no list of values: a product has no place for it."""
        return self.entry is not None and not self.values


def read_overrides(
    arguments: Sequence[str], params: Mapping[str, Any], loader: ConfigLoader
) -> tuple[SweptKey, ...]:
    """Read overrides; of two with one key the last counts, in the place of the first, as Hydra has it.

    Args:
        arguments: Those of the command line.
        params: Those of ``hydra.sweeper.params``: key -> its value as Hydra writes it, or an entry of
            ``space``; the command line goes over them.
        loader: Knows the options of config groups.

    Raises:
        ConfigError: A sweep without any value, or of a kind that is not known.
        HydraException: Hydra does not read an override.
    """
    parser = OverridesParser.create(config_loader=loader)
    found: dict[str, SweptKey] = {}
    for key, value in params.items():
        swept = _of_params(key, value, parser)
        found[swept.key] = swept
    for override in parser.parse_overrides(list(arguments)):
        swept = _swept_key(override)
        replaced = next(
            (key for key, one in found.items() if one.path == swept.path and key in params), swept.key
        )
        if replaced != swept.key:
            del found[replaced]
        found[swept.key] = swept
    return tuple(found.values())


def refuse_lists_of_study(overrides: Sequence[SweptKey], study_keys: Collection[str]) -> None:
    """Refuse several values of what the study itself has one of: no job would differ by them.

    Args:
        overrides: Those of the command line.
        study_keys: Keys at the top of the app's config that are settings of the study.

    Raises:
        ConfigError: An override sweeps one of them.
    """
    for swept in overrides:
        key, _, value = swept.text.partition("=")
        if swept.entry is not None and swept.path.partition(".")[0] in study_keys:
            instead = f"write {key}=[{value}]" if swept.path == "gpus" else "give it one value"
            raise ConfigError(
                f"{swept.text} asks for a job with each of these values, and {swept.path} is a setting of "
                f"the study that its jobs share: {instead}"
            )


def read_entry(path: str, given: Any, loader: ConfigLoader) -> SpaceEntry:
    """Read an entry of ``space``, in its own words or in Hydra's: ``interval(0, 1)``.

    Raises:
        ConfigError: It cannot be used.
    """
    if not isinstance(given, str):
        return SpaceEntry.read(path, given)
    try:
        (override,) = OverridesParser.create(config_loader=loader).parse_overrides([f"{path}={given}"])
        swept = _swept_key(override)
    except HydraException as error:
        raise ConfigError(f"space.{path}={given!r} cannot be read: {str(error).splitlines()[0]}") from None
    if swept.entry is None:
        raise ConfigError(f"space.{path}={given!r} is one value; write interval(low, high) or choice(a, b)")
    return swept.entry


def _of_params(key: str, value: Any, parser: OverridesParser) -> SweptKey:
    if isinstance(value, Mapping):
        return SweptKey(key, f"{key}={dict(value)}", entry=SpaceEntry.read(key, value))
    text = value if isinstance(value, str) else format_literal(value)
    try:
        (override,) = parser.parse_overrides([f"{key}={text}"])
        return _swept_key(override)
    except HydraException as error:
        first = str(error).splitlines()[0]
        raise ConfigError(f"hydra.sweeper.params: {key}={text} cannot be read: {first}") from None


def _swept_key(override: Override) -> SweptKey:
    key, text = override.get_key_element(), str(override.input_line)
    if not override.is_sweep_override():
        return SweptKey(key, text, (f"{key}={override.get_value_element_as_str()}",))
    value = override.value()
    if isinstance(value, IntervalSweep):
        return SweptKey(key, text, entry=_interval(key, text, value))
    values = tuple(override.sweep_string_iterator())
    if not values:
        raise ConfigError(f"{text!r} {_no_value(override)}")
    return SweptKey(key, text, tuple(f"{key}={one}" for one in values), _discrete(key, override))


def _interval(key: str, text: str, value: IntervalSweep) -> SpaceEntry:
    assert value.start is not None and value.end is not None
    of_float = bool(_AS_FLOAT.search(text)) or "float" in value.tags
    of_int = bool(re.search(r"\bint\s*\(", text.partition("=")[2])) or "int" in value.tags
    kind = "float" if of_float else "int" if of_int else ""
    ends = {"low": value.start, "high": value.end, "log": "log" in value.tags, "type": kind}
    return SpaceEntry.read(key.lstrip("+"), ends)


def _discrete(key: str, override: Override) -> SpaceEntry:
    """The values of a list or range, in the order in which they are written, whatever is shuffled."""
    value = override.value()
    if isinstance(value, RangeSweep) and len(_range(value)) > 1:
        numbers = _range(value)
        low, high = min(numbers[0], numbers[-1]), max(numbers[0], numbers[-1])
        return SpaceEntry.read(key.lstrip("+"), {"low": low, "high": high, "step": abs(value.step)})
    plain = copy(override)
    if isinstance(value, ChoiceSweep | RangeSweep):
        plain._value = copy(value)
        plain._value.shuffle = False
    return SpaceEntry(choices=tuple(_literal(text) for text in plain.sweep_string_iterator()))


def _range(value: RangeSweep) -> list[float]:
    return [number if isinstance(number, int) else float(number) for number in value.range()]


def _literal(text: str) -> Any:
    try:
        return parse_literal(text)
    except LiteralError:
        return text


def _no_value(override: Override) -> str:
    """Why a sweep stands for nothing."""
    loader, group = override.config_loader, override.key_or_group
    known = loader.get_group_options(group) if loader is not None else []
    if known:
        return f"matches no option of the config group {group!r} (there are {', '.join(known)})"
    if "glob" in str(override.input_line):
        groups = loader.list_groups("") if loader is not None else []
        return f"matches nothing: there is no config group {group!r}{did_you_mean(group, groups)}"
    return "contains no value"
