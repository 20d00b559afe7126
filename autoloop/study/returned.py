"""What a task returned, read as results: one number, named numbers, or what is none and how to say so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Sized
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from autoloop.study.alike import nan_is_nan

NO_NUMBERS = (str, bytes, bytearray, bool)
"""What ``float()`` takes and yet is no result: text is not measured, and True says that a task is done."""

MOST_RESULTS, MOST_CHARACTERS = 1000, 500
"""Named results that are read, the first ones, and the characters of a name; longer ones are none."""

DEEPEST = 20
"""Dicts within dicts that are looked into."""


@nan_is_nan
@dataclass(frozen=True, slots=True)
class ReturnedValue:
    """A return value as results.

    Attributes:
        value: The number, where one was returned.
        results: Name -> number, where named results were returned; those of dicts within a dict are joined
            by ``/``, as in ``val/acc``.
        problem: What was returned instead, such as ``a tuple of 2``; empty for results and for nothing.
        several: The numbers of a list or tuple of nothing else, which only several objectives ask for.
    """

    value: float | None = None
    results: Mapping[str, float] = field(default_factory=dict)
    problem: str = ""
    several: tuple[float, ...] = ()

    @classmethod
    def of(cls, value: Any) -> ReturnedValue:
        """Read what a task returned, which is None for most."""
        if value is None:
            return cls()
        if isinstance(value, Mapping):
            results = dict(islice(_named(value, ""), MOST_RESULTS))
            return cls(results=results, problem="" if results else f"{_kind(value)} without a number")
        read = number(value)
        return cls(value=read) if read is not None else cls(problem=_kind(value), several=_several(value))


def _several(value: Any) -> tuple[float, ...]:
    """The numbers of a sequence that has nothing else; none where it is another."""
    if isinstance(value, NO_NUMBERS) or not isinstance(value, Sequence) or len(value) > MOST_RESULTS:
        return ()
    read = [number(item) for item in value]
    return tuple(item for item in read if item is not None) if None not in read else ()


def number(value: Any) -> float | None:
    """The number that ``float()`` reads in a value, None where there is none.

    Scalars and arrays of one element of any library count; text and truth values do not.
    """
    value = plain(value, 0)
    if isinstance(value, NO_NUMBERS):
        return None
    with suppress(TypeError, ValueError, ArithmeticError, AttributeError, RuntimeError):
        return float(value)
    return None


def plain(value: Any, deep: int = DEEPEST) -> Any:
    """The value with scalars of array libraries as Python's own, which any process can read.

    Args:
        value: The value.
        deep: How many dicts within dicts are looked into.
    """
    if isinstance(value, dict):
        return {key: plain(item, deep - 1) for key, item in value.items()} if deep > 0 else value
    if type(value) in (int, float, bool, str) or not callable(getattr(value, "item", None)):
        return value
    with suppress(TypeError, ValueError, ArithmeticError, AttributeError, RuntimeError):
        return value.item()  # raises for more than one element
    return value


def _named(results: Mapping[Any, Any], prefix: str, deep: int = DEEPEST) -> Iterator[tuple[str, float]]:
    for key, item in results.items():
        name = f"{prefix}{key}"
        if isinstance(item, Mapping):
            yield from _named(item, f"{name}/", deep - 1) if deep else ()
        elif len(name) <= MOST_CHARACTERS and (read := number(item)) is not None:
            yield name, read


def _kind(value: Any) -> str:
    """What a value is, in words: ``a tuple of 2``."""
    name = type(value).__name__
    article = "an" if name.lower().startswith((*"aeiou", "nd")) else "a"
    with suppress(TypeError):  # an array without a length
        if isinstance(value, Sized) and not isinstance(value, NO_NUMBERS):
            return f"{article} {name} of {len(value)}"
    return f"{article} {name}"
