"""Messages: what one event, or one value of a summary, says, decoded with plain Python.

Every form of them is understood here; rows of numbers, which are nearly all of a file, have a faster way in
:mod:`autoloop.history.tensorboard.events`, which leaves the others to this module.

https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto (event, summary, tensor)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from autoloop.history.wire import BYTES, FIXED64, VARINT, WireError, fields, signed, varint

_WALL_TIME, _STEP, _SUMMARY = 1, 2, 5  # fields of an event
_VALUE = 1  # of a summary
_TAG, _SIMPLE, _TENSOR = 1, 2, 8  # of a value
_KINDS = (3, 4, 5, 6)  # of a value: histograms (old and new), image, audio
_PLUGIN, _PLUGIN_NAME, _SCALARS = 1, 1, b"scalars"  # of a value's metadata
_METADATA = 9
_DTYPE, _SHAPE, _CONTENT = 1, 2, 4  # of a tensor
_WORTHLESS_EVENTS = (4, 6, 8, 9)  # graph, log message, run metadata, another graph
_BIG_TENSOR_BYTES = 512  # a tensor of one number is shorter

#: By a tensor's dtype: how the bytes of its content are packed, and the field of a list of its values.
_PACKED = {1: ("<f", 5), 2: ("<d", 6), 3: ("<i", 7), 9: ("<q", 10), 19: ("<e", 13), 14: ("<H", 13)}
_AS_BYTES, _HALF, _BRAIN_HALF = (
    (5, 6),
    19,
    14,
)  # fields listed as bytes; dtypes listed as varints of their bits


@dataclass(slots=True)
class Logged:
    """An event, as far as it is read.

    Attributes:
        step: Its step.
        time: Wall time in seconds since the epoch; None where it has none.
        values: The summary's values, undecoded.
    """

    step: int
    time: float | None
    values: list[bytes]


def event(data: bytes) -> Logged:
    """Return an event.

    Raises:
        WireError: If it is no such message.
    """
    found = Logged(0, None, [])
    for number, value in fields(data):
        if number == _STEP and isinstance(value, int):
            found.step = signed(value)
        elif number == _WALL_TIME and isinstance(value, bytes) and len(value) == 8:
            (found.time,) = struct.unpack("<d", value)
        elif number == _SUMMARY and isinstance(value, bytes):
            found.values += [one for n, one in fields(value) if n == _VALUE and isinstance(one, bytes)]
    return found


def value_of(data: bytes) -> tuple[str, float | None, bool]:
    """Return tag and number of a value, None if it is no number; and whether it has a value at all.

    Raises:
        WireError: If it is no such message.
    """
    tag, number, plugin, is_there = "", None, b"", False
    for index, value in fields(data):
        if index == _TAG and isinstance(value, bytes):
            tag = value.decode("utf-8", "replace")
        elif index == _SIMPLE and isinstance(value, bytes) and len(value) == 4:
            (number,), is_there = struct.unpack("<f", value), True
        elif index == _TENSOR and isinstance(value, bytes):
            number, is_there = tensor(value), True
        elif index == _METADATA and isinstance(value, bytes):
            plugin = _plugin(value)
        elif index in _KINDS:
            is_there = True
    return tag, number if plugin in (b"", _SCALARS) else None, is_there


def is_scalars(data: bytes) -> bool:
    """Tell whether some fields of a value are nothing but metadata, for the scalars' plugin or none."""
    try:
        return all(
            n == _METADATA and isinstance(v, bytes) and _plugin(v) in (b"", _SCALARS) for n, v in fields(data)
        )
    except WireError:
        return False


def _plugin(metadata: bytes) -> bytes:
    """Return the name of the plugin that a value is meant for; empty where none is named."""
    for number, value in fields(metadata):
        if number == _PLUGIN and isinstance(value, bytes):
            return next((v for n, v in fields(value) if n == _PLUGIN_NAME and isinstance(v, bytes)), b"")
    return b""


def tensor(data: bytes) -> float | None:
    """Return the number in a tensor of one element; None if it is another tensor.

    Raises:
        WireError: If it is no such message.
    """
    parts = dict(fields(data))
    dtype, shape, content = parts.get(_DTYPE), parts.get(_SHAPE, b""), parts.get(_CONTENT)
    if dtype not in _PACKED or not isinstance(shape, bytes) or _is_many(shape):
        return None
    packing, number = _PACKED[dtype]
    if content is None:
        content = _listed(parts.get(number, b""), packing, dtype)
    return _unpacked(content, packing, dtype) if isinstance(content, bytes) else None


def _listed(value: int | bytes, packing: str, dtype: int) -> bytes | None:
    """Return the one value of a list as its bytes; None if there is not just one."""
    size = struct.calcsize(packing)
    if value == b"":  # values that are zero may be left out
        return bytes(size)
    if _PACKED[dtype][1] in _AS_BYTES:
        return value if isinstance(value, bytes) else None
    if isinstance(value, bytes):
        number, stop = varint(value, 0)
        if stop < len(value):
            return None
        value = number
    bits = value & (1 << 8 * size) - 1
    return bits.to_bytes(size, "little")


def _unpacked(content: bytes, packing: str, dtype: int) -> float | None:
    if len(content) != struct.calcsize(packing):
        return None
    if dtype == _BRAIN_HALF:
        content, packing = b"\0\0" + content, "<f"
    return float(struct.unpack(packing, content)[0])


def _is_many(shape: bytes) -> bool:
    """Tell whether a shape has room for another number of elements than one."""
    sizes = (dict(fields(one)).get(1, 0) for n, one in fields(shape) if n == 2 and isinstance(one, bytes))
    return any(size != 1 for size in sizes)


def is_worthless(head: bytes, length: int) -> tuple[bool, str]:
    """Tell whether a big event holds nothing but a graph, an image, a histogram...; and its tag.

    That is proven by the lengths alone: one thing goes on to the end of the event.

    Args:
        head: The first bytes of the event.
        length: All its bytes.
    """
    try:
        number, start, stop = next(span for span in _spans(head, 0, length) if span[2] >= length)
        if number in _WORTHLESS_EVENTS:
            return stop == length, ""
        value, start, end = next(_spans(head, start, stop))
        if number != _SUMMARY or value != _VALUE or not end == stop == length:
            return False, ""
        return _is_worthless_value(head, start, stop)
    except (WireError, StopIteration):
        return False, ""


def _is_worthless_value(head: bytes, start: int, stop: int) -> tuple[bool, str]:
    parts = _spans(head, start, stop)
    number, first, end = next(parts)
    if number != _TAG or end > len(head):
        return False, ""
    kind, begin, after = next(parts)
    big = kind == _TENSOR and after <= stop and after - begin > _BIG_TENSOR_BYTES
    if big or (kind in _KINDS and after == stop):
        return True, head[first:end].decode("utf-8", "replace")
    return False, ""


def _spans(head: bytes, pos: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Yield number, start and stop of the fields from ``pos`` to ``stop`` that begin in ``head``.

    Raises:
        WireError: If there is no field.
    """
    while pos < stop:
        tag, start = varint(head, pos)
        if tag & 7 == BYTES:
            length, start = varint(head, start)
            pos = start + length
        elif tag & 7 == VARINT:
            _, pos = varint(head, start)
        elif tag & 7 == FIXED64:
            pos = start + 8
        else:
            raise WireError(f"no field of an event at byte {start}")
        yield tag >> 3, start, pos
