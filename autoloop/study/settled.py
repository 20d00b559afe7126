"""Jobs of the past, kept small: in a long study most of what is known of a job is looked at once a round.

What a scan of all jobs asks for stays as it is; the rest is packed and unpacked when asked for. Pickles are
of this process's own values and never leave it.
"""

from __future__ import annotations

import io
import pickle
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any, TypeVar, overload

from autoloop.study.decisions import Decision
from autoloop.study.events import Details
from autoloop.study.jobs import Job
from autoloop.study.plans import Plan

OPEN = 4096
"""A study with no more jobs than this keeps all of them as they are."""

_PACKED = ("plan", "details", "summary", "handle", "stop")
_KEPT = tuple(one.name for one in fields(Job) if one.name not in _PACKED)
_WINDOW = -12  # raw deflate with a window of 4 KB, which is quick to set up
_HASH = 32  # bytes of a signature
_LIKE = 4000  # bytes of an earlier value that later ones of a study resemble

K = TypeVar("K")
V = TypeVar("V")


def _parts(value: Any) -> tuple[Any, ...]:
    """A record for pickling; as dataclasses do it, taking one out costs four times as much."""
    cls = type(value)
    return _whole, (cls, *(getattr(value, name) for name in cls.__slots__))


def _whole(cls: type, *values: Any) -> Any:
    made: Any = object.__new__(cls)
    for put, value in zip(_setters(cls), values, strict=True):
        put(made, value)
    return made


@lru_cache(None)
def _setters(cls: type) -> tuple[Callable[[Any, Any], None], ...]:
    return tuple(getattr(cls, name).__set__ for name in cls.__slots__)  # type: ignore[attr-defined]


class _RecordPickler(pickle.Pickler):
    dispatch_table = dict.fromkeys((Plan, Details, Decision), _parts)


class Packer:
    """Packs values that are like the first one; remembers the one that was unpacked last."""

    __slots__ = ("_last", "_like")

    def __init__(self) -> None:
        self._like = b""
        self._last: tuple[bytes, Any] = (b"", None)

    def pack(self, value: Any) -> bytes:
        """Put a value away, for this process alone."""
        file = io.BytesIO()
        _RecordPickler(file, pickle.HIGHEST_PROTOCOL).dump(value)
        text = file.getvalue()
        self._like = self._like or text[:_LIKE]
        packing = zlib.compressobj(1, zlib.DEFLATED, _WINDOW, 4, zdict=self._like)
        return packing.compress(text) + packing.flush()

    def unpack(self, packed: bytes) -> Any:
        """The value again."""
        last = self._last  # another thread may unpack another
        if last[0] is not packed:
            text = zlib.decompressobj(_WINDOW, zdict=self._like).decompress(packed)
            last = self._last = (packed, pickle.loads(text))
        return last[1]


class Settled(Job):
    """A job that has ended and been judged; equal to the `Job` it was made of in all that can be asked."""

    __slots__ = ("_called", "_packed", "_packer", "_rule", "_signed")

    _called: str
    _packed: bytes
    _packer: Packer
    _rule: str
    _signed: bytes

    @classmethod
    def of(cls, job: Job, packer: Packer) -> Settled:
        """The same job, kept small."""
        made = object.__new__(cls)
        for name in _KEPT:
            object.__setattr__(made, name, getattr(job, name))
        object.__setattr__(made, "_packer", packer)
        object.__setattr__(made, "_packed", packer.pack(tuple(getattr(job, name) for name in _PACKED)))
        object.__setattr__(made, "_called", job.name)
        object.__setattr__(made, "_rule", sys.intern(job.rule))
        object.__setattr__(made, "gpus", _one_for_all(job.gpus))
        object.__setattr__(made, "_signed", _half(job.signature))
        return made

    @property
    def name(self) -> str:
        """Name of the job."""
        return self._called

    @property
    def rule(self) -> str:
        """Rule of its variant."""
        return self._rule

    @property
    def signature(self) -> str:
        """Signature of its variant."""
        return self._signed.hex() if len(self._signed) == _HASH else self._signed.decode()

    def whole(self) -> Job:
        """The job as it was."""
        return Job(**{one.name: getattr(self, one.name) for one in fields(Job)})

    def __eq__(self, other: object) -> bool:
        return self.whole() == (other.whole() if isinstance(other, Settled) else other)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return _same, (self.whole(),)


def _half(signature: str) -> bytes:
    """A signature in half as many bytes, where it is one."""
    try:
        found = bytes.fromhex(signature)
    except ValueError:
        found = b""
    return found if len(found) == _HASH and found.hex() == signature else signature.encode()


@lru_cache(OPEN)
def _one_for_all(gpus: tuple[str, ...]) -> tuple[str, ...]:
    return gpus


def _same(job: Job) -> Job:
    return job


def _unpacking(place: int) -> property:
    return property(lambda self: self._packer.unpack(self._packed)[place])


for _place, _name in enumerate(_PACKED):
    setattr(Settled, _name, _unpacking(_place))


class PackedList(Sequence[V]):
    """A list of values that are looked at all together, if at all."""

    __slots__ = ("_length", "_packed", "_packer")

    def __init__(self, values: Sequence[V], packer: Packer) -> None:
        self._length, self._packer = len(values), packer
        self._packed = packer.pack(list(values))

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> V: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[V]: ...

    def __getitem__(self, index: int | slice) -> V | Sequence[V]:
        values: list[V] = self._packer.unpack(self._packed)
        return values[index]


class Lazy(Mapping[K, V]):
    """A mapping whose values are made when they are asked for; the latest are kept."""

    def __init__(self, keys: Iterable[K], make: Callable[[K], V]) -> None:
        self._keys = dict.fromkeys(keys)
        self._make = lru_cache(OPEN)(make)

    def __getitem__(self, key: K) -> V:
        if key not in self._keys:
            raise KeyError(key)
        return self._make(key)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __iter__(self) -> Iterator[K]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)
