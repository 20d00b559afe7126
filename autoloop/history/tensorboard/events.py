"""Events: the numbers in the records of an event file.

A record is a protobuf message Event: wall_time (1, double), step (2) and, of those that are read, a summary
(5). A summary has values (1), each with a tag (1) and a number: simple_value (2, float), or a tensor (8) of
one element, as TensorFlow 2 writes it. Those of the usual form are read all at once, the others one by one.

https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto (event, summary, tensor)

"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from autoloop.history.bytearrays import Bools, ByteArray, Ints
from autoloop.history.numbers import Floats
from autoloop.history.points import Gathered
from autoloop.history.tensorboard.messages import event, is_scalars, is_worthless, value_of
from autoloop.history.wandb.keys import KeyTable
from autoloop.history.wandb.walk import Stretches, walk
from autoloop.history.wanted import Wanted
from autoloop.history.wire import SHORT_BYTES, WireError

_WALL_TIME, _STEP, _SUMMARY = 0x09, 0x10, 0x2A  # tags of an event's fields
_VALUE = 0x0A  # of a summary's
_TAG, _SIMPLE, _TENSOR, _METADATA = 0x0A, 0x15, 0x42, 0x4A  # of a value's
_DTYPE, _SHAPE, _CONTENT, _FLOATS = (0x08, 1), (0x12, 0), (0x22, 4), (0x2A, 4)  # of a tensor
#: The usual tensors of one float, by how they begin: TensorFlow's and TensorBoard's, PyTorch's.
_USUAL_TENSORS = tuple(bytes(one) for one in (
    (*_DTYPE, *_SHAPE, *_CONTENT), (*_DTYPE, *_SHAPE, *_FLOATS), (*_DTYPE, *_CONTENT), (*_DTYPE, *_FLOATS)
))  # fmt: skip
TIMESTAMP, RUNTIME = "_timestamp", "_runtime"  # as W&B calls its own columns


@dataclass(slots=True)
class _Numbers:
    """Numbers of a batch, in no order: row, index of the name and value of each."""

    rows: list[Ints] = field(default_factory=list)
    names: list[Ints] = field(default_factory=list)
    values: list[Floats] = field(default_factory=list)

    def extend(self, rows: Ints, names: Ints, values: Floats) -> None:
        self.rows.append(rows)
        self.names.append(names)
        self.values.append(values)

    def by_name(self) -> tuple[Ints, Ints, Floats]:
        """Return all of them, sorted by name and, within a name, by row."""
        rows, names = np.concatenate(self.rows), np.concatenate(self.names)
        values = np.concatenate(self.values)
        if len(self.rows) > 1:
            order = np.argsort(rows, kind="stable")
            rows, names, values = rows[order], names[order], values[order]
        small = names.astype(np.uint16) if names.size and names.max() < 1 << 16 else names
        order = np.argsort(small, kind="stable")  # of 16 bits in linear time
        return rows[order], names[order], values[order]


class Events:
    """Collects the numbers of one event file as its records are read.

    Args:
        keys: Names and patterns of the metrics to keep; None keeps all.

    Attributes:
        points: The numbers.
        began: Wall time of the first event, seconds since the epoch; None before it.
        unreadable: Records and values that were not the messages they should be.
        back: Metric -> the first step that a lower one came after, and that one.
        bounds: Metric -> its first step, and the highest.
    """

    def __init__(self, keys: Iterable[str] | None = None) -> None:
        asked = None if keys is None else list(keys)
        self.points = Gathered(asked)
        self.began: float | None = None
        self.unreadable = 0
        self.back: dict[str, tuple[int, int]] = {}
        self.bounds: dict[str, tuple[int, int]] = {}
        self._keys = KeyTable(Wanted(asked))

    @property
    def tag(self) -> str:
        """A tag that was asked for and has a number; empty before the first."""
        return next(iter(self.bounds), "")

    def restart(self) -> None:
        """Forget all, to be read anew."""
        self.points.restart()
        self.began, self.unreadable = None, 0
        self.back.clear()
        self.bounds.clear()

    def skip(self, head: bytes, length: int) -> bool:
        """Tell by the beginning of a big record whether it is an image, a histogram, a graph...; count it."""
        worthless, tag = is_worthless(head, length)
        if tag:
            self.points.skip(tag)
        return worthless

    def add(self, batch: ByteArray) -> None:
        """Add records, in file order."""
        if not len(batch):
            return
        found, numbers = _events(batch), _Numbers()
        for row in np.flatnonzero(found.odd).tolist():
            self._add_event(row, batch.message(row), found, numbers)
        values, odd = _values(batch, found.summaries, self._keys)
        for row in odd:
            self._add_event(row, batch.message(row), found, numbers)
        for row, start, stop in self._add_usual(batch, values, numbers):
            self._add_value(row, batch.cut(start, stop), numbers)
        if self.began is None:
            self.began = float(found.times[0])
        self._put(found, *numbers.by_name())

    def _add_event(self, row: int, data: bytes, found: _Found, numbers: _Numbers) -> None:
        """Read one event with plain Python."""
        try:
            one = event(data)
        except WireError:
            self.unreadable += 1
            return
        found.steps[row], found.times[row] = one.step, one.time
        for value in one.values:
            self._add_value(row, value, numbers)

    def _add_value(self, row: int, data: bytes, numbers: _Numbers) -> None:
        """Read one value with plain Python."""
        try:
            tag, number, is_there = value_of(data)
        except WireError:
            self.unreadable += 1
            return
        index = self._keys.add(tag)
        if index >= 0 and number is not None:
            numbers.extend(np.array([row]), np.array([index]), np.array([number]))
        elif is_there:
            self.points.skip(tag)

    def _add_usual(
        self, batch: ByteArray, values: Stretches, numbers: _Numbers
    ) -> Iterator[tuple[int, int, int]]:
        """Put the numbers of usual values that are asked for to the others; yield the unusual values."""
        size = batch.bytes[values.start + 1].astype(np.int64)
        after = values.start + 2 + size
        tagged = (batch.bytes[values.start] == _TAG) & (size < SHORT_BYTES) & (after < values.stop)
        names = np.full(size.size, -1)
        index = np.flatnonzero(tagged)
        names[index] = self._keys.find(batch, values.start[index], after[index] - values.start[index])
        asked = names >= 0
        simple = asked & (batch.bytes[after] == _SIMPLE) & (after + 5 == values.stop)
        place = np.where(simple, after + 1, _in_tensor(batch, after, values.stop))
        tensor = asked & ~simple & (place > 0)
        usual = np.flatnonzero(simple | tensor)
        floats = batch.first_words(place[usual]).astype(np.uint32).view("<f4").astype(np.float64)
        numbers.extend(values.row[usual], names[usual], floats)
        for at in np.flatnonzero((asked | ~tagged) & ~simple & ~tensor).tolist():
            yield int(values.row[at]), int(values.start[at]), int(values.stop[at])

    def _put(self, found: _Found, rows: Ints, names: Ints, values: Floats) -> None:
        """Add numbers, sorted by name, to the points."""
        self.points.rows += rows.size
        steps = found.steps[rows]
        cuts = np.flatnonzero(np.diff(names)) + 1
        for start, stop in zip((0, *cuts.tolist()), (*cuts.tolist(), names.size), strict=True):
            if stop > start:
                name = self._keys.names[names[start]]
                self._watch(name, steps[start:stop])
                self.points.add(name, steps[start:stop], values[start:stop])
        self._put_times(found, np.sort(rows))

    def _watch(self, name: str, steps: Ints) -> None:
        """See whether the steps of a metric go back."""
        first, before = self.bounds.get(name, (int(steps[0]), int(steps[0])))
        known = np.concatenate([[before], steps])
        highest = np.maximum.accumulate(known)
        back = np.flatnonzero(known < highest)
        if back.size:
            self.back.setdefault(name, (int(highest[back[0]]), int(known[back[0]])))
        self.bounds[name] = first, int(highest[-1])

    def _put_times(self, found: _Found, rows: Ints) -> None:
        """Add the times of the rows with numbers, one for each step."""
        if not rows.size or not (self.points.wants(TIMESTAMP) or self.points.wants(RUNTIME)):
            return
        steps, times = found.steps[rows], found.times[rows]
        last = np.append(steps[1:] != steps[:-1], True)
        self.points.add(TIMESTAMP, steps[last], times[last])
        self.points.add(RUNTIME, steps[last], times[last] - (self.began or 0.0))


@dataclass(slots=True)
class _Found:
    """The events of a batch.

    Attributes:
        steps: int64 (n,).
        times: Wall time of each in seconds since the epoch, float64 (n,); NaN where it has none.
        summaries: Content of the summaries of the usual events.
        odd: Which events are not usual, bool (n,); their steps and times are not known yet.
    """

    steps: Ints
    times: Floats
    summaries: Stretches
    odd: Bools


def _events(batch: ByteArray) -> _Found:
    """Return the events of a batch. The usual ones are a time, perhaps a step, and a summary to the end."""
    times = batch.doubles(batch.starts + 1).copy()
    pos = batch.starts + 9
    stepped = batch.bytes[pos] == _STEP
    number, after = batch.varints(np.where(stepped, pos + 1, pos))
    pos = np.where(stepped, after, pos)
    length, start = batch.varints(pos + 1)
    usual = (batch.bytes[batch.starts] == _WALL_TIME) & (batch.bytes[pos] == _SUMMARY) & (length > 0)
    usual &= start + length == batch.stops
    rows = np.flatnonzero(usual)
    return _Found(
        np.where(stepped, number, 0), times, Stretches(rows, start[rows], batch.stops[rows]), ~usual
    )


def _values(batch: ByteArray, found: Stretches, keys: KeyTable) -> tuple[Stretches, list[int]]:
    """Return the values in summaries, and the rows of those summaries that hold anything else."""
    length, start = batch.varints(found.start + 1)
    single = (batch.bytes[found.start] == _VALUE) & (start + length == found.stop) & (length > 0)
    alone = Stretches(found.row, start, found.stop).take(np.flatnonzero(single))
    several = found.take(np.flatnonzero(~single))
    if not several.row.size:
        return alone, []
    walked = walk(ByteArray(batch.raw, several.start, several.stop), keys.filter)
    odd = walked.odd
    odd[walked.second.row] = True
    items = walked.items.without(odd)
    items.row = several.row[items.row]
    return Stretches.joined([alone, items]), several.row[odd].tolist()


def _in_tensor(batch: ByteArray, pos: Ints, stop: Ints) -> Ints:
    """Return where the float of a usual tensor is that lies at ``pos`` up to ``stop``; 0 in all others.

    Between its end and ``stop`` may be metadata for the scalars' plugin, and nothing else.
    """
    found = np.zeros_like(pos)
    maybe = np.flatnonzero(batch.bytes[pos] == _TENSOR)
    if not maybe.size:
        return found
    beginning = batch.first_words(pos[maybe] + 2)
    for form in _USUAL_TENSORS:
        bits = np.uint64(64 - 8 * len(form))
        same = (beginning << bits) >> bits == np.uint64(int.from_bytes(form, "little"))
        same &= batch.bytes[pos[maybe] + 1] == len(form) + 4
        found[maybe[same]] = pos[maybe[same]] + 2 + len(form)
    known: dict[bytes, bool] = {b"": True}
    for at in np.flatnonzero(found).tolist():
        rest = batch.cut(found[at] + 4, stop[at])
        if rest not in known:
            known[rest] = is_scalars(rest)
        if not known[rest] or found[at] + 4 > stop[at]:
            found[at] = 0
    return found
