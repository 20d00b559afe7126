"""Random numbers of jobs forked from one process: each job's own, unless its program chose a seed."""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Iterator
from typing import Any

#: What a seed chosen before the fork has made of Python's generator; None if none was chosen.
_chosen: tuple[Any, ...] | None = None


@contextlib.contextmanager
def noted() -> Iterator[None]:
    """Keep a seed that is given to Python's generator meanwhile: every fork gives it another one."""
    global _chosen
    seed, given = random.seed, False

    def note(*args: Any, **kwargs: Any) -> None:
        nonlocal given
        given = any(value is not None for value in (*args[:1], kwargs.get("a")))
        seed(*args, **kwargs)

    random.seed = note
    try:
        yield
    finally:
        random.seed = seed
        if given:
            _chosen = random.getstate()


def renew() -> None:
    """Give a forked job random numbers of its own where the program that it runs chose no seed.

    torch needs nothing: its generator starts from the same seed in every process.
    """
    if _chosen is not None:
        random.setstate(_chosen)
    numpy: Any = sys.modules.get("numpy.random")
    if numpy is not None and not _is_seeded(numpy):
        numpy.seed()


def _is_seeded(numpy: Any) -> bool:
    """Whether numpy's global generator was seeded since numpy was imported: its first seed is then gone."""
    return getattr(numpy.mtrand._rand._bit_generator, "_seed_seq", numpy) is None
