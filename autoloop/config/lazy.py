"""A config that is composed when somebody looks at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from autoloop.config.compose import Composer


class LazyConfig(Mapping[str, Any]):
    """A config that is composed when somebody looks at it; a long study has thousands, and keeps none."""

    __slots__ = ("_composer", "_overrides")

    def __init__(self, composer: Composer, overrides: Sequence[str]) -> None:
        self._composer = composer
        self._overrides = overrides

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
