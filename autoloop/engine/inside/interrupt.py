"""Ending a training from a thread beside it, in the way of Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

from autoloop.engine.execute.processes import descendants


class Interrupt:
    """Between `open` and `shut`, `send` raises KeyboardInterrupt in the main thread, once.

    W&B writes every row it has when a training ends by KeyboardInterrupt, and trainers that save something
    on Ctrl-C do so. The signal also goes to the processes that the training started in this process's group,
    as a terminal's would. Whoever calls `open` calls `shut` while KeyboardInterrupt is still expected, and
    `close` after that.

    A launcher that ends its workers by SIGTERM, as Ray does when its main process dies, has a handler that
    calls ``sys.exit``, which looks like a failure of the training: ``on_terminated`` is called first.

    Attributes:
        sent: Whether the training was interrupted.
    """

    def __init__(self, on_terminated: Callable[[], None] = lambda: None) -> None:
        self.sent = False
        self._on_terminated = on_terminated
        self._open = False
        self._lock = threading.Lock()

    @staticmethod
    def possible() -> bool:
        """Whether this thread can be interrupted: Python runs signal handlers in the main thread alone."""
        return threading.current_thread() is threading.main_thread()

    def open(self) -> None:
        """Take over SIGINT; a process that blocks it, as Ray's workers do, lets it through meanwhile."""
        self._previous = signal.getsignal(signal.SIGINT)
        signal.signal(signal.SIGINT, self._on_signal)
        self._mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        self._at_term = signal.getsignal(signal.SIGTERM)
        if callable(self._at_term):
            signal.signal(signal.SIGTERM, self._on_term)
        self._open = True

    def shut(self) -> None:
        """Raise nothing from now on."""
        self._open = False

    def close(self) -> None:
        """Give the signals back; a signal on its way arrives before that, and without effect."""
        with self._lock:
            self._open = False
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        signal.signal(signal.SIGINT, signal.SIG_DFL if self._previous is None else self._previous)
        if callable(self._at_term) and signal.getsignal(signal.SIGTERM) == self._on_term:
            signal.signal(signal.SIGTERM, self._at_term)

    def send(self) -> None:
        """Interrupt the training; called from another thread."""
        with self._lock:
            if not self._open or self.sent:
                return
            self.sent = True
            for pid in _children_in_group():
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGINT)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        if not self.sent:
            self._as_before(signum, frame)
        elif self._open:
            self._open = False
            raise KeyboardInterrupt

    def _on_term(self, signum: int, frame: FrameType | None) -> None:
        self._on_terminated()
        if callable(self._at_term):
            self._at_term(signum, frame)

    def _as_before(self, signum: int, frame: FrameType | None) -> None:
        """Do what a SIGINT that is none of ours does without us."""
        if callable(self._previous):
            self._previous(signum, frame)
        elif self._previous is signal.SIG_DFL:
            raise KeyboardInterrupt


def _children_in_group() -> list[int]:
    """Pids of the processes below this one that a terminal's Ctrl-C would reach together with it."""
    group, found = os.getpgrp(), []
    for pid in descendants(os.getpid()):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(pid) == group:
                found.append(pid)
    return found
