"""Number texts: many of them as floats at once, each the float nearest to what is written.

A decimal of up to 19 digits, with or without sign and point, is an integer over a power of ten, both below
2**64. The 80-bit floats of x86 hold both exactly, so their quotient is rounded once, to 64 bits. Rounding
that to the 53 bits of a double is right unless the other 11 bits are just a half. Such texts, and all others
(exponents, NaN, machines with other long floats), are left to Python's ``float``.
Eight digits at a time: https://kholdstare.github.io/technical/2020/05/26/faster-integer-parsing.html
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autoloop.history import compiled
from autoloop.history.bytearrays import Bools, ByteArray, Ints, Words

Floats = NDArray[np.float64]

_MINUS, _POINT = ord("-"), ord(".")
_MAX_DIGITS = 19  # 10**19 < 2**64
_SLICE = 1 << 14  # texts at once: what is made on the way stays in the cache of a core
_WINDOW_BYTES = 24  # three words of 8 bytes, the fewest that hold 19 digits
_ZEROS = np.uint64(0x3030303030303030)  # eight times "0"
_ABOVE_NINE = np.uint64(0x7676767676767676)  # added to a byte above 9 it sets the byte's highest bit
_HIGH_BITS = np.uint64(0x8080808080808080)
#: Keeps the last n bytes.
_LAST_BYTES = np.array([(1 << 64) - (1 << 8 * (8 - n)) for n in range(9)], dtype=np.uint64)
_PAIRS = np.uint64(0x000000FF000000FF)
_FIRST_AND_THIRD, _SECOND_AND_FOURTH = np.uint64(0x000F424000000064), np.uint64(0x0000271000000001)
_POWERS = np.array([10**n for n in range(_MAX_DIGITS + 1)], dtype=np.uint64)
_LONG_POWERS = _POWERS.astype(np.longdouble)
_LOST_BITS, _HALF = np.uint64(0x7FF), np.uint64(0x400)
_HAS_64_BITS = bool(
    np.ldexp(np.longdouble(1), -63) + 1 != 1 and np.ldexp(np.longdouble(1), -64) + 1 == 1
)  # the long floats of x86


def parse(batch: ByteArray, start: Ints, stop: Ints) -> Floats | None:
    """Return the number texts from ``start`` to ``stop`` as floats; None if one of them is not a number."""
    if start.size <= _SLICE:
        return _parse(batch, start, stop)
    values = np.empty(start.size)
    for at in range(0, start.size, _SLICE):
        part = _parse(batch, start[at : at + _SLICE], stop[at : at + _SLICE])
        if part is None:
            return None
        values[at : at + _SLICE] = part
    return values


def _parse(batch: ByteArray, start: Ints, stop: Ints) -> Floats | None:
    if not (_HAS_64_BITS and start.size):
        values, right = np.zeros(start.size), np.zeros(start.size, dtype=bool)
    elif compiled.WALKER:
        found, read = compiled.WALKER.decimals(
            batch.raw, np.ascontiguousarray(start), np.ascontiguousarray(stop)
        )
        values, right = np.frombuffer(found), np.frombuffer(read, dtype=bool)
    else:
        values, right = _decimals(batch, start, stop)
    left = np.flatnonzero(~right)
    if left.size:
        try:
            values[left] = list(map(float, batch.texts(start[left], stop[left] - start[left])))
        except ValueError:
            return None
    return values


def _decimals(batch: ByteArray, start: Ints, stop: Ints) -> tuple[Floats, Bools]:
    """Return texts as floats, and which of them are right: decimals that need no second rounding."""
    negative = batch.bytes[start] == _MINUS
    first = start + negative
    point = _points(batch, first, stop)
    decimals = np.maximum(stop - point - 1, 0)
    right = (point > first) & (point - first + decimals <= _MAX_DIGITS) & (stop >= _WINDOW_BYTES)
    right &= (point >= _WINDOW_BYTES) & (point - first <= _MAX_DIGITS)
    decimals[~right] = 0
    whole = batch.bytes[point - 1].astype(np.uint64) ^ np.uint64(ord("0"))
    right &= (whole <= 9) | (point - first > 1)
    longer = np.flatnonzero(right & (point - first > 1))
    if longer.size:
        whole[longer], right[longer] = _digits(batch, point[longer], (point - first)[longer])
    part, is_part = _digits(batch, np.maximum(stop, _WINDOW_BYTES), decimals)
    right &= is_part
    quotient = (whole * _POWERS[decimals] + part).astype(np.longdouble) / _LONG_POWERS[decimals]
    mantissa = quotient.view(np.uint64)[::2]
    right &= (mantissa & _LOST_BITS) != _HALF
    values = quotient.astype(np.float64)
    return np.negative(values, out=values, where=negative), right


def _points(batch: ByteArray, first: Ints, stop: Ints) -> Ints:
    """Return the position of the decimal point of each text, its end where there is none."""
    point = np.minimum(first + 1, stop)
    open_ = np.flatnonzero((batch.bytes[point] != _POINT) & (point < stop))
    while open_.size:
        point[open_] += 1
        at = point[open_]
        open_ = open_[(batch.bytes[at] != _POINT) & (at < stop[open_])]
    return point


def _digits(batch: ByteArray, stop: Ints, count: Ints) -> tuple[Words, Bools]:
    """Return the numbers that the last ``count`` (up to 19) bytes before ``stop`` spell; and which do."""
    window = batch.windows(stop - _WINDOW_BYTES, _WINDOW_BYTES)
    total = np.zeros(stop.size, dtype=np.uint64)
    wrong = np.zeros(stop.size, dtype=np.uint64)
    for column in range(-(-int(count.max(initial=0)) // 8)):
        used = np.minimum(np.maximum(count - 8 * column, 0), 8)
        values = (window[:, 2 - column] ^ _ZEROS) & _LAST_BYTES[used]
        wrong |= values | (values + _ABOVE_NINE)
        total += _eight(values) * _POWERS[8 * column]
    return total, (wrong & _HIGH_BITS) == 0


def _eight(values: Words) -> Words:
    """Return the numbers of eight digits each, given as the bytes 0 to 9, first digit lowest."""
    pairs = values * np.uint64(10) + (values >> np.uint64(8))
    halves = (pairs & _PAIRS) * _FIRST_AND_THIRD
    halves += ((pairs >> np.uint64(16)) & _PAIRS) * _SECOND_AND_FOURTH
    result: Words = halves >> np.uint64(32)
    return result
