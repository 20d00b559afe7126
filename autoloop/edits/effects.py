"""Edits without effect: what a run used against what it was asked for, and knobs not worth another job.

A trainer may replace a setting without a word; LeRobot's training preset does so with ``optimizer.lr``. The
config in a run's W&B record is the one it really used.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autoloop.edits import find, plain
from autoloop.errors import ConfigError

#: Relative difference up to which two numbers are the same after their way through a file.
_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Unheeded:
    """A value that a run was asked for and did not use.

    Attributes:
        path: Where it stands in the config.
        asked: The value asked for.
        used: The value in the run's record.
        in_vain: Whether that is the value from before the edit: the knob is dead. A third value may as well
            come from one that the trainer scales.
    """

    path: str
    asked: Any
    used: Any
    in_vain: bool

    def __str__(self) -> str:
        text = f"{self.path}: asked for {self.asked!r}, the run used {self.used!r}"
        return f"{text}; the edit had no effect" if self.in_vain else text


@dataclass(frozen=True, slots=True)
class IgnoredKnob:
    """A knob that edits are kept from, because the trainer ignores it.

    Attributes:
        path: Path, or pattern, in the config.
        why: What to say when an edit of it is skipped.
        holds_while: Path -> value: it is ignored only in configs that hold all of these.
    """

    path: str
    why: str
    holds_while: Mapping[str, Any] = field(default_factory=dict)


def unheeded(changes: Iterable[tuple[str, Any, Any]], used: Mapping[str, Any]) -> list[Unheeded]:
    """Compare what was changed with the config that the run recorded.

    Args:
        changes: (path, old value, new value) of each change asked for.
        used: The config in the run's record. A path it lacks tells nothing.
    """
    record = plain(used)
    return [
        Unheeded(path, asked, value, _same(old, value))
        for path, old, asked in changes
        for value in _values(path, record)
        if not _same(asked, value)
    ]


def _values(path: str, config: Mapping[str, Any]) -> list[Any]:
    """What stands at ``path``, nested or under the path as one key."""
    if path in config:
        return [config[path]]
    values = []
    for keys in find(path, config):
        node: Any = config
        for key in keys:
            node = node[key]
        values.append(node)
    return values


def _same(asked: Any, used: Any) -> bool:
    if isinstance(asked, bool) or isinstance(used, bool):
        return bool(asked == used)
    if isinstance(asked, int | float) and isinstance(used, int | float):
        return math.isclose(asked, used, rel_tol=_TOLERANCE) or (math.isnan(asked) and math.isnan(used))
    if isinstance(asked, Mapping) and isinstance(used, Mapping):
        return all(key in used and _same(value, used[key]) for key, value in asked.items())
    if isinstance(asked, list) and isinstance(used, list):
        return len(asked) == len(used) and all(map(_same, asked, used))
    return bool(asked == used) or str(asked) == str(used)


def ignored_paths(knobs: Iterable[IgnoredKnob], config: Mapping[str, Any]) -> dict[str, str]:
    """The places of a config that edits are kept from: path pattern -> why."""
    return {knob.path: knob.why for knob in knobs if _holds(knob.holds_while, config)}


def _holds(conditions: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    return all(
        any(_same(value, found) for found in _values(path, config)) for path, value in conditions.items()
    )


def why_ignored(paths: Sequence[str], ignored: Mapping[str, str], config: Mapping[str, Any]) -> str:
    """Why the trainer ignores a change of any of these places; empty if it may use one of them.

    Args:
        paths: The places that an edit changes.
        ignored: See `ignored_paths`.
        config: The config.
    """
    places = {pattern: set(find(pattern, config)) for pattern in ignored}
    reasons = []
    for path in paths:
        keys = set(find(path, config))
        reason = next(
            (ignored[pattern] for pattern, matched in places.items() if keys and keys <= matched), None
        )
        if reason is None:
            return ""
        reasons.append(reason)
    return "; ".join(dict.fromkeys(reasons))


def read_ignored(given: Any) -> tuple[IgnoredKnob, ...]:
    """Read a profile's ``ignored``: ``{path: why}`` or ``{path: {why: ..., while: {path: value}}}``.

    Raises:
        ConfigError: It is something else.
    """
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        raise ConfigError(f"ignored is {given!r}; give a mapping of paths to reasons")
    return tuple(_read_knob(str(path), value) for path, value in given.items() if value is not None)


def _read_knob(path: str, value: Any) -> IgnoredKnob:
    if isinstance(value, str):
        return IgnoredKnob(path, value)
    if not isinstance(value, Mapping) or not set(value) <= {"why", "while"} or not value.get("why"):
        raise ConfigError(
            f"ignored.{path} is {value!r}; give a reason, or {{why: reason, while: {{path: value}}}}"
        )
    return IgnoredKnob(path, str(value["why"]), dict(value.get("while") or {}))
