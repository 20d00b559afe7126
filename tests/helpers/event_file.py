"""Writes TensorBoard event files for tests, record by record."""

from __future__ import annotations

import struct

from tests.helpers.wandb_file import field, varint

_TABLE = []
for _byte in range(256):
    for _ in range(8):
        _byte = _byte >> 1 ^ (0x82F63B78 if _byte & 1 else 0)
    _TABLE.append(_byte)


def checksum(data):
    """Return TFRecord's checksum, a masked CRC-32C, byte by byte."""
    found = 0xFFFFFFFF
    for byte in data:
        found = found >> 8 ^ _TABLE[(found ^ byte) & 0xFF]
    found ^= 0xFFFFFFFF
    return ((found >> 15 | found << 17) + 0xA282EAD8) & 0xFFFFFFFF


def record(data):
    """Return data as a record."""
    length = struct.pack("<Q", len(data))
    sums = (struct.pack("<I", checksum(part)) for part in (length, data))
    return length + next(sums) + data + next(sums)


def simple(tag, value):
    """Return a value of a summary: a float."""
    return field(1, tag) + varint(2 << 3 | 5) + struct.pack("<f", value)


def tensor(tag, value, plugin="scalars"):
    """Return a value of a summary: a tensor of one float as TensorFlow writes it."""
    content = field(1, 1) + field(2, b"") + field(4, struct.pack("<f", value))
    metadata = field(9, field(1, field(1, plugin))) if plugin else b""
    return field(1, tag) + field(8, content) + metadata


def event(step, *values, time=1.7e9):
    """Return an event with a summary; ``values`` are its values."""
    summary = b"".join(field(1, value) for value in values)
    return field(1, time) + (field(2, step) if step else b"") + field(5, summary)


def version():
    """Return the first event of a file."""
    return field(1, 1.7e9) + field(3, "brain.Event:2")


def events(folder, *found, name="events.out.tfevents.1700000000.host.1.0"):
    """Write an event file; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(b"".join(map(record, (version(), *found))))
    return path
