"""Keys: finding a metric by the bytes of its key again."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from functools import partial

import numpy as np

from autoloop.history.bytearrays import Bools, ByteArray, Ints, Words
from autoloop.history.wandb import records
from autoloop.history.wanted import Wanted
from autoloop.history.wire import SHORT_BYTES, fields

_GOLDEN = 0x9E3779B97F4A7C15  # 2**64 / golden ratio, odd: its powers are odd, too, and have no pattern
_FACTORS = np.array([pow(_GOLDEN, 2 * power + 1, 1 << 64) for power in range(64)], dtype=np.uint64)
KEY, NESTED = 0x0A, 0x12  # tags of the key fields of an item
_TABLE_BITS = range(8, 21)
_MAX_BEGINNINGS = 100  # with more, telling items apart by their beginnings costs more than it saves


@dataclass(frozen=True, slots=True)
class Beginning:
    """How the key fields of an item can begin: a tag (any), the length of the key's first part and its text.

    Attributes:
        mask: The first 8 bytes as a number, and-ed with it,
        value: are this.
        offset: From here on
        next_mask: the 8 bytes, and-ed with it,
        next_value: are this.
    """

    mask: int
    value: int
    offset: int
    next_mask: int
    next_value: int


def beginnings(wanted: Wanted) -> list[Beginning] | None:
    """Return how the key fields of short items that are asked for can begin; None if in too many ways."""
    texts = {(part, True) for key in (*wanted.names, *wanted.stems) for part in _parents(key)}
    texts |= {(key, True) for key in wanted.names} | {(stem, False) for stem in wanted.stems}
    keys = [(text.encode(), is_whole) for text, is_whole in sorted(texts)]
    found = [_beginning(key, is_whole) for key, is_whole in keys if len(key) < SHORT_BYTES]
    few = all(one.mask for one in found) and len(found) <= _MAX_BEGINNINGS
    return found if few and not wanted.everything else None


def _beginning(text: bytes, is_whole: bool) -> Beginning:
    """Return how the key fields of an item begin whose name is ``text``, or begins with it."""
    mask = b"\0" + (b"\xff" if is_whole else b"\0") + b"\xff" * len(text)
    value = bytes([0, len(text) & 0x7F if is_whole else 0]) + text
    offset = max(len(mask) - 8, 0)  # names that begin alike often differ at their ends
    words = (data[at : at + 8] for at in (0, offset) for data in (mask, value))
    first, first_value, last, last_value = (int.from_bytes(word, "little") for word in words)
    return Beginning(first, first_value, offset, last, last_value)


def _parents(key: str) -> list[str]:
    """Return the names of the dicts that may hold a dotted key: ``a`` and ``a.b`` for ``a.b.c``."""
    parts = key.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


class KeyTable:
    """The names seen so far in a file, found again by the bytes of their key fields.

    Args:
        wanted: The metrics that are asked for; all others get no index.

    Attributes:
        names: All names that matter, in order of appearance.
        index: Name -> its position in ``names``.
        regions: Key fields as they were found -> index of the name, -1 where nobody asked for it.
        filter: Tells which short items may have a name that is asked for; None if that does not save time.
        ways: The same for the compiled walker: five words for each beginning.
    """

    def __init__(self, wanted: Wanted) -> None:
        self.names: list[str] = []
        self.index: dict[str, int] = {}
        self._wanted = wanted
        ways = beginnings(wanted)
        self.filter = None if ways is None else partial(_may_matter, ways)
        self.ways = None if ways is None else np.array([astuple(way) for way in ways], np.uint64).ravel()
        self.regions: dict[bytes, int] = {}
        self._whole = bytearray()  # per name: whether numbers under this very name count
        self._ids: Ints = np.array([-1])  # name index, length and words of each region
        self._lengths: Ints = np.array([-1])
        self._words: list[Words] = []
        self._places: Ints = np.zeros(1 << 1, dtype=np.int64)  # first bits of a hash -> region
        self._shift = np.uint64(63)

    def add(self, name: str) -> int:
        """Return the index of a name; -1 if neither it nor anything under it is asked for."""
        known = self.index.get(name)
        if known is not None:
            return known
        if not self._wanted.parent(name):
            return -1
        self.index[name] = len(self.names)
        self.names.append(name)
        self._whole.append(self._wanted.name(name))
        return self.index[name]

    @property
    def whole(self) -> Bools:
        """Whether numbers under this very name count, for each name."""
        return np.frombuffer(bytes(self._whole), dtype=bool)

    def counts(self, index: int) -> bool:
        """Tell the same of one name."""
        return bool(self._whole[index])

    def find(self, batch: ByteArray, start: Ints, length: Ints) -> Ints:
        """Return the name index for each stretch of key fields; -1 where the name is not asked for.

        A stretch is looked up by a hash and then compared in full, so two names are never taken for one.
        """
        if not start.size:
            return start
        words = batch.words(start, length)
        hashes = _hashes(words, length)
        found, same = self._look_up(words, length, hashes)
        new = np.flatnonzero(~same)
        if new.size:
            new = new[_first_of_each(hashes[new])]
            self._learn([batch.cut(start[at], start[at] + length[at]) for at in new.tolist()])
            found, same = self._look_up(words, length, hashes)
        for at in np.flatnonzero(~same).tolist():  # two stretches with one place in the table
            found[at] = self.region(batch.cut(start[at], start[at] + length[at]))
        return found

    def _look_up(self, words: list[Words], length: Ints, hashes: Words) -> tuple[Ints, Bools]:
        """Return the name index at each hash's place, and whether the stretch there is the same."""
        place = self._places[hashes >> self._shift]
        same = length == self._lengths[place]
        for word, known in zip(words, self._words, strict=False):  # the fewer columns hold all bytes
            same &= word == known[place]
        return self._ids[place], same

    def _learn(self, regions: list[bytes]) -> None:
        """Add stretches, and make the table anew: large enough for a place for each, if that can be."""
        for region in regions:
            self.region(region)
        known = ByteArray.joined(list(self.regions))
        self._ids = np.fromiter(self.regions.values(), dtype=np.int64)
        self._lengths = known.stops - known.starts
        self._words = known.words(known.starts, self._lengths)
        hashes = _hashes(self._words, self._lengths)
        for bits in _TABLE_BITS:
            self._shift = np.uint64(64 - bits)
            if len(set((hashes >> self._shift).tolist())) == hashes.size:
                break
        self._places = np.zeros(1 << bits, dtype=np.int64)
        self._places[hashes >> self._shift] = np.arange(hashes.size)

    def region(self, region: bytes) -> int:
        """Return the name index of some key fields; -1 where the name is not asked for."""
        if region not in self.regions:
            self.regions[region] = self.add(".".join(records.key_path(list(fields(region)))))
        return self.regions[region]


