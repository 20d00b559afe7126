"""Splitting records: of what kind each record of a batch is, and where its message begins."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autoloop.history.bytearrays import ByteArray
from autoloop.history.wandb import records

_NUMBER = 0x08  # tag of a record's number, a varint
_KINDS = np.zeros(256, dtype=np.int64)  # by tag, for the records that come once per row
_KINDS[records.HISTORY << 3 | 2] = records.HISTORY
_KINDS[records.SUMMARY << 3 | 2] = records.SUMMARY


class Split:
    """The records of a batch by kind.

    History and summary records in the usual form, which is a number and then the message to the end, are told
    all at once; :func:`records.split` takes the others.
    """

    def __init__(self, batch: ByteArray) -> None:
        number, pos = batch.varints(batch.starts + 1)
        length, self._starts = batch.varints(pos + 1)
        self._kinds = _KINDS[batch.bytes[pos]]
        usual = (batch.bytes[batch.starts] == _NUMBER) & (number >= 0)
        usual &= self._starts + length == batch.stops
        self._kinds[~usual] = 0
        self._unusual = {
            index: records.split(batch.message(index)) for index in np.flatnonzero(self._kinds == 0).tolist()
        }
        self._batch = batch

    def messages(self, kind: int) -> ByteArray:
        """Return the messages of history or summary records, in file order."""
        index = np.flatnonzero(self._kinds == kind)
        usual = ByteArray(self._batch.raw, self._starts[index], self._batch.stops[index])
        unusual = [(at, message) for at, (one, message) in self._unusual.items() if one == kind]
        if not unusual:
            return usual
        found: list[bytes | memoryview] = [*usual.messages()]
        for at, message in reversed(unusual):
            found.insert(int(np.searchsorted(index, at)), message)
        return ByteArray.joined(found)

    def others(self) -> Iterator[tuple[int, bytes]]:
        """Yield kind and message of all records but history and summary, in file order."""
        for kind, message in self._unusual.values():
            if kind not in (records.HISTORY, records.SUMMARY):
                yield kind, message
