"""Pickling what stands at the top level of a program by its name, where cloudpickle would copy it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from itertools import islice
from types import FunctionType
from typing import Any

from autoloop.engine.execute import pickling

_MAIN = "__main__"

#: How many decorators are looked through; some objects have an endless number.
_MOST_DECORATORS = 20


def dumps(value: Any) -> bytes:
    """Pickle ``value`` for a process in which the main program's top level has run.

    Functions and classes of the main program go by name, and so do functions behind a decorator of any
    module: the name of a task function is that of the function which `hydra.main` has made of it.
    """
    return _Pickler.dumps(value)


class _Pickler(pickling.Pickler):
    def reducer_override(self, obj: Any) -> Any:
        name = _name(obj) if isinstance(obj, (FunctionType, type)) else None
        return super().reducer_override(obj) if name is None else (_find, name)


def _name(obj: FunctionType | type) -> tuple[str, str, int] | None:
    """Where ``obj`` stands: its module, its name there and how many decorators it is behind."""
    module, name = getattr(obj, "__module__", None), obj.__qualname__
    if module not in sys.modules:
        return None
    try:
        depth = next(depth for depth, found in enumerate(_unwrapped(module, name)) if found is obj)
    except (AttributeError, StopIteration):
        return None
    return (module, name, depth) if module == _MAIN or depth else None


def _find(module: str, name: str, depth: int) -> Any:
    importlib.import_module(module)
    found = next(islice(_unwrapped(module, name), depth, None), None)
    if found is None:
        raise AttributeError(f"{module}.{name} is not decorated as it was")
    return found


def _unwrapped(module: str, name: str) -> Iterator[Any]:
    """What ``name`` means in ``module``, then what each of its decorators has wrapped."""
    found: Any = sys.modules[module]
    for part in name.split("."):
        found = getattr(found, part)
    for _ in range(_MOST_DECORATORS):
        yield found
        found = found.__wrapped__
