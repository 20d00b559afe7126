"""Keeping secrets, and what could disturb a terminal, out of what is written down."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from autoloop.store.secrets import Secrets, of_config, of_environment
from autoloop.study.own_words import NAME, SETTING, WORD, Own

MARGIN = 4096
"""What is read beside the piece of a file that is kept, so that a secret across its edge is seen whole."""

#: Escape sequences, controls but tab and newline, line separators and marks that turn the direction of text.
CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)

_named_by_config: dict[str, str] = {}


def keep_secrets_of(config: Any) -> dict[str, str]:
    """From now on nothing that this process writes holds what a config calls a password, a token, a key.

    Args:
        config: Plain dicts and lists, interpolations unresolved.

    Returns:
        What it calls so, by name.
    """
    found = of_config(config, os.environ)
    keep_secrets(found)
    return found


def keep_secrets(named: Mapping[str, str]) -> None:
    """The same of secrets that another process has found.

    Args:
        named: Name -> secret.
    """
    _named_by_config.update(named)


def known_secrets(environment: Mapping[str, str]) -> Secrets:
    """The secrets that an environment holds, and those that a config named (`keep_secrets_of`)."""
    return _known(tuple(environment.items()), tuple(_named_by_config.items()))


@lru_cache(maxsize=8)
def _known(variables: tuple[tuple[str, str], ...], named: tuple[tuple[str, str], ...]) -> Secrets:
    return Secrets.of({**dict(named), **of_environment(dict(variables))})


def redact(text: str, environment: Mapping[str, str]) -> str:
    """Return ``text`` with every secret in it replaced by its name; see `autoloop.store.secrets`.

    Redact before you cut and before you escape: half a secret is no less secret.

    Args:
        text: What is about to be written.
        environment: The variables whose values may occur in it.
    """
    return known_secrets(environment).hide(text)


def redact_all(value: Any, environment: Mapping[str, str], own: Own | None = None) -> Any:
    """Return a tree of mappings and lists with `redact` applied to the texts in it, never to their keys.

    Args:
        value: The tree.
        environment: As in `redact`.
        own: Where in it words of ours and names stand, which no secret must change.
    """
    known = known_secrets(environment)
    return _hide_all(value, known, own) if known.values else value


def _hide_all(value: Any, known: Secrets, own: Own | None) -> Any:
    if own == WORD:
        return value
    if isinstance(value, Mapping):
        return {key: _hide_all(item, known, _inside(own, key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hide_all(item, known, _inside(own, place)) for place, item in enumerate(value)]
    return _hide_in(value, known, own) if isinstance(value, str) else value


def _hide_in(text: str, known: Secrets, own: Own | None) -> str:
    if own == NAME:
        return known.strong.hide(text)
    if own == SETTING:
        key, equals, setting = text.partition("=")
        return f"{key}{equals}{known.hide(setting)}" if equals else known.hide(text)
    return known.hide(text)


def _inside(own: Own | None, key: object) -> Own | None:
    return own.get(str(key), own.get("*")) if isinstance(own, Mapping) else own


def reveal(text: str, environment: Mapping[str, str]) -> str:
    """Return ``text`` with everything that `redact` hid in it put back."""
    return known_secrets(environment).reveal(text) if "<" in text else text


def without_controls(text: str) -> str:
    """Return ``text`` without what a terminal would obey instead of showing it; tabs and line ends stay."""
    return CONTROL.sub("", text)


class Clean(logging.Filter):
    """Takes secrets and control characters out of every record of a logger."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Clean the message; never leave a record out."""
        record.msg = without_controls(redact(record.getMessage(), os.environ))
        record.args = ()
        return True


def logger(name: str) -> logging.Logger:
    """Return the logger of that name, whose records are clean."""
    found = logging.getLogger(name)
    if not any(isinstance(one, Clean) for one in found.filters):
        found.addFilter(Clean())
    return found


def print_error(error: Exception) -> None:
    """Show a user's mistake on standard error, clean; several lines begin on a line of their own."""
    text = str(error)
    apart = "\n" if "\n" in text else " "
    print(without_controls(redact(f"{type(error).__name__}:{apart}{text}", os.environ)), file=sys.stderr)


def one_line(text: str, length: int = 500) -> str:
    """The first line of a message, without control characters and secrets, at most ``length`` characters."""
    text = redact(text, os.environ)
    first = next((line for line in text.splitlines() if line.strip()), "")
    return without_controls(first).strip()[:length]
