"""Errors a user can cause, each with what was read, what is wrong with it and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class AutoloopError(ValueError):
    """A mistake of the user's, told in one clear message; the base of all our errors."""


class EditError(AutoloopError):
    """An edit that cannot be read, or cannot be applied to this config.

    Attributes:
        text: The edit as the user wrote it.
        position: Index of the offending character in ``text`` (0-based).
        nearest: The nearest valid name, or None where there is none.
    """

    def __init__(self, message: str, text: str = "", position: int = 0, nearest: str | None = None) -> None:
        super().__init__(message)
        self.text = text
        self.position = position
        self.nearest = nearest


class NoChangeError(EditError):
    """An edit whose every match keeps its value."""


class ConfigError(AutoloopError):
    """A setting of autoloop's own that cannot be used."""


class JournalError(AutoloopError):
    """A journal that cannot be read, continued or locked."""


def nearest(name: str, candidates: Iterable[object]) -> str | None:
    """Return the candidate closest to ``name`` in spelling, or None if none is close."""
    found = get_close_matches(name, [str(candidate) for candidate in candidates], n=1, cutoff=0.5)
    return found[0] if found else None


def did_you_mean(name: str, candidates: Iterable[object]) -> str:
    """Return ``; did you mean 'x'?`` for the nearest candidate, or an empty string."""
    found = nearest(name, candidates)
    return f"; did you mean {found!r}?" if found else ""
