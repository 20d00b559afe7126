"""Reading many small things of one buffer at once: varints, words and short texts as numpy arrays.

Every function takes positions (an int64 array) into one buffer and touches all of them in a few numpy
calls; that is what makes the reader several times faster than a loop over items.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Words = NDArray[np.uint64]

#: Bytes after the data of a buffer that may be read, so that short reads need no bounds check of their own.
PAD_BYTES = 4096
_MAX_VARINT_BYTES = 10  # protobuf: 64 bits in groups of 7
_KEPT_BYTES = 16 << 20  # several pieces of a file; glibc's threshold goes no higher than 32 MiB
_MASKS = np.array([(1 << (8 * n)) - 1 for n in range(9)], dtype=np.uint64)  # keeps the first n bytes


def keep_freed_memory() -> None:
    """Let the allocator keep the memory of freed arrays for the next ones: that spares many page faults.

    glibc gives freed blocks back to the system from 128 KiB on, until a larger one has been freed once
    (https://man7.org/linux/man-pages/man3/mallopt.3.html, M_MMAP_THRESHOLD). This one is never touched.
    """
    np.empty(_KEPT_BYTES, np.uint8)


class ByteArray:
    """Messages in one buffer, in order, with room behind the last to read on without harm.

    Args:
        raw: The buffer; it goes on for ``PAD_BYTES`` after the last message.
        starts: First byte of each message, int64 (n,), ascending.
        stops: First byte after each message, int64 (n,).

    Attributes:
        raw: The buffer.
        bytes: The same as a uint8 array.
        starts: As given.
        stops: As given.
    """

    def __init__(self, raw: bytes | memoryview, starts: Ints, stops: Ints) -> None:
        self.raw, self.starts, self.stops = raw, starts, stops
        self.bytes = np.frombuffer(raw, dtype=np.uint8)
        self._words: Words = np.ndarray((len(raw) - 7,), "<u8", buffer=raw, strides=(1,))

    @classmethod
    def joined(cls, messages: Sequence[bytes | memoryview]) -> ByteArray:
        """Return messages laid end to end."""
        stops: Ints = np.cumsum(np.fromiter(map(len, messages), dtype=np.int64, count=len(messages)))
        raw = b"".join((*messages, bytes(PAD_BYTES)))
        return cls(raw, np.concatenate([stops[:0], [0], stops[:-1]])[: stops.size], stops)

    def __len__(self) -> int:
        return self.starts.size

    def __getitem__(self, index: slice) -> ByteArray:
        """Return some of the messages, in the same buffer."""
        return ByteArray(self.raw, self.starts[index], self.stops[index])

    def messages(self) -> list[memoryview]:
        """Return the messages as views into the buffer."""
        view = memoryview(self.raw)
        return [view[a:b] for a, b in zip(self.starts.tolist(), self.stops.tolist(), strict=True)]

    def message(self, index: int) -> bytes:
        """Return a message."""
        return self.cut(self.starts[index], self.stops[index])

    def cut(self, start: int, stop: int) -> bytes:
        """Return the bytes from ``start`` to ``stop``."""
        return bytes(self.raw[start:stop])

    def first_words(self, pos: Ints) -> Words:
        """Return the 8 bytes at each ``pos`` as a little-endian number."""
        return self._words[pos]

    def windows(self, pos: Ints, width: int) -> Words:
        """Return the ``width`` bytes (a multiple of 8) from each ``pos`` on: uint64 (n, width / 8)."""
        every = np.ndarray((len(self.raw) - width + 1,), f"V{width}", buffer=self.raw, strides=(1,))
        found: Words = every[pos].view("<u8").reshape(pos.size, width // 8)
        return found

    def words(self, pos: Ints, lengths: Ints) -> list[Words]:
        """Return texts of ``lengths`` bytes at ``pos`` in columns of 8 bytes, filled with zeros."""
        count = max(-(-int(lengths.max(initial=0)) // 8), 1)
        table = self.windows(pos, 8 * count)
        return [
            table[:, column] & _MASKS[np.minimum(np.maximum(lengths - 8 * column, 0), 8)]
            for column in range(count)
        ]

    def texts(self, pos: Ints, lengths: Ints) -> list[bytes]:
        """Return the texts of ``lengths`` bytes at ``pos``; they hold no zero bytes."""
        table = np.stack(self.words(pos, lengths), axis=1)
        found: list[bytes] = table.view(f"S{8 * table.shape[1]}").ravel().tolist()
        return found

    def doubles(self, pos: Ints) -> NDArray[np.float64]:
        """Return the IEEE doubles (little endian) at each ``pos``."""
        return self._words[pos].view("<f8")

    def varints(self, pos: Ints) -> tuple[Ints, Ints]:
        """Return the varint at each ``pos`` and the position after it; a malformed one gives -1."""
        value = self.bytes[pos].astype(np.int64)
        after = pos + 1
        if not (value >= 0x80).any():
            return value, after
        open_ = np.flatnonzero(value >= 0x80)
        value[open_] &= 0x7F
        for index in range(1, _MAX_VARINT_BYTES):
            byte = self.bytes[pos[open_] + index].astype(np.int64)
            value[open_] |= (byte & 0x7F) << (7 * index)
            after[open_] += 1
            open_ = open_[byte >= 0x80]
            if not open_.size:
                return value, after
        value[open_] = -1
        return value, after
