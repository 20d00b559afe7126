"""Framing: from the bytes of an event file to whole records, checksums verified.

An event file is a TFRecord file (https://www.tensorflow.org/tutorials/load_data/tfrecord), records end to
end:

    length uint64 | checksum of the length uint32 | data | checksum of the data uint32     (little endian)

The checksums are masked CRC-32C. Nothing but its length tells where the next record begins, so the records of
a piece are found by many walkers side by side: each begins at the first place from its own start on that has
the right checksum of a length, and the walk is proven where a walker arrives just where the next one began.
After a damaged length, reading goes on at the next place with the right checksum of one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from typing import BinaryIO

import numpy as np

from autoloop.history.bytearrays import PAD_BYTES, Bools, ByteArray, Ints
from autoloop.history.damage import Losses
from autoloop.history.tensorboard.crc32c import Sums, masked, masked_of, masked_words

HEAD_BYTES, FOOT_BYTES = 12, 4  # of a record, before and after its data
BIG_BYTES = 1024  # of larger records it is asked first whether anybody wants to read them
_PIECE_BYTES = 4 << 20  # read at a time, so that memory does not grow with the file
_LONG_BYTES = 1 << 16  # larger records are read for themselves
_MOST_BYTES = 64 << 20  # larger records are not read
_LOOKED_AT = 4096  # bytes of a big record that tell what it holds
_APART = 8192  # bytes between the starts of two walkers
_SEARCHED = 512  # bytes in which walkers look for their first record at a time
_FIRST_WINDOW = 1 << 16  # bytes walked at first after something unusual
_LOW = np.uint64(0xFFFFFFFF)

#: Tells by the beginning of a record's data, and by its length, that it holds nothing worth reading.
Skip = Callable[[bytes, int], bool]


@cache
def _length_sums() -> Sums:
    """Return the checksum of each length that is not long."""
    return masked_words(np.arange(_LONG_BYTES, dtype=np.uint64))


class RecordFramer:
    """Reads the records of one file, from where it last stopped to the end of the file.

    Args:
        skip: Says which big records are passed over unread.

    Attributes:
        offset: Position of the first byte not yet used.
        losses: What could not be read so far.
    """

    def __init__(self, skip: Skip) -> None:
        self.offset = 0
        self.losses = Losses()
        self._skip = skip
        self._window = _FIRST_WINDOW
        self._size = 0  # bytes of the file in this call
        self._base = 0  # where the piece begins

    def read(self, file: BinaryIO, final: bool = True) -> Iterator[ByteArray]:
        """Yield the records that are new since the last call, some ten thousand at a time.

        What is yielded is overwritten by what comes next.

        Args:
            file: The file, opened for binary reading; it may have grown since the last call.
            final: Whether the file is complete. If not, an end that is no whole record is left for the next
                call, because the writer may be in the middle of it.
        """
        self._size = os.fstat(file.fileno()).st_size
        room = min(max(self._size - self.offset, 0), _PIECE_BYTES)
        buffer = np.zeros(room + PAD_BYTES, np.uint8).data
        while self.offset < self._size:
            self._base = self.offset
            file.seek(self._base)
            count = file.readinto(buffer[:room])  # type: ignore[attr-defined]
            yield from self._piece(file, buffer, count, final)
            if self.offset == self._base:
                break
        if final and self.offset < self._size:
            self.losses.add(self.offset, self._size, "the file ends inside a record")
            self.offset = self._size

    def _piece(self, file: BinaryIO, buffer: memoryview, count: int, final: bool) -> Iterator[ByteArray]:
        """Yield the records in a piece of the file and move ``offset`` behind the last of them."""
        nothing = np.zeros(0, dtype=np.int64)
        whole, pos = ByteArray(buffer, nothing, nothing), 0
        while True:
            starts, pos = _heads(whole, pos, min(count, pos + self._window))
            self.offset = self._base + pos
            if starts.size:
                yield self._checked(whole, starts)
            self._window = min(2 * self._window, _PIECE_BYTES)
            if count - pos < HEAD_BYTES + FOOT_BYTES:
                return
            length = _length_at(buffer, pos)
            if 0 <= length < _LONG_BYTES and pos + HEAD_BYTES + length + FOOT_BYTES <= count:
                continue
            if length < 0:
                after = self._search(whole, pos, count, final)
            elif length < _LONG_BYTES or self.offset + HEAD_BYTES + length + FOOT_BYTES > self._size:
                return
            else:
                yield from self._long(file, length)
                after = pos + HEAD_BYTES + length + FOOT_BYTES
            if after == pos:
                return
            pos, self._window = after, _FIRST_WINDOW
            self.offset = self._base + pos

    def _checked(self, whole: ByteArray, starts: Ints) -> ByteArray:
        """Return the data of the records at ``starts`` that are worth reading and have the right checksum."""
        lengths = whole.first_words(starts).astype(np.int64)
        found = ByteArray(whole.raw, starts + HEAD_BYTES, starts + HEAD_BYTES + lengths)
        big = [at for at in np.flatnonzero(lengths > BIG_BYTES).tolist() if self._is_skipped(found, at)]
        if big:
            kept = np.delete(np.arange(starts.size), big)
            found = ByteArray(whole.raw, found.starts[kept], found.stops[kept])
        right = masked(found) == found.first_words(found.stops).astype(np.uint32)
        for at in np.flatnonzero(~right).tolist():
            start, stop = found.starts[at] - HEAD_BYTES, found.stops[at] + FOOT_BYTES
            self._lose(int(start), int(stop), "a record whose checksum is wrong")
        return found if right.all() else ByteArray(whole.raw, found.starts[right], found.stops[right])

    def _is_skipped(self, found: ByteArray, at: int) -> bool:
        start, stop = int(found.starts[at]), int(found.stops[at])
        return self._skip(found.cut(start, min(stop, start + _LOOKED_AT)), stop - start)

    def _long(self, file: BinaryIO, length: int) -> Iterator[ByteArray]:
        """Yield the record at ``offset`` if it is worth reading."""
        file.seek(self.offset + HEAD_BYTES)
        if self._skip(file.read(_LOOKED_AT), length):
            return
        start = self.offset - self._base
        stop = start + HEAD_BYTES + length + FOOT_BYTES
        if length > _MOST_BYTES:
            self._lose(start, stop, f"a record of {length >> 20} MiB")
            return
        file.seek(self.offset + HEAD_BYTES)
        data, foot = file.read(length), file.read(FOOT_BYTES)
        if masked_of(data) == int.from_bytes(foot, "little"):
            yield ByteArray.joined([data])
        else:
            self._lose(start, stop, "a record whose checksum is wrong")

    def _search(self, whole: ByteArray, pos: int, count: int, final: bool) -> int:
        """Return where reading can go on after a wrong length; ``pos`` to wait for more of the file."""
        at = _next_head(whole, pos + 1, count - HEAD_BYTES + 1)
        if at == count - HEAD_BYTES + 1 and self._base + count == self._size:  # the file has no more
            if not final:
                return pos
            at = count
        self._lose(pos, at, "no record begins here")
        return at

    def _lose(self, start: int, stop: int, what: str) -> None:
        """Record a loss, by places in the piece."""
        self.losses.add(self._base + start, self._base + stop, what)


def _length_at(buffer: memoryview, pos: int) -> int:
    """Return the length of the record that begins at ``pos``; -1 where its checksum is wrong."""
    length = int.from_bytes(buffer[pos : pos + 8], "little")
    sums = _length_sums() if length < _LONG_BYTES else masked_words(np.array([length], dtype=np.uint64))
    right = int(sums[length] if length < _LONG_BYTES else sums[0])
    return length if right == int.from_bytes(buffer[pos + 8 : pos + HEAD_BYTES], "little") else -1


def _is_head(whole: ByteArray, places: Ints) -> Bools:
    """Tell at which places a length with the right checksum lies."""
    words = whole.first_words(places)
    found = words <= _LOW
    index = np.flatnonzero(found)
    stored = whole.first_words(places[index] + 8).astype(np.uint32)
    found[index] = masked_words(words[index]) == stored
    return np.asarray(found)


def _next_head(whole: ByteArray, start: int, stop: int) -> int:
    """Return the first place from ``start`` on where a record may begin; ``stop`` if there is none."""
    for first in range(start, stop, _LONG_BYTES):
        places = np.arange(first, min(first + _LONG_BYTES, stop))
        found = places[_is_head(whole, places)]
        if found.size:
            return int(found[0])
    return stop


def _walkers(whole: ByteArray, start: int, end: int) -> Ints:
    """Return where walkers begin: at ``start``, and at what may be a record near places far apart."""
    begins, found = np.arange(start + _APART, end - _APART, _APART), [np.array([start])]
    for offset in range(0, _APART, _SEARCHED):
        places = begins[:, None] + np.arange(offset, offset + _SEARCHED)
        heads = _is_head(whole, places.ravel()).reshape(places.shape)
        hit = heads.any(axis=1)
        found.append(places[hit, heads[hit].argmax(axis=1)])
        begins = begins[~hit]
        if not begins.size:
            break
    return np.sort(np.concatenate(found))


def _heads(whole: ByteArray, start: int, end: int) -> tuple[Ints, int]:
    """Return where the records from ``start`` on begin that lie wholly before ``end`` and are not long.

    Returns:
        Their places, one record ending where the next begins, and the place after the last of them.
    """
    pos = walkers = _walkers(whole, start, end)
    limits = np.append(walkers[1:], end)
    sums, steps, taken = _length_sums(), list[Ints](), list[Bools]()
    while True:
        words = whole.first_words(np.minimum(pos, end))
        lengths = np.where(words < _LONG_BYTES, words, 0).astype(np.int64)
        after = pos + (HEAD_BYTES + FOOT_BYTES) + lengths
        go = (words < _LONG_BYTES) & (pos < limits) & (after <= end)
        go &= sums[lengths] == whole.first_words(np.minimum(pos, end) + 8).astype(np.uint32)
        if not go.any():
            break
        steps.append(pos)
        taken.append(go)
        pos = np.where(go, after, pos)
    count, proven = 1, walkers.tolist()
    for arrived, begin in zip(pos.tolist(), proven[1:], strict=False):
        if arrived != begin:
            break
        count += 1
    if not steps:
        return np.zeros(0, dtype=np.int64), start
    table, is_taken = np.stack(steps, axis=1)[:count], np.stack(taken, axis=1)[:count]
    return table[is_taken], int(pos[count - 1])
