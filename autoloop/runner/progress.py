"""Telling how far planning has come, where it takes a while."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import wraps
from itertools import count
from typing import ParamSpec, TypeVar

log = logging.getLogger("autoloop")

EVERY_S = 2.0  # seconds between two lines

P = ParamSpec("P")
T = TypeVar("T")


def counting(
    call: Callable[P, T], done: str, total: int, clock: Callable[[], float] = time.monotonic
) -> Callable[P, T]:
    """The same function, called once for each variant: every two seconds a line tells how often it was.

    Args:
        call: What is done with a variant.
        done: That in a word, such as ``planned``.
        total: How many variants there are.
        clock: Seconds.
    """
    last, numbers = clock(), count()

    @wraps(call)
    def counted(*args: P.args, **kwargs: P.kwargs) -> T:
        nonlocal last
        number = next(numbers)
        if clock() - last >= EVERY_S:
            last = clock()
            log.info("%s %d of %d variants", done, number, max(total, number))
        return call(*args, **kwargs)

    return counted
