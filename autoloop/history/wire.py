"""The protobuf wire format, as far as W&B's records need it.

A message is a run of fields; a field is a tag (number and wire type, one varint) and a value.
Source: https://protobuf.dev/programming-guides/encoding (the format is frozen).
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types; groups (3, 4) are not written by W&B
SHORT_BYTES = 0x80  # a field of fewer bytes has a length of one byte
_FIXED_SIZE = {FIXED64: 8, FIXED32: 4}
_MAX_VARINT_BYTES = 10  # protobuf: 64 bits in groups of 7


class WireError(ValueError):
    """Bytes that are not a protobuf message."""


def varint(data: bytes, pos: int) -> tuple[int, int]:
    """Return the unsigned integer at ``pos`` and the position after it.

    Raises:
        WireError: If ``data`` ends inside the integer, or the integer has more than ten bytes.
    """
    value = 0
    for shift in range(0, 7 * _MAX_VARINT_BYTES, 7):
        if pos >= len(data):
            break
        byte = data[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, pos
    raise WireError(f"no integer ends before byte {pos}")


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield ``(field number, value)`` in file order; a value is an int (varint) or raw bytes.

    Raises:
        WireError: If ``data`` is cut short or holds an unknown wire type.
    """
    pos, size = 0, len(data)
    while pos < size:
        tag, pos = varint(data, pos)
        number, wire = tag >> 3, tag & 7
        if wire == VARINT:
            value, pos = varint(data, pos)
            yield number, value
            continue
        if wire == BYTES:
            length, pos = varint(data, pos)
        elif wire in _FIXED_SIZE:
            length = _FIXED_SIZE[wire]
        else:
            raise WireError(f"unknown wire type {wire} at byte {pos}")
        if length > size - pos:
            raise WireError(f"field {number} wants {length} bytes, {size - pos} are left")
        yield number, data[pos : pos + length]
        pos += length


def signed(value: int) -> int:
    """Return a varint as the signed 64-bit integer that protobuf's int32 and int64 mean."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


def zigzag(value: int) -> int:
    """Return a varint as the signed integer that protobuf's sint64 means."""
    return (value >> 1) ^ -(value & 1)


def encode_field(number: int, content: bytes) -> bytes:
    """Return a field of raw bytes, with its tag and length; the number is below 16."""
    length, size = bytearray(), len(content)
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | BYTES]) + bytes(length) + bytes([size]) + content
