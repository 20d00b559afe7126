"""Walking rows: where the items of many records are, found for all records at once.

A history or summary record is a protobuf message of items (fields 1), each with key fields and a value, and
of fields 2: the step of a history record, the removals of a summary record. Every byte of it belongs to one
of these fields, so where they are follows from their lengths alone, beginning at the record's first byte.
:func:`chain` goes from field to field in all records side by side; where there are only a few, long records,
:func:`scan` looks for what may be their items and then proves it. What else a record may hold is marked odd
and left to :mod:`autoloop.history.wandb.records`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from autoloop.history.bytearrays import Bools, ByteArray, Ints
from autoloop.history.wire import SHORT_BYTES

_FIRST, _SECOND = 0x0A, 0x12  # tags of the fields 1 and 2
_STRIDE = 14  # short items of each record between two checks; 14 * (0xFF + 2) bytes stay below PAD_BYTES
_FEW_RECORDS = 48  # in fewer, a step from item to item costs more than the search for all items
_VALUE_JSON = (0x82, 0x01)  # the tag of an item's JSON value has two bytes
#: Tells for each item, by the position where its content begins, whether it is worth listing.
Filter = Callable[[ByteArray, Ints], Bools]


@dataclass(slots=True)
class Stretches:
    """Fields of a batch's records: rows, first bytes of their content and the bytes after it, int64 (n,)."""

    row: Ints
    start: Ints
    stop: Ints

    def take(self, index: Ints) -> Stretches:
        """Return some of the stretches."""
        return Stretches(self.row[index], self.start[index], self.stop[index])

    def without(self, rows: Bools) -> Stretches:
        """Return the stretches of all rows but those marked."""
        return self.take(np.flatnonzero(~rows[self.row])) if rows.any() else self

    @classmethod
    def joined(cls, parts: Sequence[Stretches]) -> Stretches:
        """Return the stretches of all parts."""
        if len(parts) == 1:
            return parts[0]
        empty = np.zeros(0, dtype=np.int64)
        columns = zip(*((part.row, part.start, part.stop) for part in parts), strict=True)
        return cls(*(np.concatenate([empty, *column]) for column in columns)) if parts else cls(*[empty] * 3)


@dataclass(slots=True)
class Walked:
    """What is where in a batch.

    Attributes:
        items: The fields 1 that passed the filter, and long ones; those of one record in its order.
        second: The fields 2.
        odd: Which records have anything else in them, or nothing at all, bool (rows,); none of their fields
            is listed.
    """

    items: Stretches
    second: Stretches
    odd: Bools


def walk(batch: ByteArray, matters: Filter | None = None) -> Walked:
    """Return where everything is in the records of a batch; of short items only those that matter."""
    if len(batch) >= _FEW_RECORDS:
        return chain(batch, np.arange(len(batch)), matters)
    items, second, rest = scan(batch)
    if matters:
        items = items.take(
            np.flatnonzero(matters(batch, items.start) | (items.stop - items.start >= SHORT_BYTES))
        )
    found = chain(batch, rest, matters)
    items, second = Stretches.joined([items, found.items]), Stretches.joined([second, found.second])
    return Walked(items, second, found.odd)


def chain(batch: ByteArray, row: Ints, matters: Filter | None) -> Walked:
    """Return the fields of the records ``row``, found from field to field in all of them side by side."""
    odd = np.zeros(len(batch), dtype=bool)
    odd[row] = batch.starts[row] == batch.stops[row]
    row = row[~odd[row]]
    pos, items, second = batch.starts[row], list[Stretches](), list[Stretches]()
    while row.size:
        short, pos, stopped = _short_items(batch, row, pos, matters)
        items.append(short)
        odd[row[pos > batch.stops[row]]] = True
        at = np.flatnonzero(stopped & (pos < batch.stops[row]))
        if at.size:
            tag = batch.bytes[pos[at]]
            field = _fields(batch, row[at], pos[at])
            fits = field.stop > 0
            items.append(field.take(np.flatnonzero(fits & (tag == _FIRST))))
            second.append(field.take(np.flatnonzero(fits & (tag == _SECOND))))
            odd[row[at[~fits]]] = True
            pos[at] = field.stop
        go_on = np.flatnonzero((pos < batch.stops[row]) & ~odd[row])
        row, pos = row[go_on], pos[go_on]
    return Walked(Stretches.joined(items).without(odd), Stretches.joined(second).without(odd), odd)


