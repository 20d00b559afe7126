"""Points: chunks of steps and values in, one series per metric out; new ones kept apart from known ones."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autoloop.history.series import History, Series
from autoloop.history.wanted import Wanted

_Chunk = tuple[NDArray[np.int64], NDArray[np.float64]]
_NONE: _Chunk = (np.zeros(0, dtype=np.int64), np.zeros(0))


class Gathered:
    """Collects the numbers of a run, metric by metric, as they are read.

    Args:
        keys: Names and patterns of the metrics to keep; None keeps all.

    Attributes:
        axis: The counter that the steps are of; set by who adds points.
        rows: Rows read; counted by who adds them.
    """

    def __init__(self, keys: Iterable[str] | None = None) -> None:
        self.axis = ""
        self.rows = 0
        self._wanted = Wanted(keys)
        self._asked: dict[str, bool] = {}
        self._columns: dict[str, _Column] = {}
        self._skipped: Counter[str] = Counter()

    def wants(self, name: str) -> bool:
        """Tell whether a metric is asked for."""
        if name not in self._asked:
            self._asked[name] = self._wanted.name(name)
        return self._asked[name]

    def add(self, name: str, steps: ArrayLike, values: ArrayLike) -> None:
        """Add points of a metric, in the order of the file; those of a metric nobody asked for are dropped.

        Args:
            name: The metric.
            steps: Whole numbers, (n,).
            values: Numbers, (n,).
        """
        if self.wants(name):
            chunk = np.asarray(steps, dtype=np.int64).ravel(), np.asarray(values, dtype=np.float64).ravel()
            if chunk[0].size:
                self._columns.setdefault(name, _Column()).add(chunk)

    def put(self, name: str, step: int, value: float) -> None:
        """Add one point."""
        if self.wants(name):
            self._columns.setdefault(name, _Column()).put(step, value)

    def skip(self, name: str, count: int = 1) -> None:
        """Count values that are not numbers."""
        if count and self.wants(name):
            self._skipped[name] += count

    def restart(self) -> None:
        """Forget all points, to be added anew; `series` still tells which of them have been given out."""
        self.rows = 0
        self._skipped.clear()
        for column in self._columns.values():
            column.restart()

    def series(self, fresh: bool = False) -> dict[str, Series]:
        """Return all series by name; with ``fresh`` only the points added since the last such call.

        After a restart these are the points that come after those given out before, where the file still
        begins with them; else all.
        """
        found = {}
        for name, column in sorted(self._columns.items()):
            steps, values = column.fresh() if fresh else column.whole()
            if steps.size:
                found[name] = Series(steps, values, self.axis).in_order()
        return found

    def history(self, fresh: bool, problem: str, kind: str, path: Path, **facts: Any) -> History:
        """Return the series as `Tail.history` does.

        Args:
            fresh: As for `series`.
            problem: What could not be read.
            kind: Kind of file they are from.
            path: The file.
            **facts: What else is known, see `History`.
        """
        return History(
            self.series(fresh),
            problem,
            skipped=self.skipped(),
            axis=self.axis,
            rows=self.rows,
            source=kind,
            path=path,
            **facts,
        )

    def names(self) -> list[str]:
        """Return the metrics that have points."""
        return [name for name, column in self._columns.items() if column.size]

    def logged(self, names: Iterable[str] | None = None) -> int:
        """Return how many values these metrics have, or all that were asked for."""
        found = self._columns.values() if names is None else map(self._columns.get, names)
        return sum(column.size for column in found if column is not None)

    def skipped(self) -> dict[str, int]:
        """Return how many values of each metric were left out because they are not numbers."""
        return dict(sorted(self._skipped.items()))


class _Column:
    """The points of one metric, in the order they were added."""

    def __init__(self) -> None:
        self.size = 0
        self._chunks: list[_Chunk] = []
        self._used = 0  # chunks given out as new
        self._before: _Chunk | None = None  # points given out before a restart
        self._steps, self._values = array("q"), array("d")  # points that came one by one, after all chunks

    def add(self, chunk: _Chunk) -> None:
        self._close()
        self._chunks.append(chunk)
        self.size += chunk[0].size

    def put(self, step: int, value: float) -> None:
        self._steps.append(step)
        self._values.append(value)
        self.size += 1

    def _close(self) -> None:
        """Make a chunk of the points that came one by one."""
        if self._steps:
            self._chunks.append((np.array(self._steps, dtype=np.int64), np.array(self._values)))
            self._steps, self._values = array("q"), array("d")

    def whole(self) -> _Chunk:
        self._close()
        return _joined(self._chunks)

    def fresh(self) -> _Chunk:
        self._close()
        new, self._used = self._chunks[self._used :], len(self._chunks)
        if self._before is None:
            return _joined(new)
        before, whole = self._before, self.whole()
        count = min(before[0].size, whole[0].size)
        same = all(
            np.array_equal(a[:count], b[:count], equal_nan=True) for a, b in zip(before, whole, strict=True)
        )
        if same and count < before[0].size:  # not read that far again
            return _NONE
        self._before = None
        return (whole[0][count:], whole[1][count:]) if same else whole

    def restart(self) -> None:
        if self._before is None:
            self._before = _joined(self._chunks[: self._used])
        self._chunks, self._used, self.size = [], 0, 0
        self._steps, self._values = array("q"), array("d")


def _joined(chunks: list[_Chunk]) -> _Chunk:
    if not chunks:
        return _NONE
    return np.concatenate([c[0] for c in chunks]), np.concatenate([c[1] for c in chunks])
