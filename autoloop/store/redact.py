"""Keeping secrets, and what could disturb a terminal, out of what is written down."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping
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
    return _hide(text, secrets(environment))


def secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that look like secrets."""
    return {
        name: value
        for name, value in environment.items()
        if SECRET_NAME.search(name) and len(value) >= SHORTEST_SECRET
    }


def _hide(text: str, found: Mapping[str, str]) -> str:
    for name, value in found.items():
        if value in text:
            text = text.replace(value, f"<{name}>")
    return text


def redact_all(value: Any, environment: Mapping[str, str]) -> Any:
    """Return a tree of mappings and lists with `redact` applied to every text in it, keys included."""
    return _hide_all(value, secrets(environment))


def _hide_all(value: Any, found: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _hide(value, found)
    if isinstance(value, Mapping):
        return {_hide_all(key, found): _hide_all(item, found) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hide_all(item, found) for item in value]
    return value


def reveal(text: str, environment: Mapping[str, str]) -> str:
    """Return ``text`` with every ``<NAME>`` that `redact` put there replaced by the variable's value."""
    for name, value in secrets(environment).items():
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


def one_line(text: str, length: int = 500) -> str:
    """The first line of a message, without control characters and secrets, at most ``length`` characters."""
    text = redact(text, os.environ)
    first = next((line for line in text.splitlines() if line.strip()), "")
    return without_controls(first).strip()[:length]
