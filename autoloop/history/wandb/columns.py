"""Columns: rows in, one series per metric out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoloop.history.bytearrays import ByteArray, Ints
from autoloop.history.series import INTERNAL, Series
from autoloop.history.wandb.items import Numbers, decode
from autoloop.history.wandb.keys import KeyTable
from autoloop.history.wanted import Wanted

_MEDIA_SUFFIX = "._type"  # the part of a flattened media value (image, histogram...) that names its kind
_Chunk = tuple[Ints, NDArray[np.float64]]
_HIDDEN = "_wandb."  # W&B's own facts, logged like a metric by some versions


class Columns:
    """Collects the numbers of a run, metric by metric, as its rows are read.

    Args:
        keys: Names and patterns of the metrics to keep; None keeps all.

    Attributes:
        rows: Rows added.
        unreadable: Items and rows that were not the messages they should be.
    """

    def __init__(self, keys: Iterable[str] | None = None) -> None:
        self.rows = 0
        self.unreadable = 0
        self._keys = KeyTable(Wanted(keys))
        self._chunks: dict[int, list[_Chunk]] = {}
        self._used: Counter[int] = Counter()  # chunks already given out as new, by name index
        self._skipped: Counter[int] = Counter()
        self._last_step = -1

    def add_rows(self, rows: ByteArray) -> None:
        """Add history records (their messages, in file order)."""
        numbers = decode(rows, self._keys)
        self.rows += len(rows)
        self.unreadable += numbers.unreadable
        self._skipped.update(numbers.skipped)
        steps = self._filled(numbers.steps)
        at, names, values = _by_name(numbers)
        cuts = np.flatnonzero(np.diff(names)) + 1
        for start, stop in zip((0, *cuts.tolist()), (*cuts.tolist(), names.size), strict=True):
            if stop > start:
                chunk = (steps[at[start:stop]], values[start:stop])
                self._chunks.setdefault(int(names[start]), []).append(chunk)

    def _filled(self, steps: Ints) -> Ints:
        """Return the steps with those of rows that have none counted on from the row before."""
        for row in np.flatnonzero(steps < 0).tolist():
            steps[row] = (steps[row - 1] if row else self._last_step) + 1
        if steps.size:
            self._last_step = int(steps[-1])
        return steps

    def add(self, step: int, name: str, value: float | None) -> None:
        """Add one value; None is a value that is not a number."""
        index = self._keys.add(name)
        if index < 0 or not self._keys.counts(index):
            return
        if value is None:
            self._skipped[index] += 1
        else:
            self._chunks.setdefault(index, []).append((np.array([step]), np.array([value])))

    def series(self, fresh: bool = False) -> dict[str, Series]:
        """Return all series by name; with ``fresh`` only the points added since the last such call."""
        found: dict[str, Series] = {}
        for index, chunks in sorted(self._chunks.items()):
            new = chunks[self._used[index] :] if fresh else chunks
            if fresh:
                self._used[index] = len(chunks)
            if new:
                steps, values = _joined(new)
                found[self._keys.names[index]] = Series(steps, values).in_order()
        hidden = self._media()
        return {name: found[name] for name in sorted(found) if not name.startswith(hidden)}

    def logged(self, names: Iterable[str] | None = None) -> int:
        """Return how many values these metrics have; without names, all that were kept."""
        index = self._chunks if names is None else (self._keys.index.get(name, -1) for name in names)
        return sum(steps.size for at in index for steps, _ in self._chunks.get(at, ()))

    def whole(self, name: str) -> Series | None:
        """Return all points of one metric, new or not; None if it has none."""
        chunks = self._chunks.get(self._keys.index.get(name, -1))
        if not chunks:
            return None
        return Series(*_joined(chunks)).in_order()

    def skipped(self) -> dict[str, int]:
        """Return how many values of each metric were left out because they are not numbers."""
        media = self._media()
        counts: Counter[str] = Counter()
        for index, count in self._skipped.items():
            name = self._keys.names[index]
            if name.endswith(_MEDIA_SUFFIX):
                counts[name.removesuffix(_MEDIA_SUFFIX)] += count
            elif not name.startswith(media) and name not in INTERNAL:
                counts[name] += count
        return dict(sorted(counts.items()))

    def _media(self) -> tuple[str, ...]:
        """Return the beginnings of all names that are parts of media values, or W&B's own."""
        names = [self._keys.names[index] for index in self._skipped]
        return (_HIDDEN, *(n.removesuffix("_type") for n in names if n.endswith(_MEDIA_SUFFIX)))


def _joined(chunks: list[_Chunk]) -> _Chunk:
    if len(chunks) == 1:
        return chunks[0]
    return np.concatenate([steps for steps, _ in chunks]), np.concatenate([values for _, values in chunks])


def _by_name(numbers: Numbers) -> tuple[Ints, Ints, NDArray[np.float64]]:
    """Return rows, names and values sorted by name and, within a name, by row."""
    order = np.argsort(_small(numbers.rows), kind="stable")
    order = order[np.argsort(_small(numbers.names[order]), kind="stable")]
    return numbers.rows[order], numbers.names[order], numbers.values[order]


def _small(index: Ints) -> NDArray[Any]:
    """Return indices as uint16 where they fit: numpy sorts those in linear time."""
    return index.astype(np.uint16) if index.size and index.max() < 1 << 16 else index