def _short_items(
    batch: ByteArray, row: Ints, pos: Ints, matters: Filter | None
) -> tuple[Stretches, Ints, Bools]:
    """Go up to ``_STRIDE`` short items on from ``pos`` in each record.

    The steps are taken blindly, and what they stepped over is checked afterwards.

    Returns:
        The items that matter, the position after the last of each record, and whether no short item is there.
    """
    sizes, count = batch.bytes[1:], row.size
    heads = np.empty((_STRIDE + 1, count), dtype=np.int64)
    heads[0] = pos
    for here, there in pairwise(heads):
        np.add(here, sizes[here], out=there)
        there += 2
    start = heads[:-1].ravel()
    good = (batch.bytes[start] == _FIRST) & (sizes[start] < SHORT_BYTES)
    good &= (heads[:-1] < batch.stops[row]).ravel()
    taken = np.full(count, _STRIDE)
    if not good.all():
        table = np.logical_and.accumulate(good.reshape(_STRIDE, count))
        good, taken = table.ravel(), table.sum(axis=0)
    start = start + 2
    index = np.flatnonzero(good & matters(batch, start) if matters else good)
    items = Stretches(row[index % count], start[index], heads[1:].ravel()[index])
    return items, heads[taken, np.arange(count)], taken < _STRIDE


def _fields(batch: ByteArray, row: Ints, pos: Ints) -> Stretches:
    """Return the fields at ``pos``, of any length; ``stop`` is -1 where no field 1 or 2 is there."""
    tag = batch.bytes[pos]
    length, start = batch.varints(pos + 1)
    stop = start + length
    fits = (length >= 0) & (stop <= batch.stops[row]) & ((tag == _FIRST) | (tag == _SECOND))
    return Stretches(row, start, np.where(fits, stop, -1))


def scan(batch: ByteArray) -> tuple[Stretches, Stretches, Ints]:
    """Return the fields of all records of items with JSON values and perhaps one field 2 at the end.

    The tag of JSON values, 0x82 0x01, is looked for everywhere, and an item should end after each value. In a
    record, the first item begins where the record begins, every other one where the one before ends; if
    each has the tag of an item and just the length that leads to its end, they are the items.

    Returns:
        Items, fields 2, and the rows of the records for which the proof fails.
    """
    tag = np.flatnonzero(batch.bytes[: int(batch.stops.max(initial=0))] == _VALUE_JSON[0])
    tag = tag[batch.bytes[tag + 1] == _VALUE_JSON[1]]
    row = np.searchsorted(batch.starts, tag, side="right") - 1
    inside = np.flatnonzero((row >= 0) & (tag < batch.stops[row]))
    tag, row = tag[inside], row[inside]
    length, value = batch.varints(tag + 2)
    stop = value + length
    stop[(length <= 0) | (stop > batch.stops[row])] = 0
    first = np.flatnonzero(np.diff(row, prepend=-1))
    last = np.flatnonzero(np.diff(row, append=len(batch)))
    head = np.concatenate([[0], stop])[: tag.size]
    head[first] = batch.starts[row[first]]
    item_length, start = batch.varints(head + 1)
    good = (batch.bytes[head] == _FIRST) & (start + item_length == stop) & (head < tag)
    second, rest = _tails(batch, row[last], stop[last])
    rest[row[~good]] = True
    return Stretches(row, start, stop).without(rest), second.without(rest), np.flatnonzero(rest)


def _tails(batch: ByteArray, rows: Ints, pos: Ints) -> tuple[Stretches, Bools]:
    """Return the field 2 from ``pos`` to the end of each record, and the records that end in another way."""
    ends = batch.stops[rows]
    length, start = batch.varints(pos + 1)
    is_second = (batch.bytes[pos] == _SECOND) & (start + length == ends) & (pos < ends)
    rest = np.ones(len(batch), dtype=bool)
    rest[rows] = ~is_second & (pos != ends)
    return Stretches(rows[is_second], start[is_second], ends[is_second]), rest
