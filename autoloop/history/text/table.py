"""Tables: lines of CSV in, points out; the header alone decides which column counts the steps."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np

from autoloop.history import compiled, counters
from autoloop.history.bytearrays import PAD_BYTES, ByteArray, Ints
from autoloop.history.compiled import Walker
from autoloop.history.numbers import Floats, parse
from autoloop.history.points import Gathered

_DELIMITERS = (",", ";", "\t", "|")
_MOST_LINES = 20  # that one quoted cell may span
_ODD = (b'"', b"_", b"\0")  # quotes; what Python's float passes over
_MOST = 2.0**53  # beyond it not every whole number is a float


#: First bytes and ends of cells, (lines, columns), and their numbers if they are known.
_Cells = tuple[Ints, Ints, Floats | None]


def header_of(line: bytes) -> tuple[str, list[str]] | None:
    """Return delimiter and column names of a table's first line; None where no column counts steps."""
    try:
        text = line.decode("utf-8-sig").strip("\r\n")
    except UnicodeDecodeError:
        return None
    found = [(delimiter, _cells(text, delimiter)) for delimiter in _DELIMITERS]
    delimiter, names = max(found, key=lambda pair: len(pair[1]))
    names = [name.strip() for name in names]
    return (delimiter, names) if len(names) > 1 and counters.best(names) is not None else None


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


class Table:
    """A table as far as it has been read.

    Args:
        points: Takes the numbers.
        prefix: What all names of metrics begin with.

    Attributes:
        bad: Lines that are no rows of the table.
        first_bad: Number of the first of them, from 1.
    """

    def __init__(self, points: Gathered, prefix: str = "") -> None:
        self._points = points
        self._prefix = prefix
        self.begin()

    def begin(self) -> None:
        """Read from the first line again."""
        self.bad = self.first_bad = 0
        self._line = 0
        self._delimiter = ""
        self._names: list[str] = []
        self._step = 0

    def add(self, data: bytes) -> None:
        """Take whole lines."""
        while data and not self._names:
            line, _, data = data.partition(b"\n")
            self._line += 1
            self._read_header(line)
        if data and not self._add_fast(data):
            self._add_line_by_line(data)

    def _read_header(self, line: bytes) -> None:
        found = header_of(line)
        if found is None:
            if line.strip() and not line.startswith(b"#"):
                self._is_bad()
            return
        self._delimiter, names = found
        self._set_names(names)

    def _set_names(self, names: list[str]) -> None:
        self._names = names
        axis = counters.best(names) or ""
        self._step = names.index(axis)
        self._points.axis = axis
        metrics = ((at, name) for at, name in enumerate(names) if name and at != self._step)
        full = ((at, self._full(name)) for at, name in metrics)
        self._metrics = [(at, name) for at, name in full if self._points.wants(name)]

    def _full(self, name: str) -> str:
        stem = self._prefix.rstrip("/")
        has_it = bool(stem) and name.startswith((f"{stem}/", f"{stem}_"))
        return name if has_it else f"{self._prefix}{name}"

    def _is_bad(self, lines: int = 1) -> None:
        self.first_bad = self.first_bad or self._line
        self.bad += lines

    def _add_fast(self, data: bytes) -> bool:
        """Take lines of which each has a whole step and a cell for each column; False if one has not."""
        columns = [self._step, *(at for at, _ in self._metrics)]
        if compiled.WALKER:
            cells = cells_compiled(compiled.WALKER, data, self._delimiter, len(self._names), columns)
        else:
            cells = cells_of(data, self._delimiter, len(self._names), columns)
        if cells is None:
            return False
        starts, stops, values = cells
        if values is None:
            batch = ByteArray(data + bytes(PAD_BYTES), starts[:, 0], stops[:, 0])
            steps = _whole(parse(batch, starts[:, 0], stops[:, 0]))
        else:
            batch, steps = None, _whole(values[:, 0])
        if steps is None:
            return False
        names = [name for _, name in self._metrics]
        if batch is not None:
            self._add_columns(names, steps, batch, starts[:, 1:], stops[:, 1:])
        elif values is not None:
            for at, name in enumerate(names, start=1):
                self._points.add(name, steps, values[:, at].copy())
        self._line += steps.size
        self._points.rows += steps.size
        return True

    def _add_columns(
        self, names: Sequence[str], steps: Ints, batch: ByteArray, starts: Ints, stops: Ints
    ) -> None:
        """Add metrics, a column each; their cells are given by first byte and first byte after."""
        filled = stops > starts
        values = np.empty(filled.shape)
        found = parse(batch, starts[filled], stops[filled])
        if found is not None:
            values[filled] = found
        for at, name in enumerate(names):
            rows = np.flatnonzero(filled[:, at])
            if found is not None:
                self._points.add(name, steps[rows], values[rows, at])
            else:
                cells = (batch.cut(starts[row, at], stops[row, at]) for row in rows.tolist())
                self._add_mixed(name, steps[rows].tolist(), cells)

    def _add_mixed(self, name: str, steps: Iterable[int], cells: Iterable[bytes]) -> None:
        """Add cells of which some are no numbers."""
        read = [(step, number(cell), cell) for step, cell in zip(steps, cells, strict=True) if cell.strip()]
        known = [(step, value) for step, value, _ in read if value is not None]
        self._points.add(name, [step for step, _ in known], [value for _, value in known])
        self._points.skip(name, len(read) - len(known))

    def _add_line_by_line(self, data: bytes) -> None:
        for row in self._rows(data.decode("utf-8", "replace")):
            if self._is_header(row):
                self._set_names([name.strip() for name in row])
                continue
            step = _step(row[self._step]) if len(row) == len(self._names) else None
            if step is None:
                self._is_bad()
                continue
            self._points.rows += 1
            for at, name in self._metrics:
                self._add_cell(name, step, row[at])

    def _add_cell(self, name: str, step: int, cell: str) -> None:
        value = number(cell)
        if value is not None:
            self._points.put(name, step, value)
        elif cell.strip():
            self._points.skip(name)

    def _is_header(self, row: list[str]) -> bool:
        """Whether the header stands here again, as where a run went on in the same file."""
        return self._names[self._step] in [cell.strip() for cell in row]

    def _rows(self, text: str) -> Iterator[list[str]]:
        """Yield the cells of each line that is not blank; a quoted cell may go on in the next ones."""
        lines = iter(enumerate(all_lines := text.split("\n")))
        for at, line in lines:
            self._line += 1
            if not line.strip():
                continue
            more = self._lines_of_cell(all_lines[at : at + _MOST_LINES]) if line.count('"') % 2 else 1
            yield _cells("\n".join(all_lines[at : at + more]).rstrip("\r"), self._delimiter)
            for _ in islice(lines, more - 1):
                self._line += 1

    def _lines_of_cell(self, lines: list[str]) -> int:
        """Return how many lines make one row, of which the first leaves a quoted cell open; 1 if none do."""
        for count in range(2, len(lines) + 1):
            text = "\n".join(lines[:count])
            if text.count('"') % 2 == 0:
                row = _cells(text.rstrip("\r"), self._delimiter)
                return count if len(row) == len(self._names) else 1
        return 1


