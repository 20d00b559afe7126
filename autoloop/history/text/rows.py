"""Rows: what a program logged at a time, as names and values; one of the names counts the steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from autoloop.history import counters
from autoloop.history.axis import along, whole_counter
from autoloop.history.points import Gathered
from autoloop.history.series import History, Series
from autoloop.history.values import as_number, leaves

_PART_KEYS = ("mode", "split", "phase", "stage")  # whose text says what part of a run a row is of
_PARTS = frozenset({"train", "training", "eval", "evaluation", "val", "valid", "validation", "test"})


class Rows:
    """Collects rows.

    The steps are those of the most telling counter that any row has, see `autoloop.history.counters`, for all
    metrics alike: a row without it is at its last value before.

    Args:
        keys: Names and patterns of the metrics to keep; None keeps all.

    Attributes:
        points: The numbers, by row.
    """

    def __init__(self, keys: Iterable[str] | None = None) -> None:
        self.points = Gathered(keys)
        self._counters = Gathered()

    def restart(self) -> None:
        """Forget all rows, to be added anew."""
        self.points.restart()
        self._counters = Gathered()

    def add(self, row: Mapping[str, Any]) -> None:
        """Add a row."""
        at = self.points.rows
        self.points.rows += 1
        part = next((f"{row[key]}/" for key in _PART_KEYS if row.get(key) in _PARTS), "")
        for key, value in row.items():
            for name, leaf in leaves(str(key), value):
                self._add(at, name, part, as_number(leaf))

    def _add(self, at: int, name: str, part: str, number: float | None) -> None:
        is_counter = counters.rank(name) is not None
        full = name if is_counter or not part else f"{part}{name}"
        if number is None:
            self.points.skip(full)
            return
        if is_counter:
            self._counters.put(name, at, number)
        self.points.put(full, at, number)

    def axis(self) -> tuple[str, Series] | None:
        """Return the counter that the steps are of, by row; None if there is none."""
        found = {name: whole_counter(series) for name, series in self._counters.series().items()}
        name = counters.best(name for name, counter in found.items() if counter is not None)
        counter = found.get(name or "")
        return (name, counter) if name and counter is not None else None

    def history(self, fresh: bool, problem: str, kind: str, path: Path) -> History:
        """Return what has been read as `Tail.history` does."""
        axis, by_row = self.axis(), self.points.series(fresh)
        if axis is not None:
            by_row = {name: along(axis[1], one, axis[0]) for name, one in by_row.items() if name != axis[0]}
        return History(
            by_row,
            problem,
            skipped=self.points.skipped(),
            axis=axis[0] if axis else "",
            rows=self.points.rows,
            source=kind,
            path=path,
        )