def _may_matter(beginnings: list[Beginning], batch: ByteArray, start: Ints) -> Bools:
    """Return which of the items with a short key that begin at ``start`` begin in one of the ways.

    Those that do not begin with a key may have any name.
    """
    words = batch.first_words(start)
    tag = batch.bytes[start]
    found = np.zeros(start.size, dtype=bool)
    masked = {mask: words & np.uint64(mask) for mask in {one.mask for one in beginnings}}
    for one in beginnings:
        index = np.flatnonzero(masked[one.mask] == np.uint64(one.value))
        last = batch.first_words(start[index] + one.offset)
        found[index[last & np.uint64(one.next_mask) == np.uint64(one.next_value)]] = True
    if not (tag == NESTED).all():
        found |= (tag != NESTED) & (tag != KEY)
    return found


def _hashes(words: list[Words], length: Ints) -> Words:
    """Return a hash of each text; it does not depend on how many columns the words of a batch have."""
    hashes = length.astype(np.uint64)
    for word, factor in zip(words, _FACTORS, strict=False):
        hashes += word * factor
    hashes ^= hashes >> np.uint64(32)
    hashes *= _FACTORS[-1]
    return hashes


def _first_of_each(values: Words) -> Ints:
    """Return the index of the first of each group of equal values (``np.unique`` imports half of numpy)."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    first: Ints = order[np.append(True, ordered[1:] != ordered[:-1])]
    return first
