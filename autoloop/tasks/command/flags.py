"""Values as arguments of a command line, in the three ways trainers take them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from autoloop.edits import LiteralError, format_literal
from autoloop.errors import ConfigError


def flag_args(flags: Iterable[Mapping[str, Any]], style: str) -> list[str]:
    """Write values as arguments.

    Args:
        flags: Mappings, nested or not; a value in a later one wins. None is left out, except in Hydra's
        style.
        style: ``equals`` (``--a.b=1``, as draccus and other dataclass command lines read it), ``argparse``
            (``--a-b 1``, lists as several arguments, true as the bare flag, false left out) or ``hydra``
            (``a.b=1``).

    Raises:
        ConfigError: A value that cannot be written in this style.

    >>> flag_args([{"steps": 60, "wandb": {"mode": "offline", "entity": None}}], "equals")
    ['--steps=60', '--wandb.mode=offline']
    """
    values: dict[str, Any] = {}
    for mapping in flags:
        values.update(_flat(mapping, ""))
    write = _STYLES[style]
    return [arg for name, value in values.items() for arg in write(name, value)]


def _flat(node: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _equals(name: str, value: Any) -> list[str]:
    return [] if value is None else [f"--{name}={value if isinstance(value, str) else json.dumps(value)}"]


def _argparse(name: str, value: Any) -> list[str]:
    flag = "--" + name.replace("_", "-").replace(".", "-")
    if value is None or value is False:
        return []
    if value is True:
        return [flag]
    if isinstance(value, Mapping):
        raise ConfigError(
            f"{name}={value!r} cannot be written as a flag of argparse; take it out of profile.flags"
        )
    items = value if isinstance(value, list) else [value]
    return [flag, *(item if isinstance(item, str) else json.dumps(item) for item in items)]


def _hydra(name: str, value: Any) -> list[str]:
    try:
        return [f"{name}={format_literal(value)}"]
    except LiteralError as error:
        raise ConfigError(f"{name}={value!r} cannot be written as a Hydra override: {error.why}") from error


_STYLES: dict[str, Callable[[str, Any], list[str]]] = {
    "equals": _equals,
    "argparse": _argparse,
    "hydra": _hydra,
}
