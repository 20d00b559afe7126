"""JSON lines: an object on each line, with a counter of steps among its keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from autoloop.history import counters
from autoloop.history.files import is_usual, open_regular, regular, worth_opening
from autoloop.history.run_notes import NOTES
from autoloop.history.series import History
from autoloop.history.source import Source, Tail, stamp
from autoloop.history.text.follow import TextTail
from autoloop.history.text.rows import Rows
from autoloop.history.values import as_number, parse_json

JSON = "json"
LOOKED_FOR = "JSON lines with steps"
_NAME = re.compile(r"(?i).+\.(jsonl|ndjson|json|json\.txt)|(log|logs|metrics|stats|history)\.txt")
_NOT_OURS = frozenset(  # what has a reader of its own, and the journal of a study
    {NOTES, "trainer_state.json", "wandb-history.jsonl", "wandb-summary.json", "study.jsonl"}
)
_HEAD_BYTES = 1 << 16
_HEAD_LINES = 50  # a row with a counter is among them


def sources(folder: Path, names: Sequence[str]) -> list[Source]:
    """Return the files of a directory that hold JSON lines with steps."""
    found = []
    for name in worth_opening([name for name in names if _NAME.fullmatch(name) and name not in _NOT_OURS]):
        if _has_rows(path := folder / name):
            status = regular(path)
            changed = status.st_mtime_ns if status else 0
            found.append(Source(path, JSON, "", (stamp(changed), changed), folder, JSON))
    return found


def _has_rows(path: Path) -> bool:
    """Tell whether one of the first lines of a file is an object with a counter and another number."""
    if regular(path) is None:
        return False
    try:
        with open_regular(path) as file:
            lines = file.read(_HEAD_BYTES).splitlines()
    except OSError:
        return False
    rows = (_row(line) for line in lines[:_HEAD_LINES] if line.startswith(b"{"))
    return any(row is not None and _has_counter(row, is_usual(path.name)) for row in rows)


def _row(line: bytes) -> dict[str, Any] | None:
    if not line.lstrip().startswith(b"{"):
        return None
    try:
        row = parse_json(line.decode())
    except UnicodeDecodeError:
        return None
    return row if isinstance(row, dict) else None


def _has_counter(row: dict[str, Any], usual: bool) -> bool:
    numbers = [name for name, value in row.items() if as_number(value) is not None]
    return len(numbers) > 1 and any(counters.marks_a_run(name, usual) for name in numbers)


def tail(source: Source, keys: Iterable[str] | None = None) -> Tail:
    """Return the reader of a file of JSON lines."""
    return JsonTail(source.path, keys)


class JsonTail(TextTail):
    """What a file of JSON lines has said so far; see `autoloop.history.source.Tail`.

    Args:
        path: The file.
        keys: Names and patterns of the metrics to keep; None keeps all.
    """

    def __init__(self, path: Path, keys: Iterable[str] | None = None) -> None:
        self._rows = Rows(keys)
        super().__init__(path, self._rows.points)
        self._begin()

    def _begin(self) -> None:
        self._rows.restart()
        self._line = self._bad = self._first_bad = 0
        self._rest = b""

    def read(self, final: bool = True) -> None:
        """Read what is new; see `Tail.read`. A whole object at the end counts even without a newline."""
        for lines in self._file.read():
            if lines.is_start:
                self._begin()
            data = lines.data.removeprefix(self._rest)
            self._rest = b""
            for line in data.split(b"\n"):
                self._add(line)
        rest = self._file.rest
        if final and rest != self._rest:
            self._add(rest)
            self._rest = rest

    def _add(self, line: bytes) -> None:
        self._line += 1
        if not line.strip():
            return
        row = _row(line)
        if row is None:
            self._bad += 1
            self._first_bad = self._first_bad or self._line
        else:
            self._rows.add(row)

    def history(self, fresh: bool = False) -> History:
        """Return what has been read; see `Tail.history`."""
        return self._rows.history(fresh, self.problem(), JSON, self.path)

    def problem(self) -> str:
        """Return what could not be read, in words; empty if nothing."""
        lines = f"{self._bad} lines are not JSON objects" if self._bad > 1 else "1 line is not a JSON object"
        return self._problem(f"{lines} (first: line {self._first_bad})" if self._bad else "")
