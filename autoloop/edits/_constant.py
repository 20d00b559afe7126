"""Parts of a config that are the same in all configs of a study, and are shared by them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any


class Constant:
    """A mapping or list that nobody changes: it is not copied, and what is made of it is made once."""

    #: What was made of it -> that.
    made: dict[Any, Any]

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self

    def bare(self) -> Any:
        """A copy that may be changed, with all below it."""
        return deepcopy(
            dict(self) if isinstance(self, dict) else list(self) if isinstance(self, list) else self
        )


class ConstantDict(Constant, dict[Any, Any]):
    """A constant mapping."""


class ConstantList(Constant, list[Any]):
    """A constant list."""


def constant(value: Any) -> Any:
    """A mapping or list as a constant."""
    kind = ConstantDict if isinstance(value, dict) else ConstantList
    made = kind(value)
    made.made = {}
    return made
