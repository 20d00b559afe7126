"""A config that is composed when somebody looks at it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from autoloop.config.compose import Composer
from autoloop.rules.paths import places_in


class LazyConfig(Mapping[str, Any]):
    """A config that is composed when somebody looks at it; a long study has thousands, and keeps none.

    What it has at a path is kept: samplers ask each trial for the same few knobs again and again.
    """

    __slots__ = ("_composer", "_overrides", "_places")

    def __init__(self, composer: Composer, overrides: Sequence[str]) -> None:
        self._composer = composer
        self._overrides = overrides
        self._places: dict[str, list[tuple[str, Any]]] = {}

    def places(self, path: str) -> list[tuple[str, Any]]:
        """See `autoloop.rules.paths.matches`."""
        if path not in self._places:
            found = places_in(self._composed(), path)
            self._places[path] = [(sys.intern(place), value) for place, value in found]
        return self._places[path]

    @property
    def options(self) -> Mapping[str, str | None]:
        """See `autoloop.edits.groups.GroupedConfig`."""
        return self._composer.options(self._overrides)

    def _composed(self) -> dict[str, Any]:
        return self._composer.config(self._overrides)

    def __getitem__(self, key: str) -> Any:
        return self._composed()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._composed())

    def __len__(self) -> int:
        return len(self._composed())
