"""When two values of a record are the same: where a result is unknown in both, too.

Up to Python 3.12 dataclasses compared their fields as tuples do, for which a NaN is the same as itself; from
3.13 on they compare field by field, and a job without a result differs from itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

T = TypeVar("T", bound=type)


def nan_is_nan(cls: T) -> T:
    """Let values of a dataclass be equal where their fields are, a NaN to any other NaN."""
    names = [field.name for field in fields(cls) if field.compare]

    def equal(self: Any, other: object) -> Any:
        if type(self) is not type(other):
            return NotImplemented
        return all(_alike(getattr(self, name), getattr(other, name)) for name in names)

    cls.__eq__ = equal  # type: ignore[assignment]
    return cls


def _alike(one: Any, other: Any) -> bool:
    if one is other or one == other:
        return True
    if isinstance(one, float) and isinstance(other, float):
        return one != one and other != other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and type(one) is type(other):
        return len(one) == len(other) and all(map(_alike, one, other))
    return False
