"""Place of a job -> numbers, where nearly all places have one: eight bytes for each, not fifty."""

from __future__ import annotations

from array import array

_NONE = -1
_MOST = 2**63 - 1


class ByPlace:
    """Whole numbers by place; places are counted from 0, so that they need not be kept.

    A number that is negative or does not fit eight bytes, as a stranger's journal may have, is kept apart.
    """

    __slots__ = ("_one", "_several")

    def __init__(self) -> None:
        self._one = array("q")
        self._several: dict[int, tuple[int, ...]] = {}

    def get(self, place: int) -> tuple[int, ...]:
        """The numbers of a place, in the order in which they were added."""
        if place in self._several:
            return self._several[place]
        one = self._one[place] if 0 <= place < len(self._one) else _NONE
        return () if one == _NONE else (one,)

    def add(self, place: int, number: int) -> None:
        """Add a number."""
        had = self.get(place)
        if had or not 0 <= number <= _MOST:
            self._several[place] = (*had, number)
            return
        if place >= len(self._one):
            self._one.extend([_NONE] * (place + 1 - len(self._one)))
        self._one[place] = number

    def drop(self, place: int) -> None:
        """Forget a place."""
        self._several.pop(place, None)
        if place < len(self._one):
            self._one[place] = _NONE

    def copy(self) -> ByPlace:
        """The same, which later changes do not reach."""
        made = ByPlace()
        made._one, made._several = self._one[:], dict(self._several)
        return made

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ByPlace):
            return NotImplemented
        longest = max(len(self._one), len(other._one))
        places = {*self._several, *other._several, *range(longest)}
        return all(self.get(place) == other.get(place) for place in places)

    __hash__ = None  # type: ignore[assignment]
