"""MLflow's SQLite file (``mlflow.db``, its default since 3.7): one file for many runs.

SQLite has no checksums. But every metric is kept twice, in its table and in the index of the table's primary
key, which is made of all its columns: a row is believed if the index has the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autoloop.history import sqlite
from autoloop.history.files import regular
from autoloop.history.series import INTERNAL, History, RunRecord
from autoloop.history.source import Source, stamp
from autoloop.history.tables import TableTail

MLFLOW = "mlflow"
_TABLES = {"metrics", "runs", "experiments"}
_RUNS = "SELECT run_uuid, start_time FROM runs WHERE lifecycle_stage IS NOT 'deleted'"
_METRICS = """
SELECT m.rowid, m.key, m.step, m.value, m.is_nan, m.timestamp, EXISTS(
    SELECT 1 FROM metrics i WHERE i.key = m.key AND i.timestamp = m.timestamp AND i.step = m.step
    AND i.run_uuid = m.run_uuid AND i.value = m.value AND i.is_nan = m.is_nan)
FROM metrics m WHERE m.run_uuid = ? AND m.rowid > ? ORDER BY m.rowid LIMIT ?
"""
_RUN = """
SELECT r.name, r.status, r.start_time, e.name FROM runs r
LEFT JOIN experiments e ON e.experiment_id = r.experiment_id WHERE r.run_uuid = ?
"""
_PARAMS = "SELECT key, value FROM params WHERE run_uuid = ?"
_LARGEST = 1.7976931348623157e308  # stands for infinity in MLflow's tables
_ENDED = ("FINISHED", "FAILED", "KILLED")
TIMESTAMP = "_timestamp"  # as W&B calls its own column


def sources(folder: Path, names: Sequence[str]) -> list[Source]:
    """Return the runs in the MLflow databases of a directory."""
    files = (folder / name for name in names if name.endswith(sqlite.SUFFIXES))
    return [source for file in files if sqlite.is_database(file) for source in _runs(file)]


def _runs(path: Path) -> list[Source]:
    """Return the runs of a database, of a damaged one that MLflow may have made just itself."""
    status = regular(path)
    changed = status.st_mtime_ns if status else 0
    try:
        with sqlite.opened(path) as connection:
            tables = {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master")}
            rows = connection.execute(_RUNS).fetchall() if tables >= _TABLES else []
    except sqlite.ERRORS:
        whole = Source(path, MLFLOW, "", (stamp(changed), changed), path.parent, MLFLOW)
        return [whole] if path.stem == MLFLOW else []
    return [_source(path, run if isinstance(run, str) else "", start, changed) for run, start in rows]


def _source(path: Path, run_id: str, start_ms: Any, changed: int) -> Source:
    began = int(start_ms) * 10**6 if isinstance(start_ms, int) and 0 < start_ms < 1 << 43 else changed
    return Source(path, MLFLOW, run_id, (stamp(began), began), path.parent, MLFLOW, run_id)


class DatabaseTail(TableTail):
    """What one run of an MLflow database has said so far; see `autoloop.history.source.Tail`.

    Args:
        path: The database.
        run_id: Which run; empty where the database does not say which there are.
        keys: Names and patterns of the metrics to keep; None keeps all.
    """

    def __init__(self, path: Path, run_id: str, keys: Iterable[str] | None = None) -> None:
        self._run_id = run_id
        super().__init__(path, keys)

    def _begin(self) -> None:
        super()._begin()
        self._unlike = 0
        self._status = ""

    @property
    def has_ended(self) -> bool:
        """Whether MLflow recorded the end of the run."""
        return self._status in _ENDED

    def _read_from(self, connection: sqlite3.Connection) -> None:
        self._read_run(connection)
        while self._read_rows(connection):
            pass

    def _read_run(self, connection: sqlite3.Connection) -> None:
        row = connection.execute(_RUN, (self._run_id,)).fetchone()
        if row is None:
            return
        name, status, start, project = row
        self._status = str(status)
        began = start / 1000 if isinstance(start, int) else None
        config = {str(key): value for key, value in connection.execute(_PARAMS, (self._run_id,))}
        self._run = RunRecord(self._run_id, project=str(project or ""), name=str(name or ""), config=config,
                              start_time=began)  # fmt: skip

    def _read_rows(self, connection: sqlite3.Connection) -> bool:
        """Read some rows; return False where there are no more."""
        rows = connection.execute(_METRICS, (self._run_id, self._last, sqlite.ROWS)).fetchall()
        by_name: dict[str, list[sqlite.Row]] = {}
        for row in rows:
            self._last = row[0]
            if row[6] and _is_sound(row):
                by_name.setdefault(row[1], []).append(row)
            else:
                self._unlike += 1
        for name, found in by_name.items():
            self._add(name, found)
        return len(rows) == sqlite.ROWS

    def _add(self, name: str, rows: list[sqlite.Row]) -> None:
        self._points.rows += len(rows)
        if not self._points.wants(name):
            return
        _, _, steps, values, is_nan, times, _ = (np.array(column) for column in zip(*rows, strict=True))
        numbers = values.astype(np.float64)
        endless = np.abs(numbers) >= _LARGEST
        numbers[endless] = np.copysign(np.inf, numbers[endless])
        numbers[is_nan.astype(bool)] = np.nan
        self._points.add(name, steps, numbers)
        self._points.add(TIMESTAMP, steps, times / 1000)

    def logged(self, names: Iterable[str] | None = None) -> int:
        """Return how many values these metrics have, or all that were asked for."""
        asked = self._points.names() if names is None else names
        return self._points.logged(name for name in asked if name not in INTERNAL)

    def history(self, fresh: bool = False) -> History:
        """Return what has been read; see `Tail.history`."""
        found = self._points.series(fresh)
        internal = {name: found.pop(name) for name in INTERNAL if name in found}
        return History(
            found,
            self.problem(),
            run=self._run,
            finished=self.has_ended,
            internal=internal,
            rows=self._points.rows,
            source=MLFLOW,
            path=self.path,
        )

    def problem(self) -> str:
        """Return what could not be read, in words; empty if nothing."""
        unlisted = "" if self._run_id else f"{self.path} is damaged: its runs cannot be listed"
        texts = [self._error or unlisted]
        if self._unlike:
            texts.append(
                f"{self.path}: {self._unlike} values are left out, table and index do not agree on them"
            )
        return "; ".join(filter(None, [*texts, self._damaged]))


def _is_sound(row: sqlite.Row) -> bool:
    """Tell whether a row's columns have the types that MLflow gives them."""
    _, name, step, value, is_nan, time, _ = row
    return (
        isinstance(name, str)
        and all(type(n) is int and abs(n) < 1 << 63 for n in (step, time))
        and isinstance(value, (int, float))
        and is_nan in (0, 1)
    )
