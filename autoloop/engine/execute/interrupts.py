"""Ctrl-C and SIGTERM while jobs run: the first asks, the second does not wait."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_END = 0  # not the number of any signal


class Interrupts:
    """While entered, turns SIGINT and SIGTERM into calls of ``on_interrupt(at_once)``.

    The calls come from a thread of their own, which reads the numbers of signals from Python's wakeup
    descriptor: a handler would run in the main thread only when that next wakes up, and a thread that
    waits is not woken by a signal that the kernel gave to another one. Outside the main thread, where
    Python sets no signal handlers, this changes nothing.

    Args:
        on_interrupt: Called with False for the first signal and True for each further one.
    """

    def __init__(self, on_interrupt: Callable[[bool], None]) -> None:
        #: The first signal that came, None if none did.
        self.signum: int | None = None
        self._on_interrupt = on_interrupt
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            self._read_fd, self._write_fd = os.pipe()
            os.set_blocking(self._write_fd, False)
            self._previous_fd = signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
            for signum in _SIGNALS:
                self._previous[signum] = signal.signal(signum, lambda *_: None)
            self._thread = threading.Thread(target=self._forward, name="autoloop-interrupts", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        if not self._previous:
            return
        for signum, handler in self._previous.items():
            signal.signal(signum, handler)
        signal.set_wakeup_fd(self._previous_fd)
        os.write(self._write_fd, bytes([_END]))
        self._thread.join()
        os.close(self._read_fd)
        os.close(self._write_fd)

    def raise_if_any(self) -> None:
        """Raise what the first signal would have raised: KeyboardInterrupt, or SystemExit for SIGTERM."""
        if self.signum == signal.SIGINT:
            raise KeyboardInterrupt
        if self.signum is not None:
            raise SystemExit(128 + self.signum)

    def _forward(self) -> None:
        while (signum := os.read(self._read_fd, 1)[0]) != _END:
            if signum in _SIGNALS:
                again = self.signum is not None
                self.signum = self.signum or signum
                self._on_interrupt(again)
