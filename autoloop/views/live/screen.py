"""A place on the terminal that is drawn again and again, below what is printed and logged meanwhile."""

from __future__ import annotations

import io
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from autoloop.views.live.draw import draw
from autoloop.views.live.view import View


def can_show(stream: IO[str]) -> bool:
    """Whether a live view can be drawn on a stream: a terminal that can move its cursor and knows Unicode."""
    console = Console(file=stream)
    return console.is_terminal and not console.is_dumb_terminal and console.encoding.startswith("utf")


class Screen:
    """Shows views while entered. The last one stays on the terminal.

    The cursor stays visible, so that even kill -9 leaves a terminal as it was. Standard output and standard
    error, where they are terminals, and the log handlers that write to them are led through this screen.

    Args:
        stream: The terminal.
    """

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._console = Console(file=stream or sys.stdout, markup=False, highlight=False, emoji=False)
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._lock = threading.RLock()  # a view and a line are each written whole, or they tear each other
        self._moved: list[tuple[IO[str], Any]] = []  # (stream, what stands in for it)

    def __enter__(self) -> Screen:
        self._live.start()
        self._console.show_cursor(True)
        self._moved = [(s, _Above(self._print, s)) for s in {sys.stdout, sys.stderr} if s.isatty()]
        _move(self._moved)
        return self

    def __exit__(self, *exc: object) -> None:
        for _, above in self._moved:
            above.end_line()
        self._live.stop()
        _move([(above, stream) for stream, above in self._moved])

    def show(self, view: View) -> None:
        """Show a view in place of the one before."""
        width, height = self._console.size
        drawn = draw(view, width, height)
        with self._lock:
            self._live.update(drawn, refresh=True)

    def _print(self, line: str) -> None:
        """Print a line, its colours included, above the view."""
        with self._lock:
            self._console.print(Text.from_ansi(line), soft_wrap=True)


class _Above(io.TextIOBase):
    """Stands in for a terminal: hands on whole lines.

    Args:
        hand_on: Called with each line.
        stream: The terminal.
    """

    def __init__(self, hand_on: Callable[[str], None], stream: Any) -> None:
        self._hand_on = hand_on
        self._stream = stream
        self._line = ""
        self._lock = threading.RLock()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return str(self._stream.encoding)

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return int(self._stream.fileno())

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        with self._lock:
            *lines, self._line = (self._line + text).split("\n")
            for line in lines:
                self._hand_on(_last_written(line))
        return len(text)

    def end_line(self) -> None:
        """Hand on a line that has no end yet."""
        if self._line:
            self.write("\n")


def _last_written(line: str) -> str:
    """What a line shows after its carriage returns, which progress bars write."""
    return line.removesuffix("\r").rpartition("\r")[2]


def _move(moved: Sequence[tuple[Any, Any]]) -> None:
    """Let standard streams and log handlers that write to the first of a pair write to the second."""
    for old, new in moved:
        sys.stdout = new if sys.stdout is old else sys.stdout
        sys.stderr = new if sys.stderr is old else sys.stderr
        for handler in _handlers():
            if handler.stream is old:
                handler.setStream(new)


def _handlers() -> Iterator[logging.StreamHandler[Any]]:
    """All handlers of all loggers that write to a stream."""
    loggers = [logging.getLogger(), *logging.root.manager.loggerDict.values()]
    for logger in loggers:
        for handler in getattr(logger, "handlers", ()):
            if isinstance(handler, logging.StreamHandler):
                yield handler
