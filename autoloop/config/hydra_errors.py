"""Hydra's own errors in one message, with the nearest valid name where the mistake is a name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from autoloop.errors import did_you_mean

_KEY = re.compile(r"^\s*full_key: (?P<key>\S+)$", re.MULTILINE)
_NO_KEY = re.compile(r"Key '[^']*' (?P<kind>is not in struct|not in ')")
_OPTION = re.compile(r"Could not find '(?P<option>[^']+)'")
_OPTIONS = re.compile(r"Available options in '(?P<group>[^']*)':\n(?P<options>(?:\t.*\n?)+)")
_TECHNICAL = ("full_key:", "object_type=", "reference_type=", "See https://")


def hydra_message(error: BaseException, config: DictConfig | None = None, groups: Iterable[str] = ()) -> str:
    """Return what Hydra or OmegaConf says, without its technical lines, and the name that was meant.

    Args:
        error: What it raised.
        config: The config it was raised about, where one is at hand: its keys are the valid names.
        groups: Names of config groups, which are valid names as well.
    """
    text = "\n".join(_words(error))
    option, options = _OPTION.search(text), _OPTIONS.search(text)
    if option and options:
        group, known = options["group"], [line.strip() for line in options["options"].splitlines()]
        asked = option["option"].removeprefix(f"{group}/")
        return f"{group}={asked} is not known{did_you_mean(asked, known)} (known: {', '.join(known)})"
    key, no_key = _KEY.search(text), _NO_KEY.search(text)
    if key and no_key:
        hint = did_you_mean(key["key"], [*groups, *_paths(config)])
        adding = f" (to add it, write +{key['key']}=...)" if no_key["kind"].startswith("is") else ""
        return f"{key['key']!r} is not a key of the config{hint}{adding}"
    kept = "\n".join(line for line in text.splitlines() if line.strip() and not _is_technical(line))
    unread = getattr(error, "override", None)
    return f"the override {unread!r} cannot be read:\n{kept}" if unread else kept


def in_one_line(message: str) -> str:
    """Return a message of several lines as one, for a sentence that goes on before it."""
    return "; ".join(line.strip().rstrip(";") for line in message.splitlines() if line.strip())


def unresolved(composed: DictConfig) -> dict[str, str]:
    """Path -> why, for each value of a job's config that is missing or cannot be resolved.

    Args:
        composed: The whole config; its ``hydra`` node is left aside.
    """
    found: dict[str, str] = {}
    for key in composed:
        if key != "hydra":
            _resolve(composed, key, str(key), found)
    return found


def _resolve(node: DictConfig | ListConfig, key: Any, path: str, found: dict[str, str]) -> None:
    """Resolve one value with all below it; where that fails, look below it for what fails."""
    try:
        value = node[key]
        if not OmegaConf.is_config(value):
            return
        OmegaConf.to_container(value, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        below = node._get_node(key) if not OmegaConf.is_interpolation(node, key) else None
        if not isinstance(below, DictConfig | ListConfig) or below._is_none() or below._is_missing():
            found[path] = hydra_message(error)
            return
        keys: Iterable[Any] = below if isinstance(below, DictConfig) else range(len(below))
        for inner in keys:
            _resolve(below, inner, f"{path}.{inner}", found)


def _words(error: BaseException) -> Iterator[str]:
    """The messages of an error and of those that caused it, none twice."""
    seen = ""
    cause: BaseException | None = error
    while cause is not None:
        if str(cause) not in seen:
            yield str(cause)
            seen += str(cause)
        cause = cause.__cause__


def _is_technical(line: str) -> bool:
    return line.strip().startswith(_TECHNICAL)


def _paths(config: DictConfig | None) -> list[str]:
    """Every path of a config, Hydra's own at the end of the list."""
    bare = OmegaConf.to_container(config, resolve=False) if config is not None else {}
    paths = list(_below("", bare)) if isinstance(bare, Mapping) else []
    return sorted(paths, key=lambda path: path.startswith("hydra"))


def _below(prefix: str, node: Mapping[Any, Any]) -> Iterator[str]:
    for key, value in node.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _below(f"{prefix}{key}.", value)
