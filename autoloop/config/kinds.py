"""What values a setting takes: each kind reads one, or says what it should have been."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

from autoloop.errors import SettingError, did_you_mean


class ValueKind(Protocol):
    """A kind of values.

    Its text, ``str(kind)``, says in a few words which values it takes.
    """

    def read(self, name: str, value: Any) -> Any:
        """Return the value as the program uses it.

        Raises:
            SettingError: The setting ``name`` cannot have this value.
        """
        ...


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number.

    Attributes:
        low: The least that is taken.
    """

    low: int

    def __str__(self) -> str:
        return f"whole number of {self.low} or more"

    def read(self, name: str, value: Any) -> int:
        """Return it."""
        if isinstance(value, bool) or not isinstance(value, int) or value < self.low:
            raise SettingError(name, value, f" is not a {self}")
        return value


@dataclass(frozen=True, slots=True)
class AtOnce:
    """How many jobs run at once; -1, which says so to joblib, means as many as there is room for: null."""

    def __str__(self) -> str:
        return f"{Whole(1)}, -1 as null"

    def read(self, name: str, value: Any) -> int | None:
        """Return it; None for any number."""
        return None if is_any_number(value) else Whole(1).read(name, value)


def is_any_number(jobs_at_once: Any) -> bool:
    """Whether a number of jobs says, in joblib's words, as many as there is room for."""
    return type(jobs_at_once) is int and jobs_at_once == -1


@dataclass(frozen=True, slots=True)
class Positive:
    """A finite number above 0.

    Attributes:
        high: The greatest that is taken.
    """

    high: float = math.inf

    def __str__(self) -> str:
        return "number above 0" + (f", {self.high:g} at most" if math.isfinite(self.high) else "")

    def read(self, name: str, value: Any) -> float:
        """Return it as a float."""
        numeric = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not numeric or not 0 < value <= self.high:
            raise SettingError(name, value, f" is not a {self}")
        return float(value)


@dataclass(frozen=True, slots=True)
class Minutes:
    """A limit in minutes, used in seconds."""

    def __str__(self) -> str:
        return "minutes above 0"

    def read(self, name: str, value: Any) -> float:
        """Return it in seconds."""
        return 60 * Positive().read(name, value)


@dataclass(frozen=True, slots=True)
class Switch:
    """True or false."""

    def __str__(self) -> str:
        return "true or false"

    def read(self, name: str, value: Any) -> bool:
        """Return it."""
        if value not in (True, False):
            raise SettingError(name, value, " is neither true nor false")
        return bool(value)


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of some names; true and false count as names."""

    known: tuple[str, ...]

    def __str__(self) -> str:
        return f"{', '.join(self.known[:-1])} or {self.known[-1]}"

    def read(self, name: str, value: Any) -> str:
        """Return the name."""
        text = str(value).lower() if isinstance(value, bool) else value
        if text not in self.known:
            hint = did_you_mean(str(value), self.known)
            raise SettingError(name, value, f" is not one of {', '.join(self.known)}{hint}")
        return str(text)


@dataclass(frozen=True, slots=True)
class AutoOr:
    """The word ``auto``, which is read as None, or a value of another kind."""

    other: Whole

    def __str__(self) -> str:
        return f"auto, or a {self.other}"

    def read(self, name: str, value: Any) -> int | None:
        """Return the value, None for ``auto``."""
        if value == "auto":
            return None
        try:
            return self.other.read(name, value)
        except SettingError:
            raise SettingError(name, value, f" is neither auto nor a {self.other}") from None


@dataclass(frozen=True, slots=True)
class Text:
    """A text that is not empty."""

    def __str__(self) -> str:
        return "text"

    def read(self, name: str, value: Any) -> str:
        """Return it."""
        if not isinstance(value, str) or not value.strip():
            raise SettingError(name, value, " is not a text")
        return value


@dataclass(frozen=True, slots=True)
class Own:
    """Values that are read in a place of their own.

    Attributes:
        description: Which those are.
    """

    description: str

    def __str__(self) -> str:
        return self.description

    def read(self, name: str, value: Any) -> Any:
        """Return it as it is."""
        return value
