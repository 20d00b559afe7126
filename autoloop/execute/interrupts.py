"""Ctrl-C and SIGTERM while jobs run: the first asks, the second does not wait."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from queue import SimpleQueue
from types import FrameType, TracebackType
from typing import Any


class Interrupts:
    """While entered, turns SIGINT and SIGTERM into calls of ``on_interrupt(at_once)``.

    The calls come from a thread of their own, so they work whatever the main thread is doing. Outside
    the main thread, where Python sets no signal handlers, this changes nothing.

    Args:
        on_interrupt: Called with False for the first signal and True for each further one.
    """

    def __init__(self, on_interrupt: Callable[[bool], None]) -> None:
        #: The first signal that came, None if none did.
        self.signum: int | None = None
        self._on_interrupt = on_interrupt
        self._arrived: SimpleQueue[int | None] = SimpleQueue()  # its put may be called in a handler
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for signum in (signal.SIGINT, signal.SIGTERM):
                self._previous[signum] = signal.signal(signum, self._handle)
            threading.Thread(target=self._forward, name="autoloop-interrupts", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        for signum, handler in self._previous.items():
            signal.signal(signum, handler)
        self._arrived.put(None)

    def raise_if_any(self) -> None:
        """Raise what the first signal would have raised: KeyboardInterrupt, or SystemExit for SIGTERM."""
        if self.signum == signal.SIGINT:
            raise KeyboardInterrupt
        if self.signum is not None:
            raise SystemExit(128 + self.signum)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        self._arrived.put(signum)

    def _forward(self) -> None:
        while (signum := self._arrived.get()) is not None:
            again = self.signum is not None
            self.signum = self.signum or signum
            self._on_interrupt(again)
