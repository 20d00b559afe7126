"""Framing: from the bytes of a ``.wandb`` file to whole records, checksums verified.

The file is a LevelDB log (https://github.com/google/leveldb/blob/main/doc/log_format.md) with W&B's own
checksum and a header of 7 bytes: ``:W&B``, uint16 0xBEE1, version 0. Blocks of 32,768 bytes hold chunks:

    checksum uint32 | length uint16 | kind uint8 | data      (little endian)

The checksum is zlib's CRC-32 over kind and data. A record is one FULL chunk, or FIRST, MIDDLE..., LAST.
Blocks are counted from the start of the file; early wandb-core (up to 0.17.5) counted them from the end of
the header, 7 bytes late. Which of the two a file uses is found by looking at its block starts.
"""

from __future__ import annotations

import os
import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO
from zlib import crc32

import numpy as np

from autoloop.history import compiled
from autoloop.history.bytearrays import PAD_BYTES, ByteArray, keep_freed_memory
from autoloop.history.damage import Losses

HEADER = b":W&B\xe1\xbe\x00"
BLOCK_BYTES = 32768  # W&B's file format: a chunk never crosses the end of a block
PIECE_BLOCKS = 128  # read at a time: 4 MiB, so that memory does not grow with the file
CHUNK_HEADER_BYTES = 7  # W&B's file format: crc32 (4), length (2), type (1)
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4

_unpack_header = struct.Struct("<IHB").unpack_from
_SHIFTS = (0, len(HEADER))  # bytes by which blocks are late: 7 in files of W&B's core up to 0.17.5
_SHIFT_PROBES = 64  # block starts looked at before giving up on finding the alignment


@dataclass(slots=True)
class Records:
    """Whole records, in file order, as stretches of one buffer that the next piece of the file overwrites.

    Attributes:
        data: The buffer: a piece of the file, behind it the records that are not in one stretch of it, and
            at least ``PAD_BYTES`` more.
        places: First byte of each record and first byte after it, in turn, int64 (2 n,).
    """

    data: memoryview
    places: array[int] = field(default_factory=lambda: array("q"))

    def __len__(self) -> int:
        return len(self.places) // 2

    def __iter__(self) -> Iterator[bytes]:
        for start, stop in zip(self.places[::2], self.places[1::2], strict=True):
            yield bytes(self.data[start:stop])

    def batch(self) -> ByteArray:
        """Return the records as messages of one buffer."""
        starts, stops = np.array(self.places, np.int64).reshape(-1, 2).T
        return ByteArray(self.data, np.ascontiguousarray(starts), np.ascontiguousarray(stops))


