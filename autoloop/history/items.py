"""Items: the numbers in many history rows at once.

A row is a protobuf message of items (key and value text) and a step. The functions here walk all rows of a
batch side by side with numpy: the first field of every row, the second field of every row... Nothing is
assumed about which keys a row has or in which order (wandb-core shuffles them). What does not have the usual
form is left to :mod:`autoloop.history.records`, one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from autoloop.history import records
from autoloop.history.bytearrays import Bools, ByteArray, Ints
from autoloop.history.keys import KeyTable
from autoloop.history.wire import WireError

_ITEM, _STEP = 0x0A, 0x12  # tags of HistoryRecord
_KEY, _NESTED, _INTEGER, _DOUBLE = 0x0A, 0x12, 0x28, 0x31  # tags of HistoryItem
_VALUE_JSON = (0x82, 0x01)  # its tag has two bytes
_MAX_KEY_PARTS = 4  # nested keys deeper than that are read one by one
_MAX_KEY_BYTES = 128  # longer keys too
_MAX_NUMBER_BYTES = 32  # and longer numbers
_OTHER, _NUMBER, _QUOTED, _DICT = 0, 1, 2, 3  # what a value text is; other: true, null, a list
_KINDS = np.zeros(256, dtype=np.uint8)  # by its first byte
_KINDS[list(b"0123456789-NI")] = _NUMBER
_KINDS[ord('"')] = _QUOTED
_KINDS[ord("{")] = _DICT
_QUOTED_NUMBER_BYTES = np.array([len(text) + 2 for text in records.NON_FINITE])

Floats = NDArray[np.float64]


@dataclass(slots=True)
class Numbers:
    """What a batch of history rows holds.

    Attributes:
        steps: Step of each row, int64 (rows,); -1 where the row has none.
        rows: Row of each number, int64 (n,).
        names: Index of each number's metric in the key table, int64 (n,).
        values: The numbers, float64 (n,); unordered.
        skipped: Name index of each value that is not a number, in no order.
        unreadable: Items and rows that are not the messages they should be.
    """

    steps: Ints
    rows: Ints
    names: Ints
    values: Floats
    skipped: list[int] = field(default_factory=list)
    unreadable: int = 0

    def extend(self, rows: Ints, names: Ints, values: Floats) -> None:
        """Add numbers."""
        self.rows = np.concatenate([self.rows, rows])
        self.names = np.concatenate([self.names, names])
        self.values = np.concatenate([self.values, values])


@dataclass(slots=True)
class _Items:
    """Stretches of the batch: their rows, first bytes and the bytes after them, int64 (n,) each."""

    row: Ints
    start: Ints
    stop: Ints

    def take(self, index: Ints) -> _Items:
        return _Items(self.row[index], self.start[index], self.stop[index])

    @classmethod
    def joined(cls, parts: Sequence[_Items]) -> _Items:
        empty = np.zeros(0, dtype=np.int64)
        rows, starts, stops = ([getattr(part, name) for part in parts] for name in ("row", "start", "stop"))
        return cls(*(np.concatenate([empty, *arrays]) for arrays in (rows, starts, stops)))


def decode(messages: list[bytes], keys: KeyTable) -> Numbers:
    """Return the numbers in the history records ``messages``, as far as ``keys`` asks for them."""
    batch = ByteArray(messages)
    items, step_messages, odd = _walk(batch)
    steps = np.full(len(messages), -1, dtype=np.int64)
    steps[step_messages.row] = _step(batch, step_messages)
    odd |= steps < 0
    empty = np.zeros(0, dtype=np.int64)
    result = Numbers(steps, empty, empty, np.zeros(0))
    slow = _Slow(keys, result)
    left = _read_items(batch, items.take(np.flatnonzero(~odd[items.row])), keys, result)
    for row, start, stop in zip(left.row.tolist(), left.start.tolist(), left.stop.tolist(), strict=True):
        slow.item(row, batch.raw[start:stop])
    for row in np.flatnonzero(odd).tolist():
        slow.whole_row(row, messages[row])
    slow.finish()
    return result


def _walk(batch: ByteArray) -> tuple[_Items, _Items, Bools]:
    """Return the fields 1 and the fields 2 of all rows, and which rows have anything else in them."""
    pos, stops = batch.starts, batch.stops
    odd = np.zeros(pos.size, dtype=bool)
    row = np.flatnonzero(pos < stops)
    pos = pos[row]
    first, second = [], []
    while row.size:
        tag = batch.bytes[pos]
        length, start = batch.varints(pos + 1)
        stop = start + length
        is_first = tag == _ITEM
        good = (length >= 0) & (stop <= stops[row])
        if not (is_first & good).all():
            is_second = good & (tag == _STEP)
            second.append(_Items(row[is_second], start[is_second], stop[is_second]))
            good &= is_first | is_second
            odd[row[~good]] = True
            is_first &= good
        found = _Items(row, start, stop)
        first.append(found if is_first.all() else found.take(np.flatnonzero(is_first)))
        go_on = good & (stop < stops[row])
        row, pos = row[go_on], stop[go_on]
    return _Items.joined(first), _Items.joined(second), odd


def _step(batch: ByteArray, messages: _Items) -> Ints:
    """Return the number in each step message: 0 in an empty one, -1 if it has an unusual form."""
    value, after = batch.varints(messages.start + 1)
    usual = (batch.bytes[messages.start] == 0x08) & (after == messages.stop)
    return np.where(messages.start == messages.stop, 0, np.where(usual, value, -1))


def _read_items(batch: ByteArray, items: _Items, keys: KeyTable, result: Numbers) -> _Items:
    """Put the numbers of items in the usual form into ``result``; return the items left over."""
    key_stop, usual = _key_fields(batch, items)
    odd = [items.take(np.flatnonzero(~usual))]
    items, key_stop = items.take(np.flatnonzero(usual)), key_stop[usual]
    names = keys.find(batch, items.start, key_stop - items.start)
    asked = np.flatnonzero(names >= 0)
    items, key_stop, names = items.take(asked), key_stop[asked], names[asked]
    is_json, start = _json_text(batch, key_stop, items.stop)
    kinds = np.where(is_json, _KINDS[batch.bytes[start]], _OTHER)
    length = items.stop - start
    number = (kinds == _NUMBER) & (length <= _MAX_NUMBER_BYTES) & keys.whole[names]
    index = np.flatnonzero(number)
    values = _parse(batch, start[index], length[index])
    if values is None:  # one of them is no number: all the slow way
        odd.append(items.take(index))
    else:
        result.extend(items.row[index], names[index], values)
    plain = (kinds == _OTHER) | ((kinds == _QUOTED) & ~np.isin(length, _QUOTED_NUMBER_BYTES))
    is_double = (batch.bytes[key_stop] == _DOUBLE) & (key_stop + 9 == items.stop)
    doubles = np.flatnonzero(is_double & keys.whole[names])
    result.extend(items.row[doubles], names[doubles], batch.doubles(key_stop[doubles] + 1))
    skipped = plain & is_json & keys.whole[names]
    result.skipped.extend(names[skipped].tolist())
    left = ~number & ~is_double & ~(plain & is_json)
    odd.append(items.take(np.flatnonzero(left)))
    return _Items.joined(odd)


def _key_fields(batch: ByteArray, items: _Items) -> tuple[Ints, Bools]:
    """Return where the key fields of each item end, and whether they have the usual form."""
    tag = batch.bytes[items.start]
    length = batch.bytes[items.start + 1].astype(np.int64)
    stop = items.start + 2 + length
    usual = ((tag == _KEY) | (tag == _NESTED)) & (length < 0x80)
    for _ in range(_MAX_KEY_PARTS - 1):
        more = np.flatnonzero(usual & (stop < items.stop) & (batch.bytes[stop] == _NESTED))
        if not more.size:
            break
        length = batch.bytes[stop[more] + 1].astype(np.int64)
        stop[more] += 2 + length
        usual[more] &= length < 0x80
    usual &= (stop < items.stop) & (stop - items.start <= _MAX_KEY_BYTES)
    return stop, usual & (batch.bytes[stop] != _NESTED) & (batch.bytes[stop] != _KEY)


def _json_text(batch: ByteArray, pos: Ints, stop: Ints) -> tuple[Bools, Ints]:
    """Return whether each item's value is a JSON text that ends the item, and where that text starts."""
    tagged = (batch.bytes[pos] == _VALUE_JSON[0]) & (batch.bytes[pos + 1] == _VALUE_JSON[1])
    length, start = batch.varints(pos + 2)
    fits = tagged & (length > 0) & (start + length == stop)
    return fits, np.where(fits, start, pos)


