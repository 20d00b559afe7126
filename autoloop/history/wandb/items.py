"""Items: the numbers in many history rows at once.

What does not have the usual form is left to :mod:`autoloop.history.wandb.records`, one by one. Nothing is
assumed about which keys a row has or in which order (wandb-core shuffles them).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from autoloop.history.bytearrays import Bools, ByteArray, Ints
from autoloop.history.numbers import Floats, parse
from autoloop.history.values import as_number, leaves
from autoloop.history.wandb import records
from autoloop.history.wandb.asked import VALUE_JSON, Items, find
from autoloop.history.wandb.keys import KeyTable
from autoloop.history.wandb.walk import Stretches
from autoloop.history.wire import WireError, encode_field

_INTEGER, _DOUBLE = 0x28, 0x31  # tags of the typed values of an item
_MAX_NUMBER_BYTES = 32  # longer numbers (integers of that many digits) are read one by one
_OTHER, _NUMBER, _QUOTED, _DICT = 0, 1, 2, 3  # what a value text is; other: true, null, a list
_KINDS = np.zeros(256, dtype=np.uint8)  # by its first byte
_KINDS[list(b"0123456789-NI")] = _NUMBER
_KINDS[ord('"')] = _QUOTED
_KINDS[ord("{")] = _DICT
#: By byte, whether a quoted number may begin with it.
_BEGINS_NUMBER = np.isin(np.arange(256), list(b"+-.0123456789IN"))


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


def decode(batch: ByteArray, keys: KeyTable) -> Numbers:
    """Return the numbers in the history records of a batch, as far as ``keys`` asks for them."""
    found = find(batch, keys)
    steps = np.full(len(batch), -1, dtype=np.int64)
    steps[found.second.row] = _step(batch, found.second)
    odd = found.odd | (steps < 0)
    found = found.without(odd)
    empty = np.zeros(0, dtype=np.int64)
    result = Numbers(steps, empty, empty, np.zeros(0))
    slow = _Slow(keys, result)
    for part in (_read_items(batch, found.items, result, keys.whole), found.unusual):
        for row, start, stop in zip(part.row.tolist(), part.start.tolist(), part.stop.tolist(), strict=True):
            slow.item(row, batch.cut(start, stop))
    for row in np.flatnonzero(odd).tolist():
        slow.whole_row(row, batch.message(row))
    slow.finish()
    return result


def _step(batch: ByteArray, messages: Stretches) -> Ints:
    """Return the number in each step message: 0 in an empty one, -1 if it has an unusual form."""
    value, after = batch.varints(messages.start + 1)
    usual = (batch.bytes[messages.start] == 0x08) & (after == messages.stop)
    return np.where(messages.start == messages.stop, 0, np.where(usual, value, -1))


def _read_items(batch: ByteArray, items: Items, result: Numbers, is_metric: Bools) -> Stretches:
    """Put the numbers of the items that are metrics into ``result``; return the items left over."""
    names = items.name
    whole = is_metric[names]
    is_typed = _read_typed(batch, items, whole, result)
    is_json = items.value != items.key_stop
    kinds = _KINDS[batch.bytes[items.value]]
    length = items.stop - items.value
    number = is_json & (kinds == _NUMBER) & (length <= _MAX_NUMBER_BYTES)
    index = np.flatnonzero(number & whole)
    values = parse(batch, items.value[index], items.stop[index])
    if values is None:  # one of them is no number: all the slow way
        number[index] = False
    else:
        result.extend(items.row[index], names[index], values)
    maybe_number = (kinds == _QUOTED) & _BEGINS_NUMBER[batch.bytes[items.value + 1]]
    other = is_json & ((kinds == _OTHER) | ((kinds == _QUOTED) & ~maybe_number))
    result.skipped.extend(names[other & whole].tolist())
    left = np.flatnonzero(~number & ~other & ~is_typed)
    return Stretches(items.row[left], items.start[left], items.stop[left])


def _read_typed(batch: ByteArray, items: Items, whole: Bools, result: Numbers) -> Bools:
    """Put the doubles and integers of typed items into ``result``; return which items they are.

    A typed value ends the item, or the same value follows as JSON and counts for less.
    """
    pos, names = items.key_stop, items.name
    tag = batch.bytes[pos]
    is_double, is_integer = tag == _DOUBLE, tag == _INTEGER
    if not (is_double | is_integer).any():
        return np.zeros(tag.size, dtype=bool)
    integers, after = batch.varints(pos + 1)
    is_integer &= batch.bytes[after - 1] < 0x80
    after = np.where(is_double, pos + 9, after)
    ends = (after == items.stop) | _is_json(batch, after, items.stop)
    doubles, wholes = np.flatnonzero(is_double & ends & whole), np.flatnonzero(is_integer & ends & whole)
    result.extend(items.row[doubles], names[doubles], batch.doubles(pos[doubles] + 1))
    result.extend(items.row[wholes], names[wholes], _zigzag(integers[wholes]).astype(np.float64))
    return np.asarray((is_double | is_integer) & ends)


def _is_json(batch: ByteArray, start: Ints, stop: Ints) -> Bools:
    """Tell where a field with a JSON text lies between two positions, and nothing else."""
    pos = np.where(start < stop, start, 0)
    length, text = batch.varints(pos + 2)
    tagged = (batch.bytes[pos] == VALUE_JSON[0]) & (batch.bytes[pos + 1] == VALUE_JSON[1])
    return np.asarray((start < stop) & tagged & (text + length == stop))


def _zigzag(values: Ints) -> Ints:
    """Return varints as the signed integers that protobuf's sint64 means."""
    bits = values.view(np.uint64)
    half, sign = (bits >> np.uint64(1)).view(np.int64), (bits & np.uint64(1)).view(np.int64)
    return np.asarray(half ^ -sign)


def latest(batch: ByteArray, keys: KeyTable) -> list[bytes]:
    """Return the messages of a batch reduced to what still counts when all have been carried out in order.

    Args:
        batch: Summary records: items that set a value, and removals.
        keys: Table for the names of these records.

    Returns:
        Summary records that have the same effect as those of the batch: for each key the last item that sets
        it, and every record that does more than set values.
    """
    found = find(batch, keys)
    found.odd[found.second.row] = True
    found = found.without(found.odd)
    items = found.items
    last = np.full(len(keys.names), -1)
    is_json = items.value != items.key_stop
    np.maximum.at(last, items.name[is_json], items.row[is_json])
    final = items.take(np.flatnonzero((items.row == last[items.name]) & is_json))
    no_json = items.take(np.flatnonzero(~is_json))
    kept = [(row, 0, batch.message(row)) for row in np.flatnonzero(found.odd).tolist()]
    for part in (final, no_json, found.unusual):
        for row, start, stop in zip(part.row.tolist(), part.start.tolist(), part.stop.tolist(), strict=True):
            kept.append((row, start, encode_field(1, batch.cut(start, stop))))
    return [data for _, _, data in sorted(kept, key=lambda entry: entry[:2])]


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
            step, pairs, unreadable = records.row(data)
        except WireError:
            self._result.unreadable += 1
            return
        self._result.unreadable += unreadable
        self._result.steps[row] = step if step is not None and abs(step) < 1 << 63 else -1
        for name, value in pairs:
            self._put(row, name, value)

    def _put(self, row: int, name: str, value: object) -> None:
        for leaf, inner in leaves(name, value):
            index = self._keys.add(leaf)
            if index < 0 or not self._keys.counts(index):
                continue
            number = as_number(inner)
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
