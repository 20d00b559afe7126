"""What users changed while a study ran: the sum of the ``control`` events of its journal.

A control changes settings that the study was started with, or what happens to a job. It is in the journal, so
it holds in every later process too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NamedTuple

from autoloop.study.events import UserControl

BY_USER = "user"
"""The rule of a job that a user stopped."""

PAUSE, CONTINUE, FINISH, END = "pause", "continue", "finish", "end"


class ChangedLimit(NamedTuple):
    """A limit that a user changed.

    Attributes:
        value: The new value; None for no limit.
        was: The value of the process that was changed. If a later process is started with yet another value,
            that one holds.
    """

    value: float | None
    was: float | None


def _none() -> Mapping[Any, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Controls:
    """What users asked for, as it holds now.

    Attributes:
        limits: Name of a setting -> its value: ``rounds``, ``max_jobs``, ``max_hours``, ``n_jobs``.
        bounds: Path pattern -> (low, high) of what an edit may set.
        banned: Path pattern -> why no proposal may change what is there.
        freed: Path patterns that may be changed whatever ``ignored`` says.
        kept: Numbers of jobs that no stop rule may end.
        refused: Signature of a config -> why it is not run.
        approved: Rounds that may run, if each round needs approval.
        paused: Why nothing new starts; empty if the study is not paused.
        ending: Why the study ends once nothing runs; empty if it goes on.
        handled: Names of the requests that were taken into account.
    """

    limits: Mapping[str, ChangedLimit] = field(default_factory=_none)
    bounds: Mapping[str, tuple[float | None, float | None]] = field(default_factory=_none)
    banned: Mapping[str, str] = field(default_factory=_none)
    freed: frozenset[str] = frozenset()
    kept: frozenset[int] = frozenset()
    refused: Mapping[str, str] = field(default_factory=_none)
    approved: frozenset[int] = frozenset()
    paused: str = ""
    ending: str = ""
    handled: frozenset[str] = frozenset()

    def after(self, control: UserControl) -> Controls:
        """Return what holds after one more control; one that was refused changes nothing."""
        handled = self.handled | {control.asked_as} if control.asked_as else self.handled
        changed = (
            _CHANGES[control.action](self, control) if control.taken and control.action in _CHANGES else {}
        )
        return replace(self, handled=handled, **changed)

    def resumed(self) -> Controls:
        """Return what holds for a process that continues the study: no earlier request to end it."""
        return replace(self, ending="")


def _set(now: Controls, control: UserControl) -> dict[str, Any]:
    return {"limits": {**now.limits, control.name: ChangedLimit(control.value, control.was)}}


def _bounds(now: Controls, control: UserControl) -> dict[str, Any]:
    return {"bounds": {**now.bounds, control.path: (control.low, control.high)}}


def _ban(now: Controls, control: UserControl) -> dict[str, Any]:
    banned = {**now.banned, control.path: f"banned by {control.by}"}
    return {"banned": banned, "freed": now.freed - {control.path}}


def _free(now: Controls, control: UserControl) -> dict[str, Any]:
    banned = {path: why for path, why in now.banned.items() if path != control.path}
    return {"banned": banned, "freed": now.freed | {control.path}}


def _keep(now: Controls, control: UserControl) -> dict[str, Any]:
    return {"kept": now.kept.union(control.jobs)}


def _refuse(now: Controls, control: UserControl) -> dict[str, Any]:
    why = f"refused by {control.by}"
    return {"refused": {**now.refused, **dict.fromkeys(control.signatures, why)}}


def _approve(now: Controls, control: UserControl) -> dict[str, Any]:
    return {"approved": now.approved if control.round is None else now.approved | {control.round}}


def _pause(now: Controls, control: UserControl) -> dict[str, Any]:
    return {"paused": f"paused by {control.by}"}


def _continue(now: Controls, control: UserControl) -> dict[str, Any]:
    return {"paused": "", "ending": ""}


def _finish(now: Controls, control: UserControl) -> dict[str, Any]:
    return {"ending": f"finished by {control.by} after what ran"}


def _end(now: Controls, control: UserControl) -> dict[str, Any]:
    return {"ending": f"ended by {control.by}"}


_CHANGES: Mapping[str, Callable[[Controls, UserControl], dict[str, Any]]] = {
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
