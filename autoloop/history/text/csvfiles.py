"""CSV files with a column that counts steps, by whatever program.

Lightning's ``metrics.csv``, Stable-Baselines3's and RLlib's ``progress.csv``, that of Keras and one's own.
Files named for parts of a run (``train.csv``, ``eval.csv``) are one run, named before their metrics.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from autoloop.history import counters
from autoloop.history.files import is_usual, open_regular, regular, worth_opening
from autoloop.history.points import Gathered
from autoloop.history.series import History
from autoloop.history.source import Source, Tail, stamp
from autoloop.history.text.follow import TextTail
from autoloop.history.text.table import Table, header_of
from autoloop.history.together import Together

CSV = "csv"
LOOKED_FOR = "a CSV file with a column of steps"
_SUFFIXES = (".csv", ".tsv")
_HEAD_BYTES = 1 << 16
_PART = re.compile(r"(?i)(train|training|eval|evaluation|val|valid|validation|test)")


def sources(folder: Path, names: Sequence[str]) -> list[Source]:
    """Return the CSV files of a directory with a column that counts steps."""
    tables = worth_opening([name for name in names if name.lower().endswith(_SUFFIXES)])
    found = [name for name in tables if _is_table(folder / name)]
    parts = [name for name in found if _prefix(name)]
    alone = [_source(folder / name, [folder / name]) for name in found if not _prefix(name)]
    return [*alone, _source(folder, [folder / name for name in parts])] if parts else alone


def _source(path: Path, files: list[Path]) -> Source:
    changed = max((status.st_mtime_ns for file in files if (status := regular(file))), default=0)
    run_dir = path if path.is_dir() else path.parent
    return Source(path, CSV, "", (stamp(changed), changed), run_dir, CSV)


def _prefix(name: str) -> str:
    """Return what the names of a file's metrics begin with."""
    stem = Path(name).stem
    return f"{stem}/" if _PART.fullmatch(stem) else ""


def _is_table(path: Path) -> bool:
    """Tell whether a file begins with the header of a table that has steps."""
    if regular(path) is None:
        return False
    try:
        with open_regular(path) as file:
            lines = file.read(_HEAD_BYTES).splitlines(keepends=True)
    except OSError:
        return False
    first = next((line for line in lines if line.strip() and not line.startswith(b"#")), b"")
    header = header_of(first) if first.endswith(b"\n") else None
    axis = counters.best(header[1]) if header else None
    return axis is not None and counters.marks_a_run(axis, is_usual(path.name))


def tail(source: Source, keys: Iterable[str] | None = None) -> Tail:
    """Return the reader of a CSV file, or of those in a directory that are named for parts of a run."""
    asked = None if keys is None else list(keys)
    if source.path.is_dir():
        return Together(source.path, lambda: _parts(source.path), lambda path: CsvTail(path, asked), CSV)
    return CsvTail(source.path, asked)


def _parts(folder: Path) -> list[Path]:
    try:
        files = sorted(folder.iterdir())
    except OSError:
        return []
    parts = (file for file in files if file.suffix.lower() in _SUFFIXES and _prefix(file.name))
    return [file for file in parts if _is_table(file)]


class CsvTail(TextTail):
    """What a CSV file has said so far; see `autoloop.history.source.Tail`.

    Args:
        path: The file.
        keys: Names and patterns of the metrics to keep; None keeps all.
    """

    def __init__(self, path: Path, keys: Iterable[str] | None = None) -> None:
        super().__init__(path, Gathered(keys))
        self._table = Table(self._points, _prefix(path.name))
        self._is_final = True

    def read(self, final: bool = True) -> None:
        """Read what is new; see `Tail.read`."""
        self._is_final = final
        for lines in self._file.read():
            if lines.is_start:
                self._table.begin()
                self._points.restart()
            self._table.add(lines.data)

    def history(self, fresh: bool = False) -> History:
        """Return what has been read; see `Tail.history`."""
        return self._points.history(fresh, self.problem(), CSV, self.path)

    def problem(self) -> str:
        """Return what could not be read, in words; empty if nothing."""
        bad, count = "", self._table.bad
        if count:
            lines = f"{count} lines are not rows" if count > 1 else "1 line is not a row"
            bad = f"{lines} of the table (first: line {self._table.first_bad})"
        cut = bool(self._file.rest) and self._is_final
        return self._problem(bad, "its last line is incomplete and is left out" if cut else "")
