"""Damage: stretches of a file that hold nothing readable, and how they are reported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SHOWN = 3  # places that the text names


@dataclass(frozen=True, slots=True)
class Damage:
    """A stretch of a file that holds no readable record.

    Attributes:
        start: First lost byte.
        stop: First byte after the loss.
        what: What was found there, in words.
    """

    start: int
    stop: int
    what: str

    def __str__(self) -> str:
        return f"bytes {self.start} to {self.stop}: {self.what}"


class Losses:
    """What could not be read of one file so far, in file order."""

    def __init__(self) -> None:
        self._places: list[Damage] = []

    def add(self, start: int, stop: int, what: str) -> None:
        """Record a loss; one that continues the previous loss of the same kind is merged with it."""
        if self._places and self._places[-1].stop == start and self._places[-1].what == what:
            start = self._places.pop().start
        self._places.append(Damage(start, stop, what))

    def text(self, path: Path) -> str:
        """Return the losses in words; empty if there are none."""
        if not self._places:
            return ""
        lost = sum(place.stop - place.start for place in self._places)
        shown, more = "; ".join(map(str, self._places[:_SHOWN])), len(self._places) - _SHOWN
        rest = f"; and {more} more places" if more > 0 else ""
        return f"{path}: {lost} bytes could not be read ({shown}{rest})"

    def __iter__(self) -> Iterator[Damage]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
