"""Edits applied to a config: the new config, what changed, and what there is to tell about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from math import isnan
from typing import Any, NamedTuple, TypeAlias

from autoloop.edits import _number
from autoloop.edits._constant import Constant
from autoloop.edits._edit import Edit, parse_edit
from autoloop.edits._fit import FitError, operate
from autoloop.edits._literal import LiteralError
from autoloop.edits._number import Number, is_number
from autoloop.edits._overrides import Difference, differences, overrides_for, same
from autoloop.edits._path import Keys, Miss, format_path, look_up, parse_path, resolve
from autoloop.errors import EditError, NoChangeError, NoMatchError

#: ``{path pattern: (lowest, highest)}``; either may be None for "no limit".
Bounds: TypeAlias = Mapping[str, Sequence[Number | None]]


class ValueChange(NamedTuple):
    """One place whose value a list of edits changed."""

    path: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class Change:
    """What a list of edits does to a config.

    Attributes:
        base: The config before, as plain dicts and lists.
        config: The config after, as plain dicts and lists.
        changes: Every place that differs, in the order the edits reached them; empty if nothing changed.
        notes: What there is to report, as plain sentences: rounded, clipped, kept, skipped.
    """

    base: Mapping[str, Any]
    config: dict[str, Any]
    changes: tuple[ValueChange, ...]
    notes: tuple[str, ...]
    _differences: tuple[Difference, ...]

    @property
    def overrides(self) -> list[str]:
        """The Hydra override strings that lead from ``base`` to ``config``.

        Raises:
            EditError: A changed place or its value cannot be written as an override.
        """
        return overrides_for(self._differences, self.config)


def change(
    edits: Iterable[str | Edit],
    config: Mapping[str, Any],
    bounds: Bounds | None = None,
    skip: Collection[type[EditError]] = (),
) -> Change:
    """Apply edits in order, each to what the ones before it left.

    Args:
        edits: Texts or `Edit` values.
        config: The config to start from; it is left as it is.
        bounds: Limits for the results, see `Bounds`. Patterns that match nothing here limit nothing.
        skip: Kinds of errors that leave an edit out and become a note, such as ``(NoMatchError,)``.

    Raises:
        EditError: An edit that cannot be read or applied, or bounds the wrong way round.
        NoMatchError: A path that matches nothing.
        NoChangeError: A ``set``, ``mul`` or ``add`` whose every match keeps its value.
    """
    base = plain(config)
    limits = _check_bounds(bounds or {})
    current, notes, touched = base, [], []
    for edit in edits:
        try:
            step = _Step(parse_edit(edit) if isinstance(edit, str) else edit, current, limits)
            current = step.apply()
        except tuple(skip) as error:
            notes.append(f"{error.text}: skipped, {error.why}")
            continue
        notes += step.notes
        touched += step.matches
    found = tuple(sorted(differences(base, current), key=lambda place: _first_touch(place.keys, touched)))
    changes = tuple(ValueChange(format_path(keys), old, new) for keys, old, new in found)
    return Change(base, current, changes, tuple(notes), found)


def apply(
    edits: Iterable[str | Edit], config: Mapping[str, Any], bounds: Bounds | None = None
) -> dict[str, Any]:
    """Return the config that edits make of ``config``: a new plain dict. Raises what `change` raises."""
    return change(edits, config, bounds).config


def expand(edits: Iterable[str | Edit], config: Mapping[str, Any], bounds: Bounds | None = None) -> list[str]:
    """Return the Hydra override strings that do to ``config`` what the edits do. Raises what `change` raises.

    >>> expand(["features.*.weight@mul=0.5"], {"features": [{"weight": 1.0}, {"weight": 0.0}]})
    ['features.0.weight=0.5']
    """
    return change(edits, config, bounds).overrides


def overrides_between(base: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
    """Return the Hydra override strings that lead from ``base`` to a ``config`` made from it by edits."""
    new = plain(config)
    return overrides_for(differences(plain(base), new), new)


def find(path: str, config: Mapping[str, Any]) -> list[Keys]:
    """Return every place in a config of dicts and lists that ``path`` matches; an empty list if none.

    Raises:
        EditError: The path cannot be read.
    """
    try:
        found = resolve(parse_path(path), config)
    except LiteralError as error:
        raise EditError.at("cannot read the path", path, error.position, error.why) from None
    return [] if isinstance(found, Miss) else found


def plain(value: Any) -> Any:
    """Copy a config into dicts and lists of its own, but for what is constant in it."""
    if isinstance(value, Constant):
        return value
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [plain(item) for item in value]
    return value


class _Step:
    """One edit on its way to a config."""

    def __init__(self, edit: Edit, config: dict[str, Any], bounds: Bounds) -> None:
        self.notes: list[str] = []
        self._edit = edit
        self._config = config
        self._bounds = bounds
        found = resolve(edit.segments, config)
        if isinstance(found, Miss):
            raise NoMatchError.at("no match for", str(edit), found.position, found.why, found.nearest)
        self.matches = found

    def apply(self) -> dict[str, Any]:
        """Return a copy of the config with this edit in it."""
        new = deepcopy(self._config)
        for keys in self.matches:
            self._put(new, keys, self._new_value(keys))
        self._clip(new)
        self._report_kept(new)
        return new

    def _new_value(self, keys: Keys) -> Any:
        """Return what the edit makes of the value at ``keys``."""
        edit, old = self._edit, look_up(self._config, keys)
        try:
            new, notes = operate(edit.op, edit.operand, old)
        except FitError as error:
            position = len(edit.path) + (len("@set=") if edit.op == "set" else len("@"))
            why = f"{format_path(keys)}: {error}"
            raise EditError.at("cannot apply", str(edit), position, why) from None
        self.notes += [f"{format_path(keys)}: {note}" for note in notes]
        return old if same(old, new) else deepcopy(new)

    @staticmethod
    def _put(config: dict[str, Any], keys: Keys, value: Any) -> None:
        node: Any = config
        for key in keys[:-1]:
            if isinstance(node[key], Constant):
                node[key] = node[key].bare()
            node = node[key]
        node[keys[-1]] = value

    def _clip(self, new: dict[str, Any]) -> None:
        """Bring every number that this edit changed back between its bounds."""
        for pattern, (low, high) in self._bounds.items():
            for keys in find(pattern, new):
                value = look_up(new, keys)
                if not is_number(value) or not self._changed(keys, value):
                    continue
                clipped, side = _clipped(value, low, high)
                if side:
                    note = f"{format_path(keys)}: {value!r} clipped to {clipped!r} (its {side} bound)"
                    self.notes.append(note)
                    self._put(new, keys, clipped)

    def _changed(self, keys: Keys, value: Any) -> bool:
        """Whether the value at ``keys`` is not what it was before this edit."""
        try:
            return not same(look_up(self._config, keys), value)
        except (KeyError, IndexError, TypeError):
            return True

    def _report_kept(self, new: dict[str, Any]) -> None:
        """Report the matches that keep their value; refuse an edit whose every match does."""
        edit, count = self._edit, len(self.matches)
        kept = [keys for keys in self.matches if same(look_up(self._config, keys), look_up(new, keys))]
        if len(kept) == count:
            self._report_all_kept(format_path(kept[0]), look_up(new, kept[0]))
        elif kept and edit.op not in _LIMITS:
            self.notes.append(f"{edit}: {len(kept)} of {count} matches keep their value")

    def _report_all_kept(self, first: str, value: Any) -> None:
        edit, count = self._edit, len(self.matches)
        where = f"{first} is {value!r}" + (f", and so on for {count} matches" if count > 1 else "")
        if edit.op in _LIMITS:
            self.notes.append(f"{edit}: already {_LIMITS[edit.op]} {edit.operand!r} ({where})")
            return
        clipped = "; ".join(note for note in self.notes if "clipped" in note)
        why = f"no value changes: {clipped or where}; remove the edit or change its value"
        raise NoChangeError.at("nothing is changed by", str(edit), len(edit.path) + len("@"), why)


_LIMITS = {"min": "at most", "max": "at least"}


def _clipped(value: Number, low: Number | None, high: Number | None) -> tuple[Number, str]:
    """Return ``value`` between its bounds, and which bound held it ("" if none)."""
    if low is not None and value < low:
        return _number.at_least(value, low), "lower"
    if high is not None and value > high:
        return _number.at_most(value, high), "upper"
    return value, ""


def _check_bounds(bounds: Bounds) -> Bounds:
    """Return bounds after checking that each is a pair the right way round under a path that can be read."""
    for pattern, pair in bounds.items():
        find(pattern, {})
        limits = [limit for limit in pair if limit is not None]
        if len(pair) != 2 or not all(is_number(limit) and not isnan(limit) for limit in limits):
            why = f"bounds are a pair (lowest, highest) of numbers or null, not {pair!r}"
            raise EditError.at("cannot use the bounds of", pattern, 0, why)
        if len(limits) == 2 and limits[0] > limits[1]:
            why = f"the lowest {limits[0]!r} is above the highest {limits[1]!r}; swap them"
            raise EditError.at("cannot use the bounds of", pattern, 0, why)
    return bounds


def _first_touch(keys: Keys, touched: Sequence[Keys]) -> int:
    """Return the index of the first match that reached the place ``keys``."""
    for index, match in enumerate(touched):
        short = min(len(match), len(keys))
        if match[:short] == keys[:short]:
            return index
    return len(touched)
