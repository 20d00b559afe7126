"""Pickling code with the name of its file, which cloudpickle leaves out since 3.1.3.

A traceback shows the line of an app only where the app's code knows its file.
"""

from __future__ import annotations

import copyreg
import io
import pickle
from collections import ChainMap
from collections.abc import Callable
from types import CodeType
from typing import Any

import cloudpickle

_reduce_code: Callable[[CodeType], tuple[Any, ...]] = cloudpickle.Pickler.dispatch_table[CodeType]


def dumps(value: Any) -> bytes:
    """Pickle ``value`` by cloudpickle; ``pickle.loads`` reads it where autoloop is installed."""
    return Pickler.dumps(value)


class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """cloudpickle's pickler, of any version, with the files of code."""

    @classmethod
    def dumps(cls, value: Any) -> bytes:
        """Pickle ``value``."""
        file = io.BytesIO()
        cls(file).dump(value)
        return file.getvalue()

    def reducer_override(self, obj: Any) -> Any:
        """Tell how an object is pickled; a `KeepsFiles` is here, where its code keeps them anyway."""
        if isinstance(obj, KeepsFiles):
            return copyreg.__newobj__, (type(obj),), vars(obj)  # type: ignore[attr-defined]
        return super().reducer_override(obj)


class KeepsFiles:
    """What keeps the files of the code in it under any pickler, such as a launcher's own."""

    def __reduce__(self) -> tuple[Any, ...]:
        return pickle.loads, (dumps(self),)


def _reduced(code: CodeType) -> tuple[Any, ...]:
    make, arguments, *_ = _reduce_code(code)
    return _with_file, (make, arguments, code.co_filename)


def _with_file(make: Callable[..., CodeType], arguments: tuple[Any, ...], file: str) -> CodeType:
    return make(*arguments).replace(co_filename=file)


Pickler.dispatch_table = ChainMap({CodeType: _reduced}, cloudpickle.Pickler.dispatch_table)
