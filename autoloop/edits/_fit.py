"""What one op makes of one value: the new value in the type of the old one, and what there is to report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from autoloop.edits import _number
from autoloop.edits._literal import format_literal, is_interpolation
from autoloop.edits._number import is_number
from autoloop.edits._path import describe
from autoloop.errors import did_you_mean


class Fitted(NamedTuple):
    """A new value and sentences about how it was fitted, without the path."""

    value: Any
    notes: tuple[str, ...] = ()


class FitError(ValueError):
    """An op that makes no sense for the value it meets; the text says why."""


def operate(op: str, operand: Any, old: Any) -> Fitted:
    """Return what ``op`` makes of ``old``.

    Raises:
        FitError: Arithmetic on what is no number, or a value of a type that cannot stand there.
    """
    try:
        if op == "set":
            return fit(operand, old)
        if is_interpolation(old):
            raise FitError(f"it is {describe(old)}: edit what it points to, or @set it")
        if not is_number(old):
            raise FitError(f"@{op} needs a number, but this is {describe(old)}")
        return _ARITHMETIC[op](operand, old)
    except _number.NumberError as error:
        raise FitError(str(error)) from None


def fit(value: Any, old: Any) -> Fitted:
    """Return ``value`` in the type of ``old``, which it takes the place of.

    A mapping put on a mapping changes the keys it names and keeps the others, as Hydra does. Null may
    stand anywhere and takes anything; so does an interpolation, whose type nobody knows yet.

    Raises:
        FitError: ``value`` cannot stand where ``old`` stood.
    """
    if value is None or old is None or is_interpolation(value) or is_interpolation(old):
        return Fitted(value)
    for kind, convert in _CONVERSIONS:
        if isinstance(old, kind):
            return convert(value, old)
    return Fitted(value)


def _fit_bool(value: Any, old: bool) -> Fitted:
    if isinstance(value, bool):
        return Fitted(value)
    raise FitError(f"it is {describe(old)}; use true or false")


def _fit_number(value: Any, old: int | float) -> Fitted:
    if not is_number(value):
        raise FitError(f"it is {describe(old)}, and {describe(value)} cannot replace it")
    if isinstance(old, float):
        return Fitted(float(value))
    return Fitted(value) if isinstance(value, int) else _rounded(old, Fraction(value))


def _fit_text(value: Any, old: str) -> Fitted:
    if isinstance(value, str):
        return Fitted(value)
    if isinstance(value, (Mapping, list)):
        raise FitError(f"it is {describe(old)}, and {describe(value)} cannot replace it")
    text = format_literal(value)
    return Fitted(text, (f"{text} is set as the text '{text}' (it was {describe(old)})",))


def _fit_list(value: Any, old: list[Any]) -> Fitted:
    if not isinstance(value, list):
        raise FitError("it is a list; write the whole list in [..], or its items as path.0 or path.*")
    kinds = {type(item) for item in old}
    if kinds not in ({int}, {float}) or not all(is_number(item) for item in value):
        return Fitted(value)
    fitted = [_fit_number(item, old[0]) for item in value]
    return Fitted([item.value for item in fitted], tuple(note for item in fitted for note in item.notes))


def _fit_mapping(value: Any, old: Mapping[Any, Any]) -> Fitted:
    if not isinstance(value, Mapping):
        raise FitError("it is a mapping; write {key: value}, or name the key in the path")
    merged, notes = dict(old), []
    for key, item in value.items():
        if key not in old:
            raise FitError(f"it has no key '{key}'{did_you_mean(str(key), old)}")
        try:
            merged[key], new_notes = fit(item, old[key])
        except FitError as error:
            raise FitError(f"at its key '{key}': {error}") from None
        notes += [f"{key}: {note}" for note in new_notes]
    return Fitted(merged, tuple(notes))


#: Tried in this order: a bool is an int to Python.
_CONVERSIONS: tuple[tuple[type | tuple[type, ...], Callable[[Any, Any], Fitted]], ...] = (
    (bool, _fit_bool),
    ((int, float), _fit_number),
    (str, _fit_text),
    (list, _fit_list),
    (Mapping, _fit_mapping),
)


def _rounded(old: int | float, result: Fraction) -> Fitted:
    """Return an exact result in the type of ``old``, with a note where an int had to be rounded."""
    new = _number.like(old, result)
    if isinstance(new, float) or new == result:
        return Fitted(new)
    return Fitted(new, (f"{_number.show(result)} rounded to {new} (an int stays an int)",))


def _multiply(factor: int | float, old: int | float) -> Fitted:
    return _rounded(old, _number.multiply(old, factor))


def _add(term: int | float, old: int | float) -> Fitted:
    return _rounded(old, _number.add(old, term))


def _at_most(limit: int | float, old: int | float) -> Fitted:
    return Fitted(old if old <= limit else _number.at_most(old, limit))


def _at_least(limit: int | float, old: int | float) -> Fitted:
    return Fitted(old if old >= limit else _number.at_least(old, limit))


_ARITHMETIC: dict[str, Callable[[Any, Any], Fitted]] = {
    "mul": _multiply,
    "add": _add,
    "min": _at_most,
    "max": _at_least,
}
