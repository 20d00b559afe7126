"""Tables of metrics in SQLite files: what the readers of such trackers share."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path

from autoloop.history import sqlite
from autoloop.history.files import identity, regular
from autoloop.history.points import Gathered
from autoloop.history.series import RunRecord


class TableTail(ABC):
    """What one run in a table ``metrics`` has said so far; see `autoloop.history.source.Tail`.

    Args:
        path: The database.
        keys: Names and patterns of the metrics to keep; None keeps all.
    """

    def __init__(self, path: Path, keys: Iterable[str] | None = None) -> None:
        self.path = path
        self.restarts = 0
        self._points = Gathered(keys)
        self._begin()

    def _begin(self) -> None:
        """Know nothing of the file."""
        self._last = 0  # row
        self._identity: tuple[int, int] | None = None
        self._run: RunRecord | None = None
        self._error = self._damage = ""

    def read(self, final: bool = True) -> None:
        """Read what is new; see `Tail.read`."""
        self._error = ""
        try:
            self._restart_if_replaced()
            with sqlite.opened(self.path) as connection:
                self._read_from(connection)
                self._damage = sqlite.damage(connection, "metrics") if final else ""
        except sqlite.ERRORS as error:
            if final or not sqlite.waits(error):
                self._error = f"{self.path} cannot be read: {error}"

    @abstractmethod
    def _read_from(self, connection: sqlite3.Connection) -> None:
        """Read the rows after the last one."""

    def _restart_if_replaced(self) -> None:
        status = regular(self.path)
        found = identity(status) if status else None
        if self._identity not in (None, found):
            self.restarts += 1
            self._begin()
            self._points.restart()
        self._identity = found

    @property
    def _damaged(self) -> str:
        """That the file is damaged, in words; empty if it is not."""
        return f"{self.path} is damaged, metrics may be lost: {self._damage}" if self._damage else ""
