"""Records: what one record of a ``.wandb`` file says, decoded with plain Python.

Every form that W&B has written since 0.10 is understood here, whatever the order of its fields. Rows of
numbers, which are nearly all of a file, have a faster way in :mod:`autoloop.history.wandb.items`; this module
is the reference for it and takes what it leaves.

Field numbers: https://github.com/wandb/wandb/blob/main/wandb/proto/wandb_internal.proto
"""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import Any

from autoloop.history.values import parse_json
from autoloop.history.wire import WireError, fields, signed, zigzag

#: Kinds of records that are read, by their field number in ``Record``.
HISTORY, SUMMARY, CONFIG, METRIC, RUN, EXIT = 2, 3, 5, 12, 17, 18
UNREADABLE = -1  # no field number of protobuf's
_RECORD_META = {1, 16, 19, 200}  # num, control, uuid, _info: in every record, of no interest
_NONE, _BOOLEAN, _INTEGER, _DOUBLE, _TEXT, _JSON, _VALUE_JSON = 3, 4, 5, 6, 7, 8, 16  # of a history item


def split(record: bytes) -> tuple[int, bytes]:
    """Return the kind of a record (its field number) and its message.

    The kind is 0 for a record that has no message, UNREADABLE for bytes that are no protobuf message.
    """
    try:  # the usual form: num (a varint), then history or summary to the end
        pos = 1
        while record[pos] >= 0x80:
            pos += 1
        tag, length, start = record[pos + 1], record[pos + 2], pos + 3
        if length >= 0x80:
            length, start = length & 0x7F | record[start] << 7, start + 1
        if (
            record[0] == 0x08
            and tag in (0x12, 0x1A)
            and record[start - 1] < 0x80
            and start + length == len(record)
        ):
            return tag >> 3, record[start:]
    except IndexError:
        pass
    try:
        parts = [(number, value) for number, value in fields(record) if number not in _RECORD_META]
    except WireError:
        return UNREADABLE, b""
    return next(((number, value) for number, value in parts if isinstance(value, bytes)), (0, b""))


def key_path(parts: list[tuple[int, int | bytes]]) -> tuple[str, ...]:
    """Return the key that the key fields (1: key, 2: nested_key) of an item spell, part by part."""
    nested = [value for number, value in parts if number == 2 and isinstance(value, bytes)]
    plain = [value for number, value in parts if number == 1 and isinstance(value, bytes)]
    return tuple(part.decode("utf-8", "replace") for part in nested or plain[-1:])


def item(data: bytes) -> tuple[tuple[str, ...], Any]:
    """Return key path and value of one item of a history, summary or config record.

    A typed value counts before the JSON text of the same value. One that cannot be decoded is None.

    Raises:
        WireError: If ``data`` is not a protobuf message.
    """
    parts = list(fields(data))
    values = [(number, value) for number, value in parts if number >= _NONE]
    typed = [part for part in values if _BOOLEAN <= part[0] <= _JSON]
    return key_path(parts), _value(*(typed or values)[-1]) if values else None


def _value(number: int, value: int | bytes) -> Any:
    """Return the Python value of one typed field of an item."""
    if isinstance(value, int):
        return zigzag(value) if number == _INTEGER else bool(value) if number == _BOOLEAN else None
    if number == _DOUBLE and len(value) == 8:
        return struct.unpack("<d", value)[0]
    text = value.decode("utf-8", "replace")
    if number == _TEXT:
        return text
    return parse_json(text) if number in (_JSON, _VALUE_JSON) else None


def row(data: bytes) -> tuple[int | None, list[tuple[str, Any]], int]:
    """Return step, items and the number of unreadable items of a history record.

    The step is None where the record has none; that of an unreadable step message, too.

    Raises:
        WireError: If ``data`` is not a protobuf message.
    """
    step: int | None = None
    items: list[tuple[str, Any]] = []
    parts = [(number, value) for number, value in fields(data) if number < 3 and isinstance(value, bytes)]
    done = 0
    for number, value in parts:
        with suppress(WireError):
            if number == 1:
                path, content = item(value)
                items.append((".".join(path), content))
            else:
                step = next((signed(v) for n, v in fields(value) if n == 1 and isinstance(v, int)), 0)
            done += 1
    if step is None:
        step = next((value for name, value in items if name == "_step" and type(value) is int), None)
    return step, items, len(parts) - done


def update(data: bytes, into: dict[str, Any]) -> None:
    """Carry out a summary or config record on a nested dict; items that cannot be read are passed over.

    Raises:
        WireError: If ``data`` is not a protobuf message.
    """
    for number, content in fields(data):
        if number not in (1, 2) or not isinstance(content, bytes):
            continue
        with suppress(WireError):
            path, value = item(content)
            if number == 1:
                put(into, path, value)
            else:
                remove(into, path)


def put(into: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Set the value at a key path, making the dicts on the way."""
    for part in path[:-1]:
        inner = into.get(part)
        into[part] = inner if isinstance(inner, dict) else {}
        into = into[part]
    for part in path[-1:]:
        into[part] = value


def remove(from_: dict[str, Any], path: tuple[str, ...]) -> None:
    """Remove the value at a key path, if there is one."""
    for part in path[:-1]:
        inner = from_.get(part)
        if not isinstance(inner, dict):
            return
        from_ = inner
    for part in path[-1:]:
        from_.pop(part, None)


def exit_code(data: bytes) -> int:
    """Return the exit code of an exit record.

    Raises:
        WireError: If ``data`` is not a protobuf message.
    """
    return next((signed(v) for n, v in fields(data) if n == 1 and isinstance(v, int)), 0)


def branch(data: bytes) -> str:
    """Return where a forked run leaves another one: ``id?_step=9``.

    Raises:
        WireError: If ``data`` is not a protobuf message.
    """
    parts = {number: value for number, value in fields(data) if isinstance(value, bytes)}
    run, metric = (parts.get(number, b"").decode("utf-8", "replace") for number in (1, 3))
    at = parts.get(2, b"")
    return f"{run}?{metric}={struct.unpack('<d', at)[0]:g}" if len(at) == 8 else run


def step_metric(data: bytes) -> tuple[str, str]:
    """Return a metric's name (or glob) and the metric it is drawn over ("" for the step) by define_metric.

    Raises:
        WireError: If ``data`` is not a protobuf message.
    """
    texts = {
        n: v.decode("utf-8", "replace") for n, v in fields(data) if isinstance(v, bytes) and n in (1, 2, 4)
    }
    return texts.get(1) or texts.get(2, ""), texts.get(4, "")
