"""CRC-32C (Castagnoli) of many short stretches of one buffer at once, and TFRecord's mask of it.

The standard library has none, and a loop over bytes would cost more than all the rest of reading. Here the
stretches are taken eight bytes at a time, all of them side by side: a table for each pair of those bytes says
what the pair does to the sum. A stretch whose length is no multiple of eight is filled up with zeros in
front, which change nothing as long as the sum is zero; and it is, since inverting the first four bytes of a
stretch is the same as beginning with a sum of ones.

https://www.rfc-editor.org/rfc/rfc3720#appendix-B.4, https://www.tensorflow.org/tutorials/load_data/tfrecord

"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from autoloop.history.bytearrays import ByteArray, Ints, Words

Sums = NDArray[np.uint32]

_POLYNOMIAL = np.uint32(0x82F63B78)  # its bits reversed
_MASK_DELTA, _MASK_BITS = 0xA282EAD8, 15  # TFRecord's
_ALL, _HALF = (1 << 64) - 1, (1 << 32) - 1
#: By how many bytes a stretch has in its first word: the bits that are its own, and those to be inverted in
#: that word and in the next.
_OWN = np.array([_ALL & ~((1 << 8 * (8 - n)) - 1) for n in range(9)], dtype=np.uint64)
_FIRST = np.array([_ALL & (_HALF << 8 * (8 - n)) for n in range(9)], dtype=np.uint64)
_SECOND = np.array([_HALF >> 8 * n for n in range(9)], dtype=np.uint64)
_INVERTED_BYTES = 4
_LANE_WORDS = 128  # of the stretches that long data is cut into
_LANE_BYTES = 8 * _LANE_WORDS
_LONG_BYTES = 1024  # longer stretches are summed one by one


def masked(batch: ByteArray) -> Sums:
    """Return TFRecord's checksum of each message of a batch.

    Eight bytes that may be read lie before the first message, as a record's header does.
    """
    lengths = batch.stops - batch.starts
    usual = (lengths <= _LONG_BYTES) & (lengths >= _INVERTED_BYTES)
    if usual.all():
        return _mask(_side_by_side(batch, lengths))
    sums = np.zeros(lengths.size, dtype=np.uint32)
    side, others = np.flatnonzero(usual), np.flatnonzero(~usual)
    few = ByteArray(batch.raw, batch.starts[side], batch.stops[side])
    sums[side] = _side_by_side(few, lengths[side])
    sums[others] = _by_lanes([batch.message(at) for at in others.tolist()])
    return _mask(sums)


def masked_words(words: Words) -> Sums:
    """Return the checksum of each of these numbers' eight bytes."""
    return _mask(~_add(words ^ np.uint64(_HALF), np.zeros_like(words)).astype(np.uint32))


def masked_of(data: bytes) -> int:
    """Return TFRecord's checksum of some data."""
    return int(_mask(np.array(_by_lanes([data]), dtype=np.uint32))[0])


def _mask(sums: Sums) -> Sums:
    turned = (sums >> np.uint32(_MASK_BITS)) | (sums << np.uint32(32 - _MASK_BITS))
    found: Sums = turned + np.uint32(_MASK_DELTA)
    return found


@cache
def _tables() -> list[Sums]:
    """Return what a pair of bytes does to the sum, for the first pair of eight bytes to the last."""
    sums, tables = np.arange(1 << 16, dtype=np.uint32), list[Sums]()
    for bit in range(1, 65):
        sums = (sums >> np.uint32(1)) ^ ((sums & np.uint32(1)) * _POLYNOMIAL)
        if bit % 16 == 0:
            tables.append(sums)
    return tables[::-1]


def _add(sums: Words, words: Words) -> Words:
    """Return sums after eight more bytes of each stretch."""
    pairs = (sums ^ words).view("<u2").reshape(-1, 4)
    first, second, third, fourth = _tables()
    found = first[pairs[:, 0]]
    found ^= second[pairs[:, 1]]
    found ^= third[pairs[:, 2]]
    found ^= fourth[pairs[:, 3]]
    result: Words = found.astype(np.uint64)
    return result


def _side_by_side(batch: ByteArray, lengths: Ints) -> Sums:
    """Return the sums of messages of a length for which that is worth it."""
    counts = (lengths + 7) >> 3
    order = np.argsort(-counts.astype(np.int16), kind="stable")
    counts, stops = counts[order], batch.stops[order]
    in_first = lengths[order] - 8 * (counts - 1)
    place, sums = stops - 8 * counts, np.zeros(counts.size, dtype=np.uint64)
    ends = np.searchsorted(-counts, -np.arange(int(counts.max(initial=0))), side="left").tolist()
    for index, size in enumerate(ends):
        words = batch.first_words(place[:size])
        place += 8
        if index == 0:
            words = (words & _OWN[in_first]) ^ _FIRST[in_first]
        elif index == 1:
            words ^= _SECOND[in_first[:size]]
        sums[:size] = _add(sums[:size], words)
    found = np.empty(counts.size, dtype=np.uint32)
    found[order] = ~sums.astype(np.uint32)
    return found


def _by_lanes(messages: list[bytes]) -> list[int]:
    """Return the sums of messages of any length, cut into lanes of one length."""
    padded = b"".join(map(_padded, messages))
    lanes = np.frombuffer(padded, "<u8").reshape(-1, _LANE_WORDS)
    sums = np.zeros(len(lanes), dtype=np.uint64)
    for word in range(_LANE_WORDS):
        sums = _add(sums, lanes[:, word])
    of_lanes = iter(sums.tolist())
    return [_joined(islice(of_lanes, count)) if (count := _lanes_of(m)) else _bit_by_bit(m) for m in messages]


def _lanes_of(message: bytes) -> int:
    return -(-len(message) // _LANE_BYTES) if len(message) >= _INVERTED_BYTES else 0


def _padded(message: bytes) -> bytes:
    """Return a message with its first bytes inverted, and zeros before them to the length of its lanes."""
    if not _lanes_of(message):
        return b""
    begin = bytes(byte ^ 0xFF for byte in message[:_INVERTED_BYTES])
    return bytes(_lanes_of(message) * _LANE_BYTES - len(message)) + begin + message[_INVERTED_BYTES:]


def _joined(lanes: Iterable[int]) -> int:
    """Return the sum of a message from those of its lanes."""
    whole = 0
    for lane in lanes:
        whole = _after_a_lane(whole) ^ lane
    return whole ^ _HALF


def _bit_by_bit(data: bytes) -> int:
    whole = _HALF
    for byte in data:
        whole ^= byte
        for _ in range(8):
            whole = whole >> 1 ^ (int(_POLYNOMIAL) if whole & 1 else 0)
    return whole ^ _HALF


def _after_a_lane(whole: int) -> int:
    """Return a sum after as many zeros as a lane has bytes."""
    found = 0
    for bit, image in enumerate(_lane_of_zeros()):
        if whole >> bit & 1:
            found ^= image
    return found


@cache
def _lane_of_zeros() -> list[int]:
    """Return what a lane of zeros makes of each bit of a sum."""
    sums, zeros = np.left_shift(np.uint64(1), np.arange(32, dtype=np.uint64)), np.zeros(32, dtype=np.uint64)
    for _ in range(_LANE_WORDS):
        sums = _add(sums, zeros)
    return [int(image) for image in sums]
