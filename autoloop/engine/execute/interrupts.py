"""Ctrl-C and SIGTERM while jobs run: the first asks, the second does not wait."""

from __future__ import annotations

import logging
import os
import select
import signal
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

log = logging.getLogger("autoloop")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_END = 0  # not the number of any signal


class Interrupts:
    """While entered, turns SIGINT and SIGTERM into calls of ``on_interrupt(at_once)``.

    The calls come from a thread of their own, which reads the numbers of signals from Python's wakeup
    descriptor: a handler would run in the main thread only when that next wakes up, and a thread that
    waits is not woken by a signal that the kernel gave to another one. Outside the main thread, where
    Python sets no signal handlers, this changes nothing.

    Args:
        on_interrupt: Called with False for the first signal and True for each further one. An error of it is
            logged, and later signals are still handled.
        patience_s: Seconds after the second signal in which the context must have been left; then this
            process ends, and with it what watches it.
    """

    def __init__(self, on_interrupt: Callable[[bool], None], patience_s: float = 20.0) -> None:
        #: The first signal that came, None if none did.
        self.signum: int | None = None
        self._on_interrupt = on_interrupt
        self._patience_s = patience_s
        self._deadline: float | None = None
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
        while (signum := self._next()) != _END:
            if signum in _SIGNALS:
                again = self.signum is not None
                self.signum = self.signum or signum
                if again and self._deadline is None:
                    self._deadline = time.monotonic() + self._patience_s
                self._notify(again)

    def _next(self) -> int:
        """Wait for the number of the next signal; where time is up, that is the end of this process."""
        left_s = None if self._deadline is None else max(0.0, self._deadline - time.monotonic())
        if not select.select([self._read_fd], [], [], left_s)[0]:
            os._exit(128 + (self.signum or 0))
        return os.read(self._read_fd, 1)[0]

    def _notify(self, again: bool) -> None:
        try:
            self._on_interrupt(again)
        except Exception:  # the border of the thread: without it no further signal would be handled
            log.exception("the interruption could not be passed on; once more ends this process")
