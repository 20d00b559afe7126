"""Keys: which metrics are asked for, and finding a metric by the bytes of its key again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

import numpy as np

from autoloop.history import records
from autoloop.history.bytearrays import Bools, ByteArray, Ints, Words
from autoloop.history.wire import fields

_FACTORS = np.random.default_rng(20261123).integers(0, 2**63, 64, dtype=np.uint64) * np.uint64(2) + np.uint64(
    1
)
_WILD = re.compile(r"[*?\[]")


class Wanted:
    """The metrics a caller asks for: names, and patterns with ``*``, ``?`` and ``[...]``.

    Args:
        keys: Names and patterns; None asks for every metric.
    """

    def __init__(self, keys: Iterable[str] | None) -> None:
        self._all = keys is None
        given = [keys] if isinstance(keys, str) else list(keys or ())
        self._names = {key for key in given if not _WILD.search(key)}
        self._patterns = [key for key in given if _WILD.search(key)]
        self._stems = [_WILD.split(key)[0] for key in self._patterns]  # what a match must begin with

    def name(self, name: str) -> bool:
        """Tell whether the metric ``name`` is asked for."""
        return self._all or name in self._names or any(fnmatchcase(name, p) for p in self._patterns)

    def parent(self, name: str) -> bool:
        """Tell whether a dict logged as ``name`` may hold a metric that is asked for."""
        inside = f"{name}."
        return (
            self.name(name)
            or any(key.startswith(inside) for key in self._names)
            or any(stem.startswith(inside) or inside.startswith(stem) for stem in self._stems)
        )


class KeyTable:
    """The names seen so far in a file, found again by the bytes of their key fields.

    Args:
        wanted: The metrics that are asked for; all others get no index.

    Attributes:
        names: All names that matter, in order of appearance.
        index: Name -> its position in ``names``.
    """

    def __init__(self, wanted: Wanted) -> None:
        self.names: list[str] = []
        self.index: dict[str, int] = {}
        self._wanted = wanted
        self.whole: Bools = np.zeros(0, dtype=bool)  # per name: whether numbers under this very name count
        self._regions: dict[bytes, int] = {}  # key fields as bytes -> name index, -1 if nobody asked
        self._hashes: Words = np.zeros(0, dtype=np.uint64)  # sorted, one per region
        self._words: Words = np.zeros((0, 1), dtype=np.uint64)
        self._lengths: Ints = np.zeros(0, dtype=np.int64)
        self._ids: Ints = np.zeros(0, dtype=np.int64)

    def add(self, name: str) -> int:
        """Return the index of a name; -1 if neither it nor anything under it is asked for."""
        known = self.index.get(name)
        if known is not None:
            return known
        if not self._wanted.parent(name):
            return -1
        self.index[name] = len(self.names)
        self.names.append(name)
        self.whole = np.append(self.whole, self._wanted.name(name))
        return self.index[name]

    def find(self, batch: ByteArray, start: Ints, length: Ints) -> Ints:
        """Return the name index for each stretch of key fields; -1 where the name is not asked for.

        Stretches are compared by a hash and then byte by byte, so that two names are never taken for one.
        """
        words = batch.words(start, length)
        hashes = words @ _FACTORS[: words.shape[1]] + length.astype(np.uint64)
        slot = self._slots(hashes)
        if slot.size and (new := np.flatnonzero(slot < 0)).size:
            _, first = np.unique(hashes[new], return_index=True)
            self._learn(batch, start[new[first]], length[new[first]], words[new[first]], hashes[new[first]])
            slot = self._slots(hashes)
        found = self._ids[slot]
        width = min(words.shape[1], self._words.shape[1])
        same = (words[:, :width] == self._words[slot, :width]).all(axis=1) & (length == self._lengths[slot])
        for other in np.flatnonzero(~same):  # two regions with one hash
            found[other] = self._region(batch.raw[start[other] : start[other] + length[other]])
        return found

    def _slots(self, hashes: Words) -> Ints:
        """Return the position of each hash in the table, -1 for unknown ones."""
        if not self._hashes.size:
            return np.full(hashes.size, -1, dtype=np.int64)
        slot = np.minimum(np.searchsorted(self._hashes, hashes), self._hashes.size - 1)
        return np.where(self._hashes[slot] == hashes, slot, -1)

    def _learn(self, batch: ByteArray, start: Ints, length: Ints, words: Words, hashes: Words) -> None:
        """Add regions to the table, each with a hash of its own."""
        ids = [
            self._region(batch.raw[a : a + n]) for a, n in zip(start.tolist(), length.tolist(), strict=True)
        ]
        width = max(self._words.shape[1], words.shape[1])
        table = np.zeros((self._hashes.size + hashes.size, width), dtype=np.uint64)
        table[: self._hashes.size, : self._words.shape[1]] = self._words
        table[self._hashes.size :, : words.shape[1]] = words
        all_hashes = np.concatenate([self._hashes, hashes])
        order = np.argsort(all_hashes)
        self._hashes, self._words = all_hashes[order], table[order]
        self._lengths = np.concatenate([self._lengths, length])[order]
        self._ids = np.concatenate([self._ids, np.array(ids, dtype=np.int64)])[order]

    def _region(self, region: bytes) -> int:
        if region not in self._regions:
            self._regions[region] = self.add(".".join(records.key_path(list(fields(region)))))
        return self._regions[region]
