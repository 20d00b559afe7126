"""Bounds of nothing: a name under ``bounds`` that no config of a study has is most likely misspelt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from autoloop.config.settings import CONF_DIR, load_group
from autoloop.edits import Bounds, change, find
from autoloop.errors import EditError, NoMatchError


def idle_bounds(bounds: Bounds, configs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Warnings about bounds that limit nothing, a sentence each.

    Bounds that come with autoloop are for several trainers and say nothing where another one is trained.

    Args:
        bounds: Path pattern -> (low, high).
        configs: What a study starts with, as edits see it.
    """
    for path, limits in bounds.items():
        if (path, limits) in _shipped():
            continue
        try:
            if not any(find(path, config) for config in configs):
                change([f"{path}@mul=1"], configs[0])
        except NoMatchError as error:
            yield f"bounds.{path} limits nothing: {error.why}"
        except EditError:  # whoever applies the bounds says what is wrong with the path
            continue


@cache
def _shipped() -> frozenset[tuple[str, tuple[Any, ...]]]:
    files = [load_group("bounds", file.stem) for file in (CONF_DIR / "bounds").glob("*.yaml")]
    return frozenset((path, tuple(limits)) for one in files for path, limits in one.items())
