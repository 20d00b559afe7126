"""Doing something again and again beside the study, without ever harming it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger("autoloop")


class Repeat:
    """While entered, acts every few seconds in a daemon thread, and once more at the end.

    An error ends the repeating, with a traceback in the log, and nothing else.

    Args:
        act: What to do.
        every_s: Seconds between two times.
        name: What it is, for the log.
    """

    def __init__(self, act: Callable[[], object], every_s: float, name: str) -> None:
        self._act = act
        self._every_s = every_s
        self._name = name
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"autoloop {name}", daemon=True)

    def __enter__(self) -> Repeat:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._closing.wait(self._every_s):
                self._act()
            self._act()
        except Exception:  # the border of an onlooker
            log.exception("the %s has ended; the study goes on", self._name)
