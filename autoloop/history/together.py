"""Several files that are one run, read as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from pathlib import Path

from autoloop.history.series import History
from autoloop.history.source import Tail


class Together:
    """Files of one directory as one; see `autoloop.history.source.Tail`.

    Args:
        path: The directory.
        files: Returns the files there are now, oldest first.
        tail: Returns the reader of one.
        kind: What kind of file they are.
    """

    def __init__(
        self, path: Path, files: Callable[[], Sequence[Path]], tail: Callable[[Path], Tail], kind: str
    ) -> None:
        self.path = path
        self._files = files
        self._tail = tail
        self._kind = kind
        self._tails: dict[Path, Tail] = {}

    @property
    def restarts(self) -> int:
        """How often a file was read from its start again."""
        return sum(tail.restarts for tail in self._tails.values())

    @property
    def has_ended(self) -> bool:
        """Whether all files say that the run has ended."""
        return bool(self._tails) and all(tail.has_ended for tail in self._tails.values())

    def read(self, final: bool = True) -> None:
        """Read what is new in all files; see `Tail.read`."""
        for path in self._files():
            if path not in self._tails:
                self._tails[path] = self._tail(path)
        for tail in self._tails.values():
            tail.read(final)

    def logged(self, names: Iterable[str] | None = None) -> int:
        """Return how many values these metrics have, or all that were asked for."""
        asked = None if names is None else list(names)
        return sum(tail.logged(asked) for tail in self._tails.values())

    def history(self, fresh: bool = False) -> History:
        """Return what has been read; see `Tail.history`."""
        if not self._tails:
            return History(
                problem=f"{self.path} holds no {self._kind} file", path=self.path, source=self._kind
            )
        whole = reduce(History.then, [tail.history(fresh) for tail in self._tails.values()])
        whole.path = str(self.path)
        return whole
