"""Hydra's own errors in one message, with the nearest valid name where the mistake is a name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from autoloop.errors import did_you_mean

_KEY = re.compile(r"^\s*full_key: (?P<key>\S+)$", re.MULTILINE)
_OPTION = re.compile(r"Could not find '(?P<option>[^']+)'")
_OPTIONS = re.compile(r"Available options in '(?P<group>[^']*)':\n(?P<options>(?:\t.*\n?)+)")


def hydra_message(error: BaseException, config: DictConfig | None = None) -> str:
    """Return what Hydra or OmegaConf says, without its technical lines, and the name that was meant.

    Args:
        error: What it raised.
        config: The config it was raised about, where one is at hand: its keys are the valid names.
    """
    text = "\n".join(_words(error))
    found = _OPTION.search(text)
    listed = _OPTIONS.search(text)
    if found and listed:
        group, options = listed["group"], [option.strip() for option in listed["options"].splitlines()]
        asked = found["option"].removeprefix(f"{group}/")
        return f"{group}={asked} is not known{did_you_mean(asked, options)} (known: {', '.join(options)})"
    missing = _KEY.search(text)
    kept = "\n".join(line for line in text.splitlines() if line.strip() and not _is_technical(line))
    hint = did_you_mean(missing["key"], _paths(config)) if missing and config is not None else ""
    return kept + hint


def _words(error: BaseException) -> Iterator[str]:
    """The messages of an error and of those that caused it, none twice."""
    told = ""
    cause: BaseException | None = error
    while cause is not None:
        if str(cause) not in told:
            yield str(cause)
            told += str(cause)
        cause = cause.__cause__


def _is_technical(line: str) -> bool:
    return line.strip().startswith(("full_key:", "object_type=", "reference_type=", "Config search path:"))


def _paths(config: DictConfig) -> list[str]:
    """Every path of a config, Hydra's own part left out."""
    bare = OmegaConf.to_container(config, resolve=False)
    return list(_below("", bare)) if isinstance(bare, Mapping) else []


def _below(prefix: str, node: Mapping[Any, Any]) -> Iterator[str]:
    for key, value in node.items():
        path = f"{prefix}{key}"
        if path != "hydra":
            yield path
            if isinstance(value, Mapping):
                yield from _below(f"{path}.", value)
