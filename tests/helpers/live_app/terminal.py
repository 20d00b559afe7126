"""A command in a pseudo-terminal, and what a user sees there."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pexpect
import pyte

from tests.helpers.places import ROOT

APP = Path(__file__).with_name("app.py")
PATIENCE_S = 90.0


def environment(term: str = "xterm-256color") -> dict[str, str]:
    """The environment of a user's shell, whatever runs the tests."""
    left_out = ("WANDB_", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return {**kept, "PYTHONPATH": str(ROOT), "TERM": term, "LC_ALL": "C.UTF-8"}


class Terminal:
    """Runs a command in a terminal of a given size.

    Attributes:
        output: All bytes that it wrote.
    """

    def __init__(
        self,
        words: Sequence[str],
        cwd: Path,
        columns: int = 110,
        lines: int = 30,
        term: str = "xterm-256color",
    ) -> None:
        self._screen = pyte.HistoryScreen(columns, lines, history=10_000)
        self._stream = pyte.ByteStream(self._screen)
        self.output = b""
        self.child = pexpect.spawn(
            sys.executable, list(words), cwd=str(cwd), env=environment(term), dimensions=(lines, columns)
        )

    def shown(self) -> str:
        """What stands on the screen now."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    def all_lines(self) -> list[str]:
        """Everything that was printed, what has scrolled off included."""
        width = self._screen.columns
        off = ["".join(line[i].data for i in range(width)).rstrip() for line in self._screen.history.top]
        return off + self.shown().split("\n")

    @property
    def cursor_is_visible(self) -> bool:
        return not self._screen.cursor.hidden

    def wait_until(self, seen: Callable[[str], bool]) -> str:
        """Let it run until the screen shows what is waited for; return the screen."""
        deadline = time.monotonic() + PATIENCE_S
        while not seen(self.shown()):
            assert time.monotonic() < deadline, f"not seen in time; the screen shows:\n{self.shown()}"
            assert self._feed(), f"it ended before that was seen; the screen shows:\n{self.shown()}"
        return self.shown()

    def finish(self) -> int:
        """Let it run to its end; return its exit code."""
        deadline = time.monotonic() + PATIENCE_S
        while self._feed():
            assert time.monotonic() < deadline, f"it does not end; the screen shows:\n{self.shown()}"
        self.child.close()
        assert self.child.exitstatus is not None, f"ended by signal {self.child.signalstatus}"
        return int(self.child.exitstatus)

    def _feed(self) -> bool:
        """Take what it wrote; False at its end."""
        try:
            data = self.child.read_nonblocking(65536, timeout=0.2)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.output += data
        self._stream.feed(data)
        return True
