"""Keeping secrets, and what could disturb a terminal, out of what is written down."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)
SHORTEST_SECRET = 8  # shorter values would blank out ordinary words

#: Escape sequences, controls but tab and newline, line separators and marks that turn the direction of text.
CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def redact(text: str, environment: Mapping[str, str]) -> str:
    """Return ``text`` with the value of every secret-looking variable replaced by the variable's name.

    Args:
        text: What is about to be written.
        environment: The variables whose values may occur in it.
    """
    return _without(_secrets(environment), text)


def _secrets(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """The secret-looking variables and their values."""
    return [
        (name, value)
        for name, value in environment.items()
        if len(value) >= SHORTEST_SECRET and SECRET_NAME.search(name)
    ]


def _without(secrets: Sequence[tuple[str, str]], text: str) -> str:
    for name, value in secrets:
        if value in text:
            text = text.replace(value, f"<{name}>")
    return text


def redact_all(value: Any, environment: Mapping[str, str]) -> Any:
    """Return a tree of mappings and lists with `redact` applied to every text in it, keys included."""
    return _tree_without(_secrets(environment), value)


def _tree_without(secrets: Sequence[tuple[str, str]], value: Any) -> Any:
    if isinstance(value, str):
        return _without(secrets, value)
    if isinstance(value, Mapping):
        return {_tree_without(secrets, key): _tree_without(secrets, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_tree_without(secrets, item) for item in value]
    return value


def reveal(text: str, environment: Mapping[str, str]) -> str:
    """Return ``text`` with every ``<NAME>`` that `redact` put there replaced by the variable's value."""
    for name, value in _secrets(environment):
        text = text.replace(f"<{name}>", value)
    return text


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


def tell(error: Exception) -> None:
    """Show a user's mistake on standard error, clean; several lines begin on a line of their own."""
    text = str(error)
    apart = "\n" if "\n" in text else " "
    print(without_controls(redact(f"{type(error).__name__}:{apart}{text}", os.environ)), file=sys.stderr)
