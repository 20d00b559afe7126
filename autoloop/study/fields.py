"""Values with typed fields, read from JSON's mappings, which checks their types, and written back.

A field is read by the type it is declared with: texts, numbers, truth values, tuples, mappings, enums, values
with fields of their own, and unions of these. A missing field, or a null where the field has a default, gives
the default; unknown fields are left out of account, for they are of another version. JSON has no NaN: a null
stands for it where a number is declared.
"""

from __future__ import annotations

import math
import os.path
import types
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import cache, partial
from typing import Any, NamedTuple, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")
Read = Callable[[Any], Any]

_MOST, _LARGEST = 2**63, 2**1023  # of what counts something; of any whole number, as floats have it
_DEEPEST = 64  # levels of data within data
_LATEST = 1e11  # seconds since the epoch: the year 5138

_BOUNDLESS = frozenset((str, float, bool, types.NoneType))  # of these nothing is too large

_WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


class FieldError(ValueError):
    """A field that is missing or of another type; the message says which, what it must be and what it is."""

    def __init__(self, wanted: str, found: object = MISSING, place: str = "") -> None:
        self.wanted, self.found, self.place = wanted, found, place
        got = "is missing" if found is MISSING else f"must be {wanted}, not {_shown(found)}"
        super().__init__(f"its {place} {got}" if place else f"it {got}")

    def inside(self, place: str) -> FieldError:
        """The same, seen from the value that holds this one at ``place``."""
        inner = self.place if not self.place or self.place.startswith("[") else f".{self.place}"
        return FieldError(self.wanted, self.found, f"{place}{inner}")


def _shown(found: object) -> str:
    """The beginning of a value, as Python writes it."""
    try:
        return f"{found!r:.60}"
    except ValueError:  # more digits than Python writes
        return "a number of very many digits"


LEFT_OUT: Mapping[str, Any] = {"left_out": True}
"""Metadata of a field that is not written where it has its default: older or most lines lack it."""


FLAT: Mapping[str, Any] = {"flat": True}
"""Metadata of a field whose own fields are written among those of the value that holds it."""


def coded(read: Read, write: Callable[[Any], Any]) -> Mapping[str, Any]:
    """Metadata of a field that is read and written by functions of its own."""
    return {"read": read, "write": write}


def read_fields(kind: type[T], record: Any) -> T:
    """Read a value of a dataclass from a mapping.

    Raises:
        FieldError: It is no mapping, or a field is missing or of another type.
    """
    if not isinstance(record, Mapping):
        raise FieldError("a mapping", record)
    values: dict[str, Any] = {}
    for one in _layout(cast("Hashable", kind)):
        name = one.name
        if one.flat:
            values[name] = one.read(record)
            continue
        found = record.get(name, MISSING)
        if found is None or found is MISSING:
            if one.default is not MISSING and not (found is None and one.numeric):
                continue
            if found is MISSING:
                raise FieldError("", place=name)
        try:
            values[name] = one.read(found)
        except FieldError as error:
            raise error.inside(name) from None
    return kind(**values)


def write_fields(value: Any) -> dict[str, Any]:
    """A value of a dataclass as a mapping that `read_fields` reads, its fields in the order of the class."""
    record: dict[str, Any] = {}
    for one in _layout(cast("Hashable", type(value))):
        item = getattr(value, one.name)
        if one.flat:
            record |= write_fields(item)
        elif not (one.left_out and item == one.default):
            record[one.name] = one.write(item)
    return record


class _Laid(NamedTuple):
    """How one field is read and written."""

    name: str
    default: Any  # MISSING where there is none
    read: Read
    write: Callable[[Any], Any]
    left_out: bool
    flat: bool
    numeric: bool  # a null stands for NaN


@cache
def _layout(kind: Any) -> tuple[_Laid, ...]:
    hints = get_type_hints(kind)
    return tuple(_laid(one, hints[one.name]) for one in fields(kind))


def _laid(one: Field[Any], hint: Any) -> _Laid:
    about = one.metadata
    default = one.default if one.default_factory is MISSING else one.default_factory()
    return _Laid(
        one.name,
        default,
        about.get("read") or _reader(hint),
        about.get("write") or _plain,
        bool(about.get("left_out")),
        bool(about.get("flat")),
        hint is float or float in get_args(hint),
    )


def _inside(place: str, read: Read, value: Any) -> Any:
    try:
        return read(value)
    except FieldError as error:
        raise error.inside(place) from None


