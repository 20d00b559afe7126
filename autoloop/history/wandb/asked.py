"""Items that are asked for: which of a batch's items they are, their names and where their values are."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from autoloop.history import compiled
from autoloop.history.bytearrays import Bools, ByteArray, Ints
from autoloop.history.compiled import Walker
from autoloop.history.wandb.keys import KEY, NESTED, KeyTable
from autoloop.history.wandb.walk import Stretches, walk
from autoloop.history.wire import SHORT_BYTES

VALUE_JSON = (0x82, 0x01)  # the tag of an item's JSON value has two bytes
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
        name: Index of its name in the key table.
    """

    row: Ints
    start: Ints
    key_stop: Ints
    value: Ints
    stop: Ints
    name: Ints

    def take(self, index: Ints) -> Items:
        """Return some of the items."""
        return Items(*(getattr(self, column.name)[index] for column in fields(self)))


@dataclass(slots=True)
class Asked:
    """What of a batch of records is asked for.

    Attributes:
        items: Items of the usual form whose names are asked for, or may hold such a name.
        unusual: Items of other forms, whatever their names.
        second: The fields 2.
        odd: Which records have anything else in them, or nothing at all, bool (rows,); none of their fields
            is listed.
    """

    items: Items
    unusual: Stretches
    second: Stretches
    odd: Bools

    def without(self, rows: Bools) -> Asked:
        """Return the same without the items of some records, which become odd."""
        if not rows.any():
            return self
        items = self.items.take(np.flatnonzero(~rows[self.items.row]))
        return Asked(items, self.unusual.without(rows), self.second, rows)


def find(batch: ByteArray, keys: KeyTable) -> Asked:
    """Return what ``keys`` asks for of history or summary records."""
    if compiled.WALKER:
        return _compiled(compiled.WALKER, batch, keys)
    found = walk(batch, keys.filter)
    items, unusual = asked_items(batch, found.items, keys)
    return Asked(items, unusual, found.second, found.odd)


def _compiled(walker: Walker, batch: ByteArray, keys: KeyTable) -> Asked:
    items, unusual, second, odd = walker.asked_fields(
        batch.raw, batch.starts, batch.stops, keys.regions, keys.region, keys.ways
    )
    return Asked(
        Items(*_columns(items, len(fields(Items)))),
        Stretches(*_columns(unusual, 3)),
        Stretches(*_columns(second, 3)),
        np.frombuffer(bytearray(odd), dtype=bool),
    )


def _columns(table: bytes, count: int) -> NDArray[np.int64]:
    return np.ascontiguousarray(np.frombuffer(table, dtype=np.int64).reshape(-1, count).T)


def asked_items(batch: ByteArray, found: Stretches, keys: KeyTable) -> tuple[Items, Stretches]:
    """Return those of the items ``found`` that ``keys`` asks for.

    Returns:
        Items with key fields of the usual form before their value whose names are asked for, or may hold such
        a name; and items of other forms, whatever their names.
    """
    key_stop, value = _usual_items(batch, found)
    usual = key_stop > 0
    if usual.all():
        unusual = Stretches.joined([])
    else:
        unusual = found.take(np.flatnonzero(~usual))
        index = np.flatnonzero(usual)
        found, key_stop, value = found.take(index), key_stop[index], value[index]
    names = keys.find(batch, found.start, key_stop - found.start)
    items = Items(found.row, found.start, key_stop, value, found.stop, names)
    return items if names.min(initial=0) >= 0 else items.take(np.flatnonzero(names >= 0)), unusual


def _usual_items(batch: ByteArray, found: Stretches) -> tuple[Ints, Ints]:
    """Return where the key fields of items end, -1 if they are unusual; and where their JSON values begin."""
    tag, size = batch.bytes[found.start], batch.bytes[found.start + 1]
    key_stop = found.start + 2 + size
    value = key_stop + 3
    after, value_size = batch.bytes[key_stop], batch.bytes[key_stop + 2]
    good = ((tag == NESTED) | (tag == KEY)) & (size < SHORT_BYTES) & (after == VALUE_JSON[0])
    good &= (batch.bytes[key_stop + 1] == VALUE_JSON[1]) & (value_size < SHORT_BYTES) & (value_size > 0)
    good &= value + value_size == found.stop
    if not good.all():
        other = np.flatnonzero(~good)
        key_stop[other], value[other] = _other_items(batch, found.take(other))
    return key_stop, value


def _other_items(batch: ByteArray, found: Stretches) -> tuple[Ints, Ints]:
    """Return the same for items of several key fields, or of a value that is long or none."""
    key_stop = _key_stop(batch, found.start, found.stop)
    usual = (key_stop > 0) & (key_stop < found.stop)
    usual &= (batch.bytes[key_stop] != NESTED) & (batch.bytes[key_stop] != KEY)  # no more parts
    pos = np.where(usual, key_stop, 0)
    tagged = (batch.bytes[pos] == VALUE_JSON[0]) & (batch.bytes[pos + 1] == VALUE_JSON[1])
    length, start = batch.varints(pos + 2)
    fits = usual & tagged & (length > 0) & (start + length == found.stop)
    return np.where(usual, key_stop, -1), np.where(fits, start, key_stop)


def _key_stop(batch: ByteArray, start: Ints, limit: Ints) -> Ints:
    """Return where the key fields that begin at ``start`` end; -1 if they have not the usual form.

    That is: one key, or one to four nested keys, each shorter than 128 bytes, before ``limit``.
    """
    tag = batch.bytes[start]
    length = batch.bytes[start + 1]
    stop = start + 2 + length
    usual = ((tag == NESTED) | (tag == KEY)) & (length < SHORT_BYTES)
    more = np.flatnonzero(usual & (stop < limit))
    for _ in range(_MAX_KEY_PARTS - 1):
        more = more[batch.bytes[stop[more]] == NESTED]
        if not more.size:
            break
        length = batch.bytes[stop[more] + 1]
        stop[more] += 2 + length.astype(np.int64)
        usual[more] &= length < SHORT_BYTES
        more = more[usual[more] & (stop[more] < limit[more])]
    return np.where(usual & (stop <= limit) & (stop - start <= _MAX_KEY_BYTES), stop, -1)