def cells_of(data: bytes, delimiter: str, count: int, columns: Sequence[int]) -> _Cells | None:
    """Return where the cells of some columns lie in whole lines of a table.

    Args:
        data: The lines.
        delimiter: What stands between two cells.
        count: Columns of the table.
        columns: Those that are wanted.

    Returns:
        First byte and first byte after of each, (lines, columns), and the numbers if they are known; None if
        a line has not a cell for each column of the table, or something odd stands anywhere.
    """
    if any(odd in data for odd in _ODD):
        return None
    text = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(text <= max(ord(delimiter), ord("\n")))
    kinds = text[ends]
    is_end = (kinds == ord(delimiter)) | (kinds == ord("\n"))
    if not is_end.all():
        ends, kinds = ends[is_end], kinds[is_end]
    is_line = kinds[count - 1 :: count] == ord("\n")
    if ends.size % count or not is_line.all() or np.count_nonzero(kinds == ord("\n")) != is_line.size:
        return None
    starts, stops = np.concatenate([[0], ends[:-1] + 1]).reshape(-1, count), ends.reshape(-1, count)
    stops[:, -1] -= (text[stops[:, -1] - 1] == ord("\r")) & (stops[:, -1] > starts[:, -1])
    return starts[:, columns], stops[:, columns], None


def cells_compiled(
    walker: Walker, data: bytes, delimiter: str, count: int, columns: Sequence[int]
) -> _Cells | None:
    """Return the same, and the numbers where all are decimals."""
    wanted = bytes(at in columns for at in range(count))
    found = walker.cells(data, delimiter.encode(), count, wanted)
    if found is None:
        return None
    cells = np.frombuffer(found[0], dtype=np.int64).reshape(-1, sum(wanted), 2)
    places = [sum(wanted[:at]) for at in columns]
    values = None if found[1] is None else np.frombuffer(found[1]).reshape(-1, sum(wanted))[:, places]
    return cells[:, places, 0], cells[:, places, 1], values


def number(cell: str | bytes) -> float | None:
    """Return a cell as a number; None if it is none, or empty."""
    if (b"_" if isinstance(cell, bytes) else "_") in cell:  # type: ignore[operator]
        return None
    try:
        return float(cell)
    except ValueError:
        return None


def _step(cell: str) -> int | None:
    value = number(cell)
    return int(value) if value is not None and abs(value) <= _MOST and value == np.floor(value) else None


def _whole(values: Floats | None) -> Ints | None:
    """Return numbers as whole ones; None if one is not."""
    if values is None or not np.isfinite(values).all() or (np.abs(values) > _MOST).any():
        return None
    return values.astype(np.int64) if (values == np.floor(values)).all() else None
