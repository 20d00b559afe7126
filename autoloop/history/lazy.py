"""Lazy dicts: content that is made when somebody looks at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any


class LazyDict(Mapping[str, Any]):
    """A read-only dict whose content is made when it is first looked at.

    Args:
        load: Makes the content; to be pickled with the dict it has to be a function of a module, or a
            ``functools.partial`` of one.
    """

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> LazyDict:
        """Return a dict as a lazy one; a lazy one as it is."""
        return content if isinstance(content, LazyDict) else cls(partial(dict, content))

    @classmethod
    def joined(cls, earlier: LazyDict, later: LazyDict) -> LazyDict:
        """Return two dicts as one; where both have a name, the later wins."""
        return cls(partial(_joined, earlier, later))

    def __init__(self, load: Callable[[], Mapping[str, Any]]) -> None:
        self._load = load
        self._content: Mapping[str, Any] | None = None

    def _made(self) -> Mapping[str, Any]:
        if self._content is None:
            self._content = self._load()
        return self._content

    def __getitem__(self, key: str) -> Any:
        return self._made()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made())

    def __len__(self) -> int:
        return len(self._made())

    def __repr__(self) -> str:
        return repr(dict(self._made()))


def _joined(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Return both as one dict."""
    return {**earlier, **later}