def _parse(batch: ByteArray, start: Ints, length: Ints) -> Floats | None:
    """Return number texts as floats; None if one of them is not a number."""
    words = batch.words(start, length)
    texts = words.view(f"S{8 * words.shape[1]}").ravel().tolist()
    try:
        return np.fromiter(map(float, texts), dtype=np.float64, count=len(texts))
    except ValueError:
        return None


def latest(messages: list[bytes], keys: KeyTable) -> list[bytes]:
    """Return the messages reduced to what still counts when all have been carried out in order.

    Args:
        messages: Summary records: items that set a value, and removals.
        keys: Table for the names of these records.

    Returns:
        Summary records that have the same effect as ``messages``: for each key the last item that sets it,
        and every record that does more than set values.
    """
    batch = ByteArray(messages)
    items, removals, odd = _walk(batch)
    odd[removals.row] = True
    items = items.take(np.flatnonzero(~odd[items.row]))
    key_stop, usual = _key_fields(batch, items)
    plain = items.take(np.flatnonzero(usual))
    names = keys.find(batch, plain.start, key_stop[usual] - plain.start)
    last: dict[int, tuple[int, bytes]] = {}
    rows = np.full(len(keys.names), -1)
    np.maximum.at(rows, names[names >= 0], plain.row[names >= 0])
    for index in np.flatnonzero((names >= 0) & (plain.row == rows[names])).tolist():
        last[int(names[index])] = (int(plain.row[index]), batch.raw[plain.start[index] : plain.stop[index]])
    kept = [(row, _as_update(data)) for row, data in last.values()]
    left = items.take(np.flatnonzero(~usual))
    kept += [
        (int(r), _as_update(batch.raw[a:b])) for r, a, b in zip(left.row, left.start, left.stop, strict=True)
    ]
    kept += [(row, messages[row]) for row in np.flatnonzero(odd).tolist()]
    return [data for _, data in sorted(kept, key=lambda pair: pair[0])]


