"""Following a text file: its whole lines as they come, from the start again where it was written anew."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from autoloop.history.bytearrays import keep_freed_memory
from autoloop.history.files import identity, open_regular
from autoloop.history.points import Gathered

_BLOCK_BYTES = 1 << 21  # read at once
_LONGEST_LINE = 1 << 24  # of a longer one nothing is kept
_MARK_BYTES = 256  # at the start and before the end of what was read, compared at every look


@dataclass(frozen=True, slots=True)
class Lines:
    """Whole lines.

    Attributes:
        data: Their bytes; the last ends with a newline, or the file does without one.
        is_start: Whether they are the first of the file, also when it is read again.
    """

    data: bytes
    is_start: bool


class LineFollower:
    """Reads a file as it grows.

    Args:
        path: The file.

    Attributes:
        restarts: How often the file was found replaced, shorter, or with another text where it had been read.
        rest: Bytes after the last newline.
        lost: Bytes of lines too long to be kept.
        error: Why it cannot be read; empty if it can.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.restarts = 0
        self.error = ""
        self._begin()

    def _begin(self) -> None:
        self.rest = b""
        self.lost = 0
        self._offset = 0
        self._head = self._mark = b""
        self._identity: tuple[int, int] | None = None
        self._in_long_line = False

    def read(self) -> Iterator[Lines]:
        """Yield the whole lines that are new since the last call."""
        try:
            with open_regular(self.path) as file:
                self.error = ""
                if self._is_another(file):
                    self.restarts += 1
                    self._begin()
                    yield Lines(b"", True)
                self._identity = identity(os.fstat(file.fileno()))
                yield from self._read_on(file)
        except OSError as error:
            self.error = f"{self.path} cannot be read: {error.strerror or error}"

    def _is_another(self, file: BinaryIO) -> bool:
        """Tell whether the file is not the one that was read, as far as it was."""
        if self._identity is None or not self._offset:
            return False
        status = os.fstat(file.fileno())
        if identity(status) != self._identity or status.st_size < self._offset:
            return True
        head = file.read(len(self._head))
        file.seek(self._offset - len(self._mark))
        return head != self._head or file.read(len(self._mark)) != self._mark

    def _read_on(self, file: BinaryIO) -> Iterator[Lines]:
        file.seek(self._offset)
        keep_freed_memory()
        while data := file.read(_BLOCK_BYTES):
            is_start = not self._offset
            self._head += data[: _MARK_BYTES - len(self._head)]
            self._mark = (self._mark + data[-_MARK_BYTES:])[-_MARK_BYTES:]
            self._offset += len(data)
            whole = self._whole(data)
            if whole or is_start:
                yield Lines(whole, is_start)

    def _whole(self, data: bytes) -> bytes:
        """Return the lines that a block brings to an end; keep what comes after them."""
        end = data.rfind(b"\n") + 1
        if not end:
            self.rest += data
            whole = b""
        else:
            whole, self.rest = self.rest + data[:end], data[end:]
        if end and self._in_long_line:
            cut = whole.index(b"\n") + 1
            self.lost, self._in_long_line, whole = self.lost + cut, False, whole[cut:]
        if len(self.rest) > _LONGEST_LINE:
            self.lost, self._in_long_line, self.rest = self.lost + len(self.rest), True, b""
        return whole


class TextTail:
    """What the readers of text files share; see `autoloop.history.source.Tail`.

    Args:
        path: The file.
        points: Where its numbers go.
    """

    has_ended = False

    def __init__(self, path: Path, points: Gathered) -> None:
        self.path = path
        self._file = LineFollower(path)
        self._points = points

    @property
    def restarts(self) -> int:
        """How often the file was read from its start again."""
        return self._file.restarts

    def logged(self, names: Iterable[str] | None = None) -> int:
        """Return how many values these metrics have, or all that were asked for."""
        return self._points.logged(names)

    def _problem(self, bad: str, rest: str = "") -> str:
        """What could not be read, in words.

        Args:
            bad: What is wrong with its lines.
            rest: What is wrong with its end.
        """
        lost = f"{self._file.lost} bytes in lines that are too long are left out" if self._file.lost else ""
        texts = [f"{self.path}: {text}" for text in (bad, lost, rest) if text]
        texts = [self._file.error, *texts] if self._file.error else texts
        if not texts and not self._points.rows:
            texts.append(f"{self.path} has no rows: the run has logged nothing, or not yet")
        return "; ".join(texts)