def _reader(hint: Any) -> Read:
    """What reads a value of a declared type."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return plain_data
    if origin in (types.UnionType, Union):
        readers = [_reader(one) for one in inner if one is not types.NoneType]
        return _union(readers, takes_none=len(readers) < len(inner) and float not in inner)
    if origin is tuple:
        return _list_of(_reader(inner[0]))
    if origin is not None:  # a mapping
        read = _mapping_of(_reader(inner[1]))
        return _numbered(read) if inner[0] is int else read
    if isinstance(hint, type) and is_dataclass(hint):
        return partial(read_fields, hint)
    return _member(hint) if issubclass(hint, Enum) else _scalar(hint)


def _union(readers: Sequence[Read], takes_none: bool) -> Read:
    """Reads by the first of several types that fits."""

    def read(value: Any) -> Any:
        return None if value is None and takes_none else _first(readers, value)

    return read


def _first(readers: Sequence[Read], value: Any) -> Any:
    try:
        return readers[0](value)
    except FieldError:
        if len(readers) == 1:
            raise
        return _first(readers[1:], value)


def _list_of(read: Read) -> Read:
    def read_list(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise FieldError("a list", value)
        try:
            return tuple([read(item) for item in value])
        except FieldError:  # where, is worked out for what is wrong alone
            return tuple(_inside(f"[{place}]", read, item) for place, item in enumerate(value))

    return read_list


def _mapping_of(read: Read) -> Read:
    def read_mapping(value: Any) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise FieldError("a mapping", value)
        try:
            return {key: read(item) for key, item in value.items()}
        except FieldError:
            return {key: _inside(f"[{key!r}]", read, item) for key, item in value.items()}

    return read_mapping


def _numbered(read: Read) -> Read:
    """Reads a mapping whose keys are whole numbers, which are texts in JSON."""

    def read_numbered(value: Any) -> Mapping[int, Any]:
        try:
            return {int(key): item for key, item in read(value).items()}
        except ValueError as error:
            if isinstance(error, FieldError):
                raise
            raise FieldError("a mapping from whole numbers", value) from None

    return read_numbered


def _member(kind: type[Enum]) -> Read:
    def read(value: Any) -> Enum:
        try:
            return kind(value)
        except ValueError:
            raise FieldError(f"one of {', '.join(str(one.value) for one in kind)}", value) from None

    return read


def _scalar(kind: type) -> Read:
    wanted, counts = _WORDS[kind], kind is int
    quick, kinds = kind in (str, bool), (int, float) if kind is float else (kind,)

    def read(value: Any) -> Any:
        if quick and type(value) is kind:
            return value
        if value is None and kind is float:
            return math.nan
        fits = isinstance(value, kinds) and (kind is bool or not isinstance(value, bool))
        if not fits or not _has_bounds(value, counts):
            raise FieldError(wanted, value)
        return value

    return read


def _has_bounds(value: Any, counts: bool = False) -> bool:
    """Whether a value is no number, or one to reckon with; one that counts something has 63 bits at most."""
    return not isinstance(value, int) or abs(value) < (_MOST if counts else _LARGEST)


def plain_data(value: Any, depth: int = 0) -> Any:
    """Data of any shape that JSON has, as it is.

    Raises:
        FieldError: It is nested deeper than any data of ours, or a number in it is too large.
    """
    if isinstance(value, dict | list):
        if depth >= _DEEPEST:
            raise FieldError(f"data nested at most {_DEEPEST} deep", type(value).__name__)
        for item in value.values() if isinstance(value, dict) else value:
            if type(item) not in _BOUNDLESS:
                plain_data(item, depth + 1)
    elif not _has_bounds(value):
        raise FieldError("a number of common size", value)
    return value


def moment(value: Any) -> float:
    """A time in seconds since the epoch.

    Raises:
        FieldError: It is no number, or no time that a calendar has.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LATEST:
        raise FieldError("a time in seconds since the epoch", value)
    return value


def _plain(value: Any) -> Any:
    """A value without classes of its own, containers and all; what is neither stays."""
    if is_dataclass(value) and not isinstance(value, type):
        return write_fields(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def leads_out(run_dir: str) -> bool:
    """Whether a directory, relative to the study's, does not lie in it, as far as its words tell."""
    return run_dir.startswith("/") or "\0" in run_dir or os.path.normpath(run_dir).split("/")[0] == ".."


def run_dir_within(found: Any) -> str:
    """A directory of a job, relative to the study's and within it.

    Raises:
        FieldError: It is none.
    """
    if not isinstance(found, str) or leads_out(found):
        raise FieldError("a directory within the study", found)
    return found