def find_shift(file: BinaryIO, size: int) -> int | None:
    """Return 0 or 7, by how many bytes the blocks are late; None while no block start tells."""
    for block in range(1, min(_SHIFT_PROBES, size // BLOCK_BYTES) + 1):
        fitting = [shift for shift in _SHIFTS if _chunk_at(file, block * BLOCK_BYTES + shift)]
        if len(fitting) == 1:
            return fitting[0]
    return None


def _chunk_at(file: BinaryIO, offset: int) -> bool:
    """Tell whether a chunk with data and a right checksum starts at ``offset``."""
    file.seek(offset)
    head = file.read(CHUNK_HEADER_BYTES)
    if len(head) < CHUNK_HEADER_BYTES:
        return False
    checksum, length, _ = _unpack_header(head)
    data = file.read(length)
    return 0 < length == len(data) and bool(crc32(head[6:] + data) == checksum)


class Framer:
    """Reads the records of one file, from where it last stopped to the end of the file.

    Attributes:
        offset: Position of the first byte not yet used.
        losses: What could not be read so far.
        shift: How many bytes late the blocks start (0 or 7), or None while unknown.
    """

    def __init__(self) -> None:
        self.offset = 0
        self.losses = Losses()
        self.shift: int | None = None
        self._parts: list[bytes] = []  # chunks of a record whose LAST chunk has not come
        self._parts_start = 0
        self._piece_start = 0
        self._joined: list[bytes] = []  # records of the piece that were put together from chunks
        self._joined_at = 0  # where the next of them will be in the buffer

    def read(self, file: BinaryIO, final: bool = True, size: int | None = None) -> Iterator[Records]:
        """Yield the records that are new since the last call, a few thousand at a time.

        Args:
            file: The file, opened for binary reading; it may have grown since the last call.
            final: Whether the file is complete. If not, an unreadable end is left for the next call,
                because the writer may be in the middle of it.
            size: Bytes of the file to read; None reads all that it has now.
        """
        size = os.fstat(file.fileno()).st_size if size is None else size
        if self.offset == 0 and not self._read_header(file, size, final):
            return
        if self.shift is None:
            self.shift = find_shift(file, size)
        room = min(max(size - self.offset, 0), PIECE_BLOCKS * BLOCK_BYTES)
        keep_freed_memory()
        buffer = np.empty(2 * room + BLOCK_BYTES + PAD_BYTES, np.uint8).data  # as much for joined records
        while self.offset < size:
            before = self.offset
            records = self._read_piece(file, size, final, buffer)
            if records:
                yield records
            if self.offset == before:
                break
        if final:
            self._lose_parts(size, "the file ends inside a record")

    def _read_header(self, file: BinaryIO, size: int, final: bool) -> bool:
        """Check the first 7 bytes; return False if they are not all there."""
        file.seek(0)
        head = file.read(len(HEADER))
        if len(head) < len(HEADER):
            if final and size:
                self.losses.add(0, size, "the file ends inside its header")
                self.offset = size
            return False
        if head != HEADER:
            self.losses.add(0, len(HEADER), f"the header is {head!r}, not {HEADER!r}")
        self.offset = len(HEADER)
        return True

    def _block_end(self, offset: int) -> int:
        """Return the position after the block that holds ``offset``."""
        shift = self.shift or 0
        return offset - (offset - shift) % BLOCK_BYTES + BLOCK_BYTES

    def _read_piece(self, file: BinaryIO, size: int, final: bool, buffer: memoryview) -> Records:
        """Read some blocks into the buffer and move ``offset`` to the first byte not used."""
        start = self.offset
        stop = min(size, self._block_end(start) + (PIECE_BLOCKS - 1) * BLOCK_BYTES)
        file.seek(start)
        stop = start + file.readinto(buffer[: stop - start])  # type: ignore[attr-defined]
        piece, records = buffer[: stop - start], Records(buffer)
        self._piece_start, self._joined, self._joined_at = start, [], stop - start
        while self.offset < stop:
            end = min(self._block_end(self.offset), stop)
            last = not final and end >= size
            reached = start + self._scan_block(piece, self.offset - start, end - start, records)
            if reached < end and not last:
                reached = start + self._skip(piece, reached - start, end - start)
            self.offset = reached
            if reached < end and last:
                break
        self._add_joined(records, stop - start)
        return records

    def _add_joined(self, records: Records, used: int) -> None:
        """Put the records that were joined from chunks behind the ``used`` bytes of the piece."""
        if self._joined_at + PAD_BYTES > len(records.data):
            longer = bytearray(self._joined_at + PAD_BYTES)
            longer[:used] = records.data[:used]
            records.data = memoryview(longer)
        records.data[used : self._joined_at] = b"".join(self._joined)

    def _scan_block(self, piece: memoryview, pos: int, end: int, records: Records) -> int:
        """Add the records from ``pos`` on; return ``end``, or where the first unreadable chunk starts."""
        find = compiled.WALKER.full_chunks if compiled.WALKER else full_chunks
        while end - pos >= CHUNK_HEADER_BYTES:
            if not self._parts:
                pos, found = find(piece, pos, end)
                records.places.frombytes(found)
                if end - pos < CHUNK_HEADER_BYTES:
                    break
            checksum, length, kind = _unpack_header(piece, pos)
            stop = pos + CHUNK_HEADER_BYTES + length
            if stop > end or crc32(piece[pos + 6 : stop]) != checksum:
                return pos
            data = bytes(piece[pos + CHUNK_HEADER_BYTES : stop])
            self._join(kind, data, self._piece_start + pos, records)
            pos = stop
        at_block_end = self._piece_start + end == self._block_end(self._piece_start + end - 1)
        return end if pos == end or at_block_end else pos

    def _join(self, kind: int, data: bytes, start: int, records: Records) -> None:
        """Put a chunk of a longer record to the others; a record that is complete goes to ``records``."""
        if kind in (FULL, FIRST):
            self._lose_parts(start, "the rest of a record is missing")
            self._parts_start = start
        elif not self._parts:
            stop = start + CHUNK_HEADER_BYTES + len(data)
            self.losses.add(start, stop, "the beginning of a record is missing")
            return
        self._parts.append(data)
        if kind in (FULL, LAST):
            self._joined.append(b"".join(self._parts))
            self._parts.clear()
            start = self._joined_at
            self._joined_at += len(self._joined[-1])
            records.places.extend((start, self._joined_at))

    def _skip(self, piece: memoryview, pos: int, end: int) -> int:
        """Record the unreadable chunk at ``pos`` as damage; return where reading can go on.

        That is the next chunk if the length of the bad one leads to a chunk with a right checksum,
        else the end of the block.
        """
        what, go_on = "a chunk whose checksum is wrong", end
        head = piece[pos : pos + CHUNK_HEADER_BYTES]
        if not bytes(piece[pos:end]).strip(b"\0"):
            what = "zeros"
        elif len(head) < CHUNK_HEADER_BYTES or pos + CHUNK_HEADER_BYTES + _unpack_header(head)[1] > end:
            what = "a chunk that is longer than what is left of its block"
        else:
            after = pos + CHUNK_HEADER_BYTES + _unpack_header(head)[1]
            go_on = after if _is_chunk(piece, after, end) else end
        start = self._piece_start
        self._lose_parts(start + pos, "the rest of a record is missing")
        self.losses.add(start + pos, start + go_on, what)
        return go_on

    def _lose_parts(self, stop: int, what: str) -> None:
        if self._parts:
            self.losses.add(self._parts_start, stop, what)
            self._parts.clear()


def full_chunks(piece: memoryview, pos: int, end: int) -> tuple[int, bytes]:
    """Return the records of the FULL chunks that lie one behind the other from ``pos`` to the end of a block.

    Returns:
        Where the first chunk begins that is of another kind, or not readable; first byte of each record and
        first byte after it, int64 as bytes.
    """
    places = array("q")
    while end - pos >= CHUNK_HEADER_BYTES:
        checksum, length, kind = _unpack_header(piece, pos)
        stop = pos + CHUNK_HEADER_BYTES + length
        if kind != FULL or stop > end or crc32(piece[pos + 6 : stop]) != checksum:
            break
        places.extend((pos + CHUNK_HEADER_BYTES, stop))
        pos = stop
    return pos, places.tobytes()


def _is_chunk(piece: memoryview, pos: int, end: int) -> bool:
    """Tell whether a chunk with a right checksum lies between ``pos`` and ``end``."""
    if end - pos < CHUNK_HEADER_BYTES:
        return False
    checksum, length, _ = _unpack_header(piece, pos)
    stop = pos + CHUNK_HEADER_BYTES + length
    return stop <= end and bool(crc32(piece[pos + 6 : stop]) == checksum)
