"""Lines of a log, read by patterns: the last resort, for programs that log numbers nowhere else.

A pattern is a regular expression with named groups that is looked for again and again in each line. The
group of a counter (``step``, ``iteration``, ``epoch``...) is the step, every other one a metric of its name,
in which ``__`` stands for a slash. Numbers are ``200``, ``1e-5``, ``nan``, ``12K``. What ``part`` holds goes
before the names of the line's metrics; ``name`` and ``value`` are a metric's name and its number.
A line without a step counts only where the pattern has no group for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from autoloop.errors import ConfigError, did_you_mean
from autoloop.history import counters
from autoloop.history.files import regular
from autoloop.history.series import History
from autoloop.history.source import Source, stamp
from autoloop.history.text.follow import TextTail
from autoloop.history.text.rows import Rows

LINES = "lines"
LOOKED_FOR = "a log with lines of a known form"
#: Patterns that have a name.
KNOWN = {
    "lerobot": r"\bstep:(?P<step>[\d.]+[KMBT]?) smpl:|\bloss:(?P<train__loss>\S+)"
    r"|\bgrdn:(?P<train__grad_norm>\S+)|\blr:(?P<train__lr>\S+)"
    r"|\bupdt_s:(?P<train__update_s>\S+)|\bdata_s:(?P<train__dataloading_s>\S+)",
    "nanot5": r"\[(?P<part>\w+)\] Step (?P<step>\d+) out of \d+|(?P<name>\w+) --> (?P<value>\S+)",
    "nanogpt": r"\b[Ss]tep (?P<step>\d+): train loss (?P<train__loss>\S+), val loss (?P<val__loss>\S+)",
}
_PART, _NAME, _VALUE = "part", "name", "value"
_SUFFIXES = (".log", ".out")
_LONGEST_LINE = 1000  # bytes; a longer line is passed over, so that no pattern takes long
_BREAK = re.compile(rb"[\r\n]+")  # progress bars write one line over another
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_THOUSANDS = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}

Patterns = tuple[re.Pattern[str], ...]


def compiled(given: Sequence[str]) -> Patterns:
    """Return patterns, given as regular expressions or by their names.

    Raises:
        ConfigError: One is not a regular expression, or has no group for a metric.
    """
    return tuple(_compiled(str(text)) for text in given)


def _compiled(text: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(KNOWN.get(text, text))
    except re.error as error:
        raise ConfigError(f"metrics.lines: {text!r} is not a regular expression: {error}") from error
    groups = pattern.groupindex.keys()
    pair = {_NAME, _VALUE} <= groups
    if not pair and all(counters.rank(group) is not None or group == _PART for group in groups):
        raise ConfigError(
            f"metrics.lines: {text!r} has no named group for a metric, such as (?P<loss>\\S+)"
            f"{did_you_mean(text, KNOWN)} (known by name: {', '.join(KNOWN)})"
        )
    return pattern


def sources(folder: Path, names: Sequence[str]) -> list[Source]:
    """Return the logs of a directory."""
    found = []
    for name in names:
        status = regular(folder / name) if name.endswith(_SUFFIXES) else None
        if status is not None:
            changed = status.st_mtime_ns
            found.append(Source(folder / name, LINES, "", (stamp(changed), changed), folder, LINES))
    return found


class LinesTail(TextTail):
    """What a log has said so far; see `autoloop.history.source.Tail`.

    Args:
        path: The file.
        patterns: Tell its lines; of several the first that a line matches.
        keys: Names and patterns of the metrics to keep; None keeps all.
    """

    def __init__(self, path: Path, patterns: Patterns, keys: Iterable[str] | None = None) -> None:
        self._patterns = patterns
        self._rows = Rows(keys)
        super().__init__(path, self._rows.points)

    def read(self, final: bool = True) -> None:
        """Read what is new; see `Tail.read`."""
        for lines in self._file.read():
            if lines.is_start:
                self._rows.restart()
            for line in _BREAK.split(lines.data):
                row = self._row(line) if len(line) <= _LONGEST_LINE else None
                if row:
                    self._rows.add(row)

    def _row(self, line: bytes) -> dict[str, Any] | None:
        text = _ESCAPE.sub("", line.decode("utf-8", "replace"))
        return next((row for pattern in self._patterns if (row := row_of(pattern, text))), None)

    def history(self, fresh: bool = False) -> History:
        """Return what has been read; see `Tail.history`."""
        return self._rows.history(fresh, self._file.error, LINES, self.path)


def row_of(pattern: re.Pattern[str], line: str) -> dict[str, float]:
    """Return what a line says: metric -> number, and its counter; empty if it says nothing."""
    groups = [match.groupdict() for match in pattern.finditer(line)]
    found = [(name, text) for match in groups for name, text in _pairs(match) if text is not None]
    part = next((f"{match[_PART]}/" for match in groups if match.get(_PART)), "")
    row = {name: value for name, text in found if (value := number(text)) is not None}
    steps = {name: value for name, value in row.items() if counters.rank(name) is not None}
    if not steps and any(counters.rank(group) is not None for group in pattern.groupindex):
        return {}
    metrics = {f"{part}{name}": value for name, value in row.items() if name not in steps}
    return {**steps, **metrics} if metrics else {}


def _pairs(match: dict[str, str | None]) -> Iterator[tuple[str, str | None]]:
    """Yield name and text of each number that a match found."""
    name = match.get(_NAME)
    if name and _VALUE in match:
        yield name.lower(), match[_VALUE]
    yield from ((n.replace("__", "/"), t) for n, t in match.items() if n not in (_PART, _NAME, _VALUE))


def number(text: str) -> float | None:
    """Return the number that a text of a log means; None if it means none."""
    text = text.rstrip(",;")
    try:
        return float(text[:-1]) * _THOUSANDS[text[-1:]] if text[-1:] in _THOUSANDS else float(text)
    except ValueError:
        return None
