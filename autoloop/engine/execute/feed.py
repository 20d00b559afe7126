"""Hands jobs to slots one by one, from an iterable that may block."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class Feed(Generic[T]):
    """Takes one item from ``items`` for each slot that asks for one, never ahead of time.

    The iterable runs in one thread of its own, so it may wait as long as it likes: the slots can be
    sent home all the same.
    """

    def __init__(self, items: Iterable[T]) -> None:
        #: What ended the feed before its time, None if it ended well.
        self.error: BaseException | None = None
        self._closed = False
        self._wanted = threading.Semaphore(0)
        self._ready: SimpleQueue[T | None] = SimpleQueue()
        threading.Thread(target=self._pull, args=(items,), name="autoloop-feed", daemon=True).start()

    def take(self) -> T | None:
        """Return the next item, waiting for it; None when there are no more."""
        self._wanted.release()
        item = self._ready.get()
        if item is None or self._closed:
            self._ready.put(None)  # for the next one who asks
            return None
        return item

    def close(self) -> None:
        """Give out nothing more; whoever waits in `take` gets None."""
        self._closed = True
        self._ready.put(None)
        self._wanted.release()

    def _pull(self, items: Iterable[T]) -> None:
        try:
            iterator = iter(items)
            while True:
                self._wanted.acquire()
                if self._closed:
                    return
                self._ready.put(next(iterator))
        except StopIteration:
            pass
        except BaseException as error:  # noqa: BLE001  raised again where the outcomes are read
            self.error = error
        finally:
            self._ready.put(None)
