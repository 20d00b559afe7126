"""Jobs of the past, kept small: in a long study most of what is known of a job is looked at once a round.

What a scan of all jobs asks for stays as it is; the rest is packed and unpacked when asked for. Pickles are
of this process's own values and never leave it.
"""

from __future__ import annotations

import io
import math
import pickle
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any, TypeVar, overload

from autoloop.curves.objective import Objective
from autoloop.errors import EditError
from autoloop.study.decisions import Decision
from autoloop.study.events import Details
from autoloop.study.jobs import Job, knobs_of
from autoloop.study.plans import Plan

OPEN = 4096
"""A study with no more jobs than this keeps all of them as they are."""

GROUP = 8
"""So many jobs are packed as one: what they have in common is kept once, and one is soon found in it."""

_PACKED = ("plan", "details", "summary", "handle", "stop")
_PLAN = tuple(one.name for one in fields(Plan))
_KEPT = tuple(one.name for one in fields(Job) if one.name not in _PACKED)
_WINDOW = -12  # raw deflate with a window of 4 KB, which is quick to set up
_AT_HAND = 4  # values that were unpacked last; jobs and their parents are looked at in turn
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
    """Packs values that are like the first one; remembers those that were unpacked last."""

    __slots__ = ("_latest", "_like")

    def __init__(self) -> None:
        self._like = b""
        self._latest: tuple[tuple[bytes, Any], ...] = ()

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
        latest = self._latest  # another thread may unpack another
        for known, value in latest:
            if known is packed:
                return value
        value = pickle.loads(zlib.decompressobj(_WINDOW, zdict=self._like).decompress(packed))
        self._latest = ((packed, value), *latest[: _AT_HAND - 1])
        return value


class Settled(Job):
    """A job that has ended and been judged; equal to the `Job` it was made of in all that can be asked."""

    __slots__ = ("_called", "_jitter", "_knobs", "_packed", "_packer", "_place", "_rule", "_signed")

    _called: str
    _jitter: float
    _knobs: tuple[str, ...] | None
    _packed: bytes
    _packer: Packer
    _place: int  # among the jobs that are packed as one
    _rule: str
    _signed: bytes

    @classmethod
    def group(cls, jobs: Sequence[Job], packer: Packer, aim: Objective) -> list[Settled]:
        """The same jobs, kept small.

        Args:
            jobs: The jobs, `GROUP` of them at most.
            packer: Packs what is seldom looked at.
            aim: What the study is judged by; a job is made anew where that changes.
        """
        unsigned = (_with_signature(job.plan, "") for job in jobs)
        parts = [
            (plan, *(getattr(job, name) for name in _PACKED[1:]))
            for plan, job in zip(unsigned, jobs, strict=True)
        ]
        packed = packer.pack(parts)
        return [cls._of(job, (packer, packed, place), aim) for place, job in enumerate(jobs)]

    @classmethod
    def _of(cls, job: Job, where: tuple[Packer, bytes, int], aim: Objective) -> Settled:
        made = object.__new__(cls)
        for name in _KEPT:
            object.__setattr__(made, name, getattr(job, name))
        for name, value in zip(("_packer", "_packed", "_place"), where, strict=True):
            object.__setattr__(made, name, value)
        object.__setattr__(made, "_called", job.name)
        object.__setattr__(made, "_rule", sys.intern(job.rule))
        object.__setattr__(made, "gpus", _one_for_all(job.gpus))
        object.__setattr__(made, "_knobs", _knobs_of(job))
        jitter = job.jitter(aim)
        object.__setattr__(made, "_jitter", math.nan if math.isnan(jitter) else jitter)
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

    @property
    def knobs(self) -> tuple[str, ...]:
        """Paths of its edits."""
        return knobs_of(self.plan) if self._knobs is None else self._knobs

    def jitter(self, aim: Objective) -> float:
        """How far its result jumps."""
        return self._jitter

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


def _knobs_of(job: Job) -> tuple[str, ...] | None:
    """Paths of its edits; None where they cannot be read, which raises where they are asked for."""
    try:
        return _one_for_all(job.knobs)
    except EditError:
        return None


@lru_cache(OPEN)
def _one_for_all(words: tuple[str, ...]) -> tuple[str, ...]:
    return words


def _same(job: Job) -> Job:
    return job


def _with_signature(plan: Plan, signature: str) -> Plan:
    values = (signature if name == "signature" else getattr(plan, name) for name in _PLAN)
    made: Plan = _whole(Plan, *values)
    return made


def _unpacking(part: int) -> property:
    return property(lambda self: self._packer.unpack(self._packed)[self._place][part])


for _part, _name in enumerate(_PACKED):
    setattr(Settled, _name, _unpacking(_part))


def _plan(job: Settled) -> Plan:
    return _with_signature(job._packer.unpack(job._packed)[job._place][0], job.signature)


setattr(Settled, "plan", property(_plan))  # noqa: B010 - a field of its base cannot be assigned otherwise


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
