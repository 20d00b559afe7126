"""The compiled walker, where it was built: inner loops that give what their twins in Python give, sooner.

It is optional: without a compiler at installation everything is read by Python and numpy alone, and with
``AUTOLOOP_PURE=1`` in the environment too. Tests hold both to the same results.

    full_chunks   `autoloop.history.wandb.framing.full_chunks`
    asked_fields  `autoloop.history.wandb.walk.walk` and `autoloop.history.wandb.asked.asked_items`
    decimals      `autoloop.history.numbers._decimals`
    cells         `autoloop.history.text.table.cells_of`
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Protocol, cast

from autoloop.history.bytearrays import Ints, Words

_Buffer = bytes | bytearray | memoryview


class Walker(Protocol):
    """The functions of ``_walk.c``; positions outside of a buffer raise ValueError."""

    def full_chunks(self, piece: memoryview, pos: int, end: int, /) -> tuple[int, bytes]:
        """Return where the first other chunk begins, and a table of int64: the records before it."""

    def asked_fields(
        self,
        buffer: _Buffer,
        starts: Ints,
        stops: Ints,
        known: dict[bytes, int],
        learn: object,
        ways: Words | None,
        /,
    ) -> tuple[bytes, bytes, bytes, bytes]:
        """Return tables of int64: items, items of unusual forms, fields 2; and which records are odd."""

    def decimals(self, buffer: _Buffer, starts: Ints, stops: Ints, /) -> tuple[bytearray, bytearray]:
        """Return the doubles that texts spell, and a byte for each that tells whether it was read."""

    def cells(
        self, data: bytes, delimiter: bytes, columns: int, wanted: bytes, /
    ) -> tuple[bytes, bytes | None] | None:
        """Return first byte and byte after of the wanted cells, and the decimals they are, if all are some.

        None if the table is not that plain.
        """


def _built() -> Walker | None:
    if os.environ.get("AUTOLOOP_PURE", "") not in ("", "0"):
        return None
    try:
        return cast(Walker, import_module("autoloop.history._walk"))
    except ImportError:
        return None


#: The walker; None where it was not built, or is not wanted.
WALKER = _built()
