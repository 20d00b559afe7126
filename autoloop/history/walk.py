"""Walking rows: where the items of many records are, found for all records at once.

A history or summary record is a protobuf message of items, each with key fields and a value, and at its end
perhaps a step. Two ways lead to the items. :func:`scan` looks for the tag of JSON values in the whole batch
and then proves, record by record, that the items it found follow each other without a gap: it serves nearly
all records. :func:`step_through` goes from item to item, in all remaining records side by side. What neither
understands is marked odd and left to :mod:`autoloop.history.records`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autoloop.history.bytearrays import Bools, ByteArray, Ints

_FIRST, _SECOND = 0x0A, 0x12  # tags of the fields 1 (an item) and 2 (step, or removal) of a record
_KEY, _NESTED = 0x0A, 0x12  # tags of the key fields of an item
_VALUE_JSON = (0x82, 0x01)  # the tag of its JSON value has two bytes
_MAX_KEY_PARTS = 4  # nested keys deeper than that are read one by one
_MAX_KEY_BYTES = 128  # longer keys too


@dataclass(slots=True)
class Items:
    """Items of a batch: parallel arrays of the row they are in and positions in the batch, int64 (n,) each.

    Attributes:
        row: Row of each item.
        start: Its first byte, where the key fields begin.
        key_stop: First byte after the key fields.
        value: First byte of the JSON text of its value; ``key_stop`` where the value is none.
        stop: First byte after the item.
    """

    row: Ints
    start: Ints
    key_stop: Ints
    value: Ints
    stop: Ints

    def take(self, index: Ints) -> Items:
        """Return some of the items."""
        return Items(*(array[index] for array in self._arrays()))

    def _arrays(self) -> tuple[Ints, ...]:
        return self.row, self.start, self.key_stop, self.value, self.stop

    @classmethod
    def joined(cls, parts: Sequence[Items]) -> Items:
        """Return the items of all parts."""
        if len(parts) == 1:
            return parts[0]
        empty = np.zeros(0, dtype=np.int64)
        columns = zip(*(part._arrays() for part in parts), strict=True)
        return cls(*(np.concatenate([empty, *column]) for column in columns)) if parts else cls(*[empty] * 5)


@dataclass(slots=True)
class Stretches:
    """Fields of a batch's records: rows, first bytes of their content and the bytes after it, int64 (n,)."""

    row: Ints
    start: Ints
    stop: Ints

    def take(self, index: Ints) -> Stretches:
        """Return some of the stretches."""
        return Stretches(self.row[index], self.start[index], self.stop[index])

    @classmethod
    def joined(cls, parts: Sequence[Stretches]) -> Stretches:
        """Return the stretches of all parts."""
        empty = np.zeros(0, dtype=np.int64)
        columns = zip(*((part.row, part.start, part.stop) for part in parts), strict=True)
        return cls(*(np.concatenate([empty, *column]) for column in columns)) if parts else cls(*[empty] * 3)


@dataclass(slots=True)
class Walked:
    """What is where in a batch.

    Attributes:
        items: Items with key fields of the usual form.
        unusual: Items with any other content.
        second: The fields 2: steps of history records, removals of summary records.
        odd: Which records have anything else in them, bool (rows,); none of their items is listed.
    """

    items: Items
    unusual: Stretches
    second: Stretches
    odd: Bools


def walk(batch: ByteArray) -> Walked:
    """Return where everything is in the records of a batch."""
    items, second, rest = scan(batch)
    if not rest.size:
        return Walked(items, Stretches.joined([]), second, np.zeros(batch.starts.size, dtype=bool))
    stretches, more_second, odd = step_through(batch, rest)
    more_items, unusual = _split(batch, stretches)
    return Walked(Items.joined([items, more_items]), unusual, Stretches.joined([second, more_second]), odd)


def scan(batch: ByteArray) -> tuple[Items, Stretches, Ints]:
    """Return the items and the fields 2 of all records that hold nothing but items with JSON values.

    The tag of JSON values, 0x82 0x01, is looked for everywhere. In a record, the first item must begin where
    the record begins, every other one where the one before ends, and what is after the last must be nothing
    or one field 2; tag and length of each item and of its key fields must fit. So each byte of the record has
    its place, and no other reading of the record is possible.

    Returns:
        Items, fields 2, and the rows of the records for which the proof fails.
    """
    tag = np.flatnonzero(batch.bytes[: batch.size] == _VALUE_JSON[0])
    is_tag = batch.bytes[tag + 1] == _VALUE_JSON[1]
    tag = tag if is_tag.all() else tag[is_tag]
    length, value = batch.varints(tag + 2)
    stop = value + length
    counts = np.diff(np.searchsorted(tag, batch.starts), append=tag.size)
    row = np.repeat(np.arange(batch.starts.size), counts)
    last = np.cumsum(counts)[counts > 0] - 1
    head = np.concatenate([[0], stop])[: tag.size]  # an item begins where the one before ends
    head[last - counts[counts > 0] + 1] = batch.starts[counts > 0]
    sound = (length > 0) & (head < tag) & (stop <= batch.size)
    if not sound.all():
        head = np.where(sound, head, 0)
    start, good = _short_items(batch, head, tag, stop)
    long = np.flatnonzero(~good)
    if long.size:
        start[long], good[long] = _long_items(batch, head[long], tag[long], stop[long])
    good &= sound
    second, rest = _tails(batch, row, stop, last, counts > 0)
    rest[row[~good]] = True
    items = Items(row, start, tag, value, stop)
    if rest.any():
        items = items.take(np.flatnonzero(~rest[row]))
        second = second.take(np.flatnonzero(~rest[second.row]))
    return items, second, np.flatnonzero(rest)


