"""trackio's SQLite files: one for a project, a row for each ``log`` with all its metrics as a JSON text.

Rows are sent in batches, and all of a batch have the time of its first, so their times tell no speed. A run
that is killed early has sent nothing: then there is no file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from autoloop.history import sqlite
from autoloop.history.files import regular
from autoloop.history.series import History, RunRecord
from autoloop.history.source import Source, Tail, stamp
from autoloop.history.tables import TableTail
from autoloop.history.values import as_number, leaves, parse_json

TRACKIO = "trackio"
LOOKED_FOR = "a trackio database"
_COLUMNS = {"id", "timestamp", "run_name", "step", "metrics"}
_MOST_STEP = 1 << 63


def sources(folder: Path, names: Sequence[str]) -> list[Source]:
    """Return the runs in the trackio databases of a directory."""
    files = (folder / name for name in names if name.endswith(sqlite.SUFFIXES))
    return [source for file in files if sqlite.is_database(file) for source in _runs(file)]


def _runs(path: Path) -> list[Source]:
    status = regular(path)
    changed = status.st_mtime_ns if status else 0
    try:
        with sqlite.opened(path) as connection:
            if _COLUMNS - sqlite.columns(connection, "metrics"):
                return []
            key = _key(connection)
            rows = connection.execute(f"SELECT {key}, min(timestamp) FROM metrics GROUP BY {key}").fetchall()
    except sqlite.ERRORS:
        return []
    found = []
    for run, began in rows:
        began_ns = _nanoseconds(began, changed)
        started = (stamp(began_ns), began_ns)
        found.append(Source(path, TRACKIO, str(run), started, path.parent, TRACKIO, str(run)))
    return found


def _key(connection: sqlite3.Connection) -> str:
    """Return the column that tells runs apart: before 0.21 they had names alone."""
    return "run_id" if "run_id" in sqlite.columns(connection, "metrics") else "run_name"


def _nanoseconds(text: object, otherwise: int) -> int:
    try:
        return int(datetime.fromisoformat(str(text)).timestamp() * 1e9)
    except (ValueError, OverflowError):
        return otherwise


def tail(source: Source, keys: Iterable[str] | None = None) -> Tail:
    """Return the reader of one run."""
    return TrackioTail(source.path, source.part, keys)


class TrackioTail(TableTail):
    """What one run of a trackio database has said so far; see `autoloop.history.source.Tail`.

    Args:
        path: The database.
        run: Which run: its id, in older files its name.
        keys: Names and patterns of the metrics to keep; None keeps all.
    """

    has_ended = False

    def __init__(self, path: Path, run: str, keys: Iterable[str] | None = None) -> None:
        self._run_key = run
        super().__init__(path, keys)

    def _begin(self) -> None:
        super()._begin()
        self._bad = 0

    def _read_from(self, connection: sqlite3.Connection) -> None:
        key = _key(connection)
        while self._read_rows(connection, key):
            pass

    def _read_rows(self, connection: sqlite3.Connection, key: str) -> bool:
        """Read some rows; return False where there are no more."""
        wanted = f"SELECT id, step, metrics, run_name, timestamp FROM metrics WHERE {key} = ? AND id > ?"
        rows = connection.execute(
            f"{wanted} ORDER BY id LIMIT ?", (self._run_key, self._last, sqlite.ROWS)
        ).fetchall()
        columns: dict[str, tuple[list[int], list[float]]] = {}
        for row, step, text, name, began in rows:
            self._last = row
            if self._run is None:
                start = _nanoseconds(began, 0) / 1e9 or None
                self._run = RunRecord(self._run_key, project=self.path.stem, name=str(name), start_time=start)
            self._add_row(step, text, columns)
        for metric, (steps, values) in columns.items():
            self._points.add(metric, steps, values)
        return len(rows) == sqlite.ROWS

    def _add_row(self, step: object, text: object, columns: dict[str, tuple[list[int], list[float]]]) -> None:
        text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        row = parse_json(text) if isinstance(text, str) else None
        if not isinstance(row, dict) or type(step) is not int or abs(step) >= _MOST_STEP:
            self._bad += 1
            return
        self._points.rows += 1
        for name, value in (leaf for key, inner in row.items() for leaf in leaves(key, inner)):
            number = as_number(value)
            if number is None:
                self._points.skip(name)
                continue
            steps, values = columns.setdefault(name, ([], []))
            steps.append(step)
            values.append(number)

    def logged(self, names: Iterable[str] | None = None) -> int:
        """Return how many values these metrics have, or all that were asked for."""
        return self._points.logged(names)

    def history(self, fresh: bool = False) -> History:
        """Return what has been read; see `Tail.history`."""
        return self._points.history(fresh, self.problem(), TRACKIO, self.path, run=self._run)

    def problem(self) -> str:
        """Return what could not be read, in words; empty if nothing."""
        bad = f"{self.path}: {self._bad} rows are not trackio's" if self._bad else ""
        return "; ".join(filter(None, [self._error, self._damaged, bad]))