def _as_update(item: bytes) -> bytes:
    """Return a summary record that holds one item."""
    length, size = b"", len(item)
    while size >= 0x80:
        length, size = length + bytes([size & 0x7F | 0x80]), size >> 7
    return bytes([_ITEM]) + length + bytes([size]) + item


class _Slow:
    """Takes the items and rows that have an unusual form, one by one."""

    def __init__(self, keys: KeyTable, result: Numbers) -> None:
        self._keys, self._result = keys, result
        self._rows: list[int] = []
        self._names: list[int] = []
        self._values: list[float] = []

    def item(self, row: int, data: bytes) -> None:
        """Read one item."""
        try:
            path, value = records.item(data)
            self._put(row, ".".join(path), value)
        except WireError:
            self._result.unreadable += 1

    def whole_row(self, row: int, data: bytes) -> None:
        """Read one row with its step."""
        try:
            step, pairs = records.row(data)
        except WireError:
            self._result.unreadable += 1
            return
        self._result.steps[row] = -1 if step is None else step
        for name, value in pairs:
            self._put(row, name, value)

    def _put(self, row: int, name: str, value: object) -> None:
        for leaf, inner in records.leaves(name, value):
            index = self._keys.add(leaf)
            if index < 0 or not self._keys.whole[index]:
                continue
            number = records.as_number(inner)
            if number is None:
                self._result.skipped.append(index)
            else:
                self._rows.append(row)
                self._names.append(index)
                self._values.append(number)

    def finish(self) -> None:
        """Hand over what was read."""
        rows, names = np.array(self._rows, dtype=np.int64), np.array(self._names, dtype=np.int64)
        self._result.extend(rows, names, np.array(self._values, dtype=np.float64))