def _short_items(batch: ByteArray, head: Ints, tag: Ints, stop: Ints) -> tuple[Ints, Bools]:
    """Return where the key fields of items begin, and which items fit: those of one short key and value.

    Such an item has one byte for its length, and then one key of less than 128 bytes up to the value's tag.
    """
    size, kind, key_size = (batch.bytes[head + offset] for offset in (1, 2, 3))
    start = head + 2
    good = (start + size == stop) & (head + 4 + key_size == tag)
    good &= (size < 0x80) & (batch.bytes[head] == _FIRST) & ((kind == _NESTED) | (kind == _KEY))
    return start, good


def _long_items(batch: ByteArray, head: Ints, tag: Ints, stop: Ints) -> tuple[Ints, Bools]:
    """Return where the key fields of items begin, and which items fit: any length, up to four keys."""
    length, start = batch.varints(head + 1)
    good = (batch.bytes[head] == _FIRST) & (start + length == stop) & (start < tag)
    start = np.where(good, start, 0)
    return start, good & (_key_stop(batch, start, tag) == tag)


def _key_stop(batch: ByteArray, start: Ints, limit: Ints) -> Ints:
    """Return where the key fields that begin at ``start`` end; -1 if they have not the usual form.

    That is: one key, or one to four nested keys, each shorter than 128 bytes, before ``limit``.
    """
    tag = batch.bytes[start]
    length = batch.bytes[start + 1]
    stop = start + 2 + length
    usual = ((tag == _NESTED) | (tag == _KEY)) & (length < 0x80)
    more = np.flatnonzero(usual & (stop < limit))
    for _ in range(_MAX_KEY_PARTS - 1):
        more = more[batch.bytes[stop[more]] == _NESTED]
        if not more.size:
            break
        length = batch.bytes[stop[more] + 1]
        stop[more] += 2 + length.astype(np.int64)
        usual[more] &= length < 0x80
        more = more[usual[more] & (stop[more] < limit[more])]
    return np.where(usual & (stop <= limit) & (stop - start <= _MAX_KEY_BYTES), stop, -1)


def _tails(batch: ByteArray, row: Ints, stop: Ints, last: Ints, has_items: Bools) -> tuple[Stretches, Bools]:
    """Return the field 2 after the last item of each record, and the records that end in another way."""
    rows = row[last]
    pos, ends = np.minimum(stop[last], batch.size), batch.stops[rows]
    length, start = batch.varints(pos + 1)
    is_second = (batch.bytes[pos] == _SECOND) & (start + length == ends) & (pos < ends)
    rest = ~has_items
    rest[rows] = ~is_second & (pos != ends)
    return Stretches(rows[is_second], start[is_second], ends[is_second]), rest


def step_through(batch: ByteArray, rows: Ints) -> tuple[Stretches, Stretches, Bools]:
    """Return the fields 1 and the fields 2 of some records, and which records have anything else in them."""
    odd = np.zeros(batch.starts.size, dtype=bool)
    odd[rows] = batch.starts[rows] == batch.stops[rows]
    row = rows[~odd[rows]]
    pos = batch.starts[row]
    first, second = [], []
    while row.size:
        tag = batch.bytes[pos]
        length, start = batch.varints(pos + 1)
        stop = start + length
        fits = (length >= 0) & (stop <= batch.stops[row])
        fields = Stretches(row, start, stop)
        first.append(fields.take(np.flatnonzero(fits & (tag == _FIRST))))
        second.append(fields.take(np.flatnonzero(fits & (tag == _SECOND))))
        fits &= (tag == _FIRST) | (tag == _SECOND)
        odd[row[~fits]] = True
        go_on = fits & (stop < batch.stops[row])
        row, pos = row[go_on], stop[go_on]
    ones, twos = Stretches.joined(first), Stretches.joined(second)
    return ones.take(np.flatnonzero(~odd[ones.row])), twos.take(np.flatnonzero(~odd[twos.row])), odd


def _split(batch: ByteArray, found: Stretches) -> tuple[Items, Stretches]:
    """Return the items that have key fields of the usual form before a value, and the others."""
    key_stop = _key_stop(batch, found.start, found.stop)
    usual = (key_stop > 0) & (key_stop < found.stop)
    usual &= (batch.bytes[key_stop] != _NESTED) & (batch.bytes[key_stop] != _KEY)  # no more parts
    index = np.flatnonzero(usual)
    items, key_stop = found.take(index), key_stop[index]
    tagged = (batch.bytes[key_stop] == _VALUE_JSON[0]) & (batch.bytes[key_stop + 1] == _VALUE_JSON[1])
    length, start = batch.varints(key_stop + 2)
    fits = tagged & (length > 0) & (start + length == items.stop)
    value = np.where(fits, start, key_stop)
    return Items(items.row, items.start, key_stop, value, items.stop), found.take(np.flatnonzero(~usual))
