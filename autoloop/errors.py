"""Errors a user can cause, each with what was read, what is wrong with it and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from typing_extensions import Self

#: Characters of a long edit that an error shows.
_SHOWN = 160


class AutoloopError(ValueError):
    """A mistake of the user, reported in one clear message; the base of all our errors.

    Attributes:
        exit_code: What a command that it ends exits with: 2 for wrong usage, 1 where something else failed.
    """

    exit_code: ClassVar[int] = 2


class EditError(AutoloopError):
    """An edit that cannot be read, or cannot be applied to this config.

    Attributes:
        text: The edit as the user wrote it.
        position: Index of the offending character in ``text`` (0-based).
        nearest: The nearest valid name, or None where there is none.
        why: The reason as one sentence, without the text and the caret.
    """

    def __init__(self, message: str, text: str = "", position: int = 0, nearest: str | None = None) -> None:
        super().__init__(message)
        self.text = text
        self.position = position
        self.nearest = nearest
        self.why = message

    @classmethod
    def at(cls, head: str, text: str, position: int, why: str, nearest: str | None = None) -> Self:
        """Build the error that shows ``text`` with a caret under ``position`` and the reason beside it.

        Args:
            head: What kind of mistake it is, such as ``no match for``.
            text: The edit as the user wrote it; control characters are shown as ``?``.
            position: Index of the offending character in ``text``.
            why: What is wrong there and what to do, as one sentence.
            nearest: The nearest valid name, kept on the error; ``why`` already tells it.
        """
        shown, column = _window(text, position)
        caret = " " * (len(head) + 2 + column) + "^ "
        error = cls(f"{head} '{shown}'\n{caret}{why}", text=text, position=position, nearest=nearest)
        error.why = why
        return error


class NoMatchError(EditError):
    """An edit whose path matches nothing in this config."""


class NoChangeError(EditError):
    """An edit whose every match keeps its value."""


class MisfitError(EditError):
    """Edits that lead to a config which Hydra does not compose, or in which a value cannot be resolved."""


class ConfigError(AutoloopError):
    """A setting of autoloop's own that cannot be used."""


class SettingError(ConfigError):
    """One setting whose value cannot be used.

    Attributes:
        setting: Its name, such as ``rounds`` or ``notify.failures``.
        shown: Its value in the message, such as ``=0``; empty where the message does without.
        problem: What follows them in the message.
    """

    def __init__(self, setting: str, value: object, problem: str, show: bool = True) -> None:
        self.setting = setting
        self.shown = f"={value!r}" if show else ""
        self.problem = problem
        super().__init__(f"{setting}{self.shown}{problem}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Its words: an error travels between processes."""
        return ConfigError, self.args


class CompositionError(ConfigError):
    """Overrides that do not compose; its cause is what Hydra raised, which ends with Hydra's exit code."""

    exit_code = 1


class JournalError(AutoloopError):
    """A journal that cannot be read, continued or locked."""


class OutsideError(AutoloopError):
    """What was asked for is right, but something outside is missing: network, key, package, runs."""

    exit_code = 1


def nearest(name: str, candidates: Iterable[object]) -> str | None:
    """Return the candidate closest to ``name`` in spelling, or None if none is close."""
    found = get_close_matches(name, [str(candidate) for candidate in candidates], n=1, cutoff=0.5)
    return found[0] if found else None


def did_you_mean(name: str, candidates: Iterable[object]) -> str:
    """Return ``; did you mean 'x'?`` for the nearest candidate, or an empty string."""
    found = nearest(name, candidates)
    return f"; did you mean {found!r}?" if found else ""


def _window(text: str, position: int) -> tuple[str, int]:
    """Return the part of ``text`` around ``position`` that an error shows, and the position in it."""
    start = max(0, position - _SHOWN // 2) if len(text) > _SHOWN else 0
    part = text[start : start + _SHOWN]
    return "".join(char if char.isprintable() else "?" for char in part), position - start


def counted(number: float, word: str) -> str:
    """A number and what it counts; the plural of the word ends in ``s``.

    >>> counted(1, "round"), counted(3, "round"), counted(0.5, "hour")
    ('1 round', '3 rounds', '0.5 hours')
    """
    text = str(number) if isinstance(number, int) else f"{number:g}"
    return f"{text} {word}" + ("" if text == "1" else "s")
