"""Which metrics are asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

_WILD = re.compile(r"[*?\[]")


class Wanted:
    """The metrics a caller asks for: names, and patterns with ``*``, ``?`` and ``[...]``.

    Args:
        keys: Names and patterns; None asks for every metric.

    Attributes:
        everything: Whether every metric is asked for.
        names: The names and patterns as given.
        stems: What a match of each pattern must begin with.
    """

    def __init__(self, keys: Iterable[str] | None) -> None:
        self.everything = keys is None
        given = [keys] if isinstance(keys, str) else list(keys or ())
        self.names = set(given)
        self._patterns = [key for key in given if _WILD.search(key)]
        self.stems = [_WILD.split(key)[0] for key in self._patterns]

    def name(self, name: str) -> bool:
        """Tell whether the metric ``name`` is asked for."""
        return self.everything or name in self.names or any(fnmatchcase(name, p) for p in self._patterns)

    def parent(self, name: str) -> bool:
        """Tell whether a dict logged as ``name`` may hold a metric that is asked for."""
        inside = f"{name}."
        return (
            self.name(name)
            or any(key.startswith(inside) for key in self.names)
            or any(stem.startswith(inside) or inside.startswith(stem) for stem in self.stems)
        )

    def plain_names(self) -> set[str] | None:
        """Return the names that are asked for; None if there are patterns, or all are."""
        return None if self.everything or self._patterns else self.names
