"""Arithmetic of edits: exact, free of dust, and true to the type that was there."""

from __future__ import annotations

import math
import sys
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias

Number: TypeAlias = int | float

#: A product is written with this many significant digits, or as many as its factors have.
_DIGITS = 6
#: A float whose first 12 digits need no more than 9 of them owes the rest to earlier arithmetic.
_DUST_SEEN, _DUST_MEANT = 12, 9


class NumberError(ValueError):
    """A number that cannot be computed or kept; the text says why."""


def is_number(value: object) -> bool:
    """Whether ``value`` is an int or a float; a bool is neither."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def exact(value: Number) -> Fraction:
    """Return the decimal number that ``value`` shows, without dust of earlier arithmetic.

    Raises:
        NumberError: ``value`` is NaN or infinite.
    """
    if isinstance(value, int):
        return Fraction(value)
    if not math.isfinite(value):
        raise NumberError(f"{value!r} is not a finite number")
    short = float(f"{value:.{_DUST_SEEN - 1}e}")
    return Fraction(repr(short if _digits(short) <= _DUST_MEANT else value))


def multiply(old: Number, factor: Number) -> Fraction:
    """Return old * factor; of a float only as many digits as matter."""
    product = exact(old) * exact(factor)
    if isinstance(old, int):
        return product
    keep = max(_DIGITS, _digits(float(exact(old))), _digits(factor))
    return Fraction(f"{_to_float(product):.{keep - 1}e}")


def add(old: Number, term: Number) -> Fraction:
    """Return old + term, exactly."""
    return exact(old) + exact(term)


def like(old: Number, value: Fraction) -> Number:
    """Return ``value`` in the type of ``old``: an int is rounded to the nearest, halves away from zero.

    Raises:
        NumberError: The result is too large.
    """
    number = _to_float(value)
    if isinstance(old, float):
        return number
    nearest = math.floor(abs(value) + Fraction(1, 2))
    return nearest if value >= 0 else -nearest


def at_most(old: Number, limit: Number) -> Number:
    """Return the largest number of the type of ``old`` that is not above ``limit``."""
    return math.floor(limit) if isinstance(old, int) else float(limit)


def at_least(old: Number, limit: Number) -> Number:
    """Return the smallest number of the type of ``old`` that is not below ``limit``."""
    return math.ceil(limit) if isinstance(old, int) else float(limit)


def show(value: Fraction) -> str:
    """Write an exact result as a plain number."""
    return str(value.numerator) if value.denominator == 1 else f"{float(value):.12g}"


def _digits(value: Number) -> int:
    """Return how many significant digits the shortest text of ``value`` has."""
    return len(Decimal(repr(value)).normalize().as_tuple().digits)


def _to_float(value: Fraction) -> float:
    """Return the float closest to ``value``."""
    if abs(value) > sys.float_info.max:
        raise NumberError("the result is too large for a number")
    return float(value)
