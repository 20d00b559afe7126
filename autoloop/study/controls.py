"""What users told a study while it ran, as the ``control`` events of its journal add up.

A control changes settings that the study was started with, or says a word of a job. It stands in the journal,
so that it holds in every later process too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NamedTuple

from autoloop.study.events import UserTold

BY_USER = "user"
"""The rule of a job that a user stopped."""

PAUSE, CONTINUE, FINISH, END = "pause", "continue", "finish", "end"


class ToldLimit(NamedTuple):
    """A limit that a user changed.

    Attributes:
        value: What holds since; None for no limit.
        was: What the process had that was told: a process that is started with yet another value means that.
    """

    value: float | None
    was: float | None


def _none() -> Mapping[Any, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Controls:
    """What holds by the word of users.

    Attributes:
        limits: Name of a setting -> its value: ``rounds``, ``max_jobs``, ``max_hours``, ``n_jobs``.
        bounds: Path pattern -> (low, high) of what an edit may set.
        banned: Path pattern -> why no proposal may change what is there.
        freed: Path patterns that may be changed whatever ``ignored`` says.
        kept: Numbers of jobs that no stop rule may end.
        refused: Signature of a config -> why it is not run.
        approved: Rounds that may run where each waits for a yes.
        paused: Why nothing new starts; empty where it does.
        ending: Why the study ends once nothing runs; empty where it goes on.
        heard: Names of the requests that were taken into account.
    """

    limits: Mapping[str, ToldLimit] = field(default_factory=_none)
    bounds: Mapping[str, tuple[float | None, float | None]] = field(default_factory=_none)
    banned: Mapping[str, str] = field(default_factory=_none)
    freed: frozenset[str] = frozenset()
    kept: frozenset[int] = frozenset()
    refused: Mapping[str, str] = field(default_factory=_none)
    approved: frozenset[int] = frozenset()
    paused: str = ""
    ending: str = ""
    heard: frozenset[str] = frozenset()

    def after(self, told: UserTold) -> Controls:
        """What holds after one more word; one that was refused changes nothing."""
        heard = self.heard | {told.asked_as} if told.asked_as else self.heard
        changed = _CHANGES[told.action](self, told) if told.taken and told.action in _CHANGES else {}
        return replace(self, heard=heard, **changed)

    def resumed(self) -> Controls:
        """What of it holds for a process that goes on with the study: no end that was asked for before."""
        return replace(self, ending="")


def _set(now: Controls, told: UserTold) -> dict[str, Any]:
    return {"limits": {**now.limits, told.name: ToldLimit(told.value, told.was)}}


def _bounds(now: Controls, told: UserTold) -> dict[str, Any]:
    return {"bounds": {**now.bounds, told.path: (told.low, told.high)}}


def _ban(now: Controls, told: UserTold) -> dict[str, Any]:
    banned = {**now.banned, told.path: f"banned by {told.by}"}
    return {"banned": banned, "freed": now.freed - {told.path}}


def _free(now: Controls, told: UserTold) -> dict[str, Any]:
    banned = {path: why for path, why in now.banned.items() if path != told.path}
    return {"banned": banned, "freed": now.freed | {told.path}}


def _keep(now: Controls, told: UserTold) -> dict[str, Any]:
    return {"kept": now.kept.union(told.jobs)}


def _refuse(now: Controls, told: UserTold) -> dict[str, Any]:
    why = f"refused by {told.by}"
    return {"refused": {**now.refused, **dict.fromkeys(told.signatures, why)}}


def _approve(now: Controls, told: UserTold) -> dict[str, Any]:
    return {"approved": now.approved if told.round is None else now.approved | {told.round}}


def _pause(now: Controls, told: UserTold) -> dict[str, Any]:
    return {"paused": f"paused by {told.by}"}


def _continue(now: Controls, told: UserTold) -> dict[str, Any]:
    return {"paused": "", "ending": ""}


def _finish(now: Controls, told: UserTold) -> dict[str, Any]:
    return {"ending": f"finished by {told.by} after what ran"}


def _end(now: Controls, told: UserTold) -> dict[str, Any]:
    return {"ending": f"ended by {told.by}"}


_CHANGES: Mapping[str, Callable[[Controls, UserTold], dict[str, Any]]] = {
    "set": _set,
    "bounds": _bounds,
    "ban": _ban,
    "free": _free,
    "keep": _keep,
    "refuse": _refuse,
    "approve": _approve,
    PAUSE: _pause,
    CONTINUE: _continue,
    FINISH: _finish,
    END: _end,
}
