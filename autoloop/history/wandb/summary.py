"""W&B's own summary of a run: what remains when all records that update it have been carried out."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from autoloop.history.bytearrays import ByteArray
from autoloop.history.files import open_regular
from autoloop.history.values import leaves
from autoloop.history.wandb import records
from autoloop.history.wandb.framing import Framer
from autoloop.history.wandb.items import latest
from autoloop.history.wandb.keys import KeyTable
from autoloop.history.wandb.split import Split
from autoloop.history.wanted import Wanted
from autoloop.history.wire import WireError

_RECENT = 32  # records of a batch that are looked at first


class Summary:
    """Collects summary records, reduced to those that still count.

    Args:
        keys: Names and patterns of the metrics that matter; None keeps all.
    """

    def __init__(self, keys: Iterable[str] | None) -> None:
        wanted = Wanted(keys)
        self._names = wanted.plain_names()
        self._keys = KeyTable(wanted)
        self.messages: list[bytes] = []  # what still counts of all records so far

    def add(self, batch: ByteArray) -> None:
        """Add summary records, in file order."""
        if not len(batch):
            return
        if self._names is not None:
            recent = latest(batch[-_RECENT:], self._keys)
            found = {name for key, value in carried_out(recent).items() for name, _ in leaves(key, value)}
            if self._names <= found:  # all that is asked for is set again: what came before is overwritten
                self.messages = recent
                return
        self.messages = latest(ByteArray.joined([*self.messages, *batch.messages()]), self._keys)


def carried_out(messages: Iterable[bytes]) -> dict[str, Any]:
    """Return the nested dict that summary records make."""
    found: dict[str, Any] = {}
    for message in messages:
        with suppress(WireError):
            records.update(message, found)
    return found


def summary_of(path: Path, keys: Iterable[str] | None, size: int) -> dict[str, Any]:
    """Return the summary in the first ``size`` bytes of a ``.wandb`` file.

    Raises:
        OSError: If the file cannot be read any more, or has become shorter.
    """
    summary = Summary(keys)
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size < size:
            raise OSError("the file has become shorter")
        for found in Framer().read(file, size=size):
            summary.add(Split(found.batch()).messages(records.SUMMARY))
    return carried_out(summary.messages)
