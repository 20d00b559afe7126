"""The search space of a sampler: which knobs, between which values, and a config as a point in it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from autoloop.edits import format_literal
from autoloop.edits.groups import options_of
from autoloop.errors import ConfigError, did_you_mean
from autoloop.rules.names import knob_paths
from autoloop.rules.paths import is_number, matches
from autoloop.strategies.entries import SpaceEntry, stepped
from autoloop.strategies.shares import is_share, up_to_one

EDGE = 0.1
"""Nearer than this (of the range) to a soft edge, the best config has the range extended on that side."""

MOST_EXTENDED = 8
"""A range is extended so often at most."""

USUAL = ("<learning_rate>", "<weight_decay>", "<dropout>")
"""What is turned in an app of which nothing else is known."""

DIGITS = 3  # significant digits of a proposed number


@dataclass(frozen=True, slots=True)
class Knob:
    """One dimension of the space.

    Attributes:
        path: Path of the value; a pattern moves all its matches by one factor.
        start: The baseline's value; of a pattern the first that is not 0.
        low: Lowest value.
        high: Highest value.
        soft: Whether the lower and the upper end may be extended, because nobody said them.
        choices: The values of a knob that is no number; empty for numbers.
        kinds: Whether the value is a whole number, and whether it moves on a logarithmic scale.
        share: Whether it is a share, so that a range that nobody said ends below 1.
        step: From one value to the next; None for any between the ends.
        where: (path of another knob, values): it is turned only where that one has one of these.
        group: Whether the path is that of a config group, and the choices are its options.
    """

    path: str
    start: Any
    low: float = 0.0
    high: float = 1.0
    soft: tuple[bool, bool] = (False, False)
    choices: tuple[Any, ...] = ()
    kinds: tuple[bool, bool] = (False, True)
    share: bool = False
    step: float | None = None
    where: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    group: bool = False

    @property
    def is_pattern(self) -> bool:
        """Whether it stands for several values, moved by one factor."""
        return "*" in self.path

    def at(self, config: Mapping[str, Any]) -> Any:
        """The value of a config on this knob; ``start`` where it has none."""
        if self.group:
            return options_of(config).get(self.path, self.start)
        values = [value for _, value in _places(self.path, config)]
        if self.is_pattern:  # its matches are moved by one factor, which leaves 0 where it is
            values = [value for value in values if value not in (None, 0)] or values
        return values[0] if values else self.start

    def unit(self, config: Mapping[str, Any]) -> float:
        """Where a config lies on this knob: 0 at ``low``, 1 at ``high``; beyond that outside the range."""
        value = self.at(config)
        return self.place(self.start if value is None or (value == 0 and self.is_pattern) else value)

    def place(self, value: Any) -> float:
        """Where a value lies on this knob, as `unit` says; of a pattern the value of its first match."""
        if self.choices:
            return (self.choices.index(value) + 0.5) / len(self.choices) if value in self.choices else 0.5
        value = value if is_number(value) and math.isfinite(value) else self.start
        if self.high == self.low:
            return 0.0
        if value is None:  # the baseline has no value here: it lies nowhere on the range
            return 0.5
        if self.kinds[1]:
            if value <= 0:
                return 0.0
            return math.log(value / self.low) / math.log(self.high / self.low)
        return float(value - self.low) / (self.high - self.low)

    def value(self, unit: float) -> Any:
        """The value at a place between 0 and 1: a choice, a step, a whole number, or one of three digits."""
        if self.choices:
            return self.choices[min(max(int(unit * len(self.choices)), 0), len(self.choices) - 1)]
        if self.kinds[1]:
            value = self.low * (self.high / self.low) ** unit
        else:
            value = self.low + (self.high - self.low) * unit
        if self.step is not None:
            place = math.floor((value - self.low) / self.step + 0.5)
            return stepped(self.low, self.step, min(max(place, 0), self._steps - 1))
        if self.kinds[0]:
            return min(max(round(value), math.ceil(self.low)), math.floor(self.high))
        return min(max(_rounded(value), self.low), self.high)

    @property
    def levels(self) -> Sequence[Any] | None:
        """Its values, if they can be counted."""
        if self.choices or self.is_pattern or any(self.soft):
            return self.choices or None
        if self.step is not None:
            return [stepped(self.low, self.step, place) for place in range(self._steps)]
        return range(math.ceil(self.low), math.floor(self.high) + 1) if self.kinds[0] else None

    @property
    def _steps(self) -> int:
        return math.floor((self.high - self.low) / (self.step or 1.0) + 1e-9) + 1

    def edit(self, unit: float) -> str:
        """The edit that moves the baseline to that place; empty where it is there already."""
        value = self.value(unit)
        if value == self.start and isinstance(value, bool) == isinstance(self.start, bool):
            return ""
        if self.is_pattern and not self.choices:
            return f"{self.path}@mul={format_literal(_rounded(value / self.start))}"
        return f"{self.path}@set={format_literal(value, quoted_keys=True)}"

    def extended(self, unit: float, span: float) -> Knob:
        """The knob with its range extended where the best config, at ``unit``, is near a soft edge."""
        below, above = unit < EDGE and self.soft[0], unit > 1 - EDGE and self.soft[1]
        if self.choices or not (below or above):
            return self
        width = self.high - self.low
        low, high = self.low - width, self.high + width
        if self.kinds[1]:
            low, high = self.low / span, self.high * span
        if self.share:
            high = min(high, up_to_one(self.high, span))
        return replace(self, low=low if below else self.low, high=high if above else self.high)

    def reaching(self, config: Mapping[str, Any], span: float) -> Knob:
        """Return the knob with its range extended until a config is not near a soft edge of it."""
        knob = self
        for _ in range(MOST_EXTENDED):
            farther = knob.extended(knob.unit(config), span)
            if farther == knob:
                break
            knob = farther
        return knob


Range = tuple[float | None, float | None]


def read_space(
    config: Mapping[str, Any],
    given: Mapping[str, Any],
    bounds: Mapping[str, Range],
    touched: Iterable[str],
    span: float,
    leave: Iterable[str] = (),
    usual: bool = False,
) -> tuple[Knob, ...]:
    """The knobs a sampler may turn.

    A knob whose ``where`` names what no knob changes is left out if the baseline has another value there.

    Args:
        config: The baseline's config.
        given: Path -> what `autoloop.strategies.entries.SpaceEntry` reads, null for a range made from the
            baseline. Where there is none of these, every number is taken that ``bounds`` names or that a
            variant or rule has changed, but for paths with the entry ``False``.
        bounds: Path pattern -> (low, high), None for an open side.
        touched: Paths that variants and rules have changed.
        span: Where no side is said, the range is ``start / span`` to ``start * span``.
        leave: Path patterns that are not taken unless ``given`` names them.
        usual: Whether to take the usual knobs (`USUAL`) where nothing else is bounded or changed.

    Raises:
        ConfigError: An entry of ``given`` cannot be used.
    """
    named = {str(path): entry for path, entry in given.items() if entry is not False}
    if named:
        return _conditional(
            [_given_knob(path, entry, config, bounds, span) for path, entry in named.items()], config
        )
    left = {place for path in (*given, *leave) for place, _ in _places(path, config)}
    free = [path for path in touched if not _covered(path, bounds, config)]
    wanted = dict.fromkeys([*bounds, *free, *(_usual(bounds, free, config) if usual else ())])
    paths = (path for path in wanted if not _all_in(path, left, config))
    knobs = (_knob(path, config, bounds_of(path, bounds, config), span) for path in paths)
    return tuple(knob for knob in knobs if knob is not None)


def _usual(bounds: Mapping[str, Range], free: Sequence[str], config: Mapping[str, Any]) -> list[str]:
    """The usual knobs of a config, where nobody says or shows that it has others."""
    usual = [path for name in USUAL for path in knob_paths(name, config)]
    return [] if bounds or not set(free) <= set(usual) else usual


def _all_in(path: str, left: Collection[str], config: Mapping[str, Any]) -> bool:
    return all(place in left for place, _ in _places(path, config))


def _given_knob(
    path: str, given: Any, config: Mapping[str, Any], bounds: Mapping[str, Range], span: float
) -> Knob:
    entry, limits = SpaceEntry.read(path, given), bounds_of(path, bounds, config)
    where = tuple(entry.where.items())
    if entry.choices:
        _check_listed(path, entry, limits)
        start = _start(path, entry, config)
        return Knob(path, start, choices=entry.choices, where=where, group=entry.group)
    if entry == SpaceEntry() and isinstance(start := next(iter(_values(path, config)), None), bool):
        return Knob(path, start, choices=(False, True))
    if entry.low is not None and entry.high is not None and "*" not in path:
        return replace(_ranged(path, entry, limits, _start(path, entry, config)), where=where)
    knob = _knob(path, config, _within((entry.low, entry.high), limits), span)
    if knob is None:
        raise ConfigError(
            f"strategy.space: {path!r} is no number in the config that a range could be made for"
        )
    return replace(knob, where=where)


def _values(path: str, config: Mapping[str, Any]) -> list[Any]:
    """What a config has at a path."""
    return [value for _, value in _places(path, config)]


def _start(path: str, entry: SpaceEntry, config: Mapping[str, Any]) -> Any:
    """What a knob starts from: the baseline's value, else what the entry says."""
    if entry.group:
        return entry.start[0] if entry.start else options_of(config).get(path)
    found = _places(path, config)
    if not found and not entry.start:
        top = did_you_mean(path, config)
        raise ConfigError(f"strategy.space: the config has no {path!r}{top}")
    return found[0][1] if found else entry.start[0]


def _check_listed(path: str, entry: SpaceEntry, limits: Range) -> None:
    """Refuse values that bounds forbid: the two contradict each other."""
    low, high = limits
    for value in entry.choices if not entry.group else ():
        beyond = is_number(value) and not ((low is None or value >= low) and (high is None or value <= high))
        if beyond:
            raise ConfigError(
                f"strategy.space.{path}: {value!r} is among the choices and beyond bounds.{path}="
                f"[{low!r}, {high!r}]; change one of the two"
            )


def _ranged(path: str, entry: SpaceEntry, limits: Range, start: Any) -> Knob:
    """A knob both ends of which are said: nothing leads beyond them."""
    if not is_number(start) and start is not None:
        raise ConfigError(
            f"strategy.space: {path!r} is {start!r}, no number in the config that a range could be made for"
        )
    low, high = _within((entry.low, entry.high), limits)
    assert low is not None and high is not None  # the entry has both
    ends = f"[{entry.low!r}, {entry.high!r}]"
    if low > high:
        setting = f"bounds.{path}=[{limits[0]!r}, {limits[1]!r}]"
        raise ConfigError(
            f"strategy.space.{path}={ends} and {setting} have no value in common; change one of them"
        )
    integers = (entry.low, entry.high) if start is None else (start,)
    all_whole = all(isinstance(one, int) for one in integers)
    whole = entry.type == "int" or (not entry.type and all_whole and entry.step is None)
    if whole and math.ceil(low) > math.floor(high):
        raise ConfigError(
            f"strategy.space.{path}={ends} holds no whole number, and {path} is one ({start!r}); "
            f"for any number between them write {{low: {low!r}, high: {high!r}, type: float}}"
        )
    if whole:
        low, high = math.ceil(low), math.floor(high)
    positive = low > 0 and (start is None or start >= 0)
    log = entry.log if entry.log is not None else positive and entry.step is None
    kinds = (whole, log and low > 0)
    if entry.step is not None:
        low, high = _on_steps(entry, low, high)
        return Knob(path, start, low, high, kinds=kinds, step=entry.step)
    return Knob(path, start, float(low), float(high), kinds=kinds)


def _on_steps(entry: SpaceEntry, low: float, high: float) -> tuple[float, float]:
    """The first and the last step between two ends."""
    assert entry.step is not None and entry.low is not None
    first = math.ceil((low - entry.low) / entry.step - 1e-9)
    last = math.floor((high - entry.low) / entry.step + 1e-9)
    return stepped(entry.low, entry.step, first), stepped(entry.low, entry.step, last)


def _conditional(knobs: Sequence[Knob], config: Mapping[str, Any]) -> tuple[Knob, ...]:
    """The knobs that the baseline allows, each with those conditions that another knob decides."""
    turned = {knob.path: knob for knob in knobs}
    kept = []
    for knob in knobs:
        fixed = [(path, values) for path, values in knob.where if path not in turned]
        if all(_has(path, values, config) for path, values in fixed):
            where = tuple(one for one in knob.where if one[0] in turned)
            kept.append(replace(knob, where=where))
    return tuple(kept)


def _has(path: str, values: Sequence[Any], config: Mapping[str, Any]) -> bool:
    """Whether a config has one of these values, or options, at a path."""
    chosen = options_of(config).get(path)
    found = [value for _, value in _places(path, config)]
    return chosen in values or any(value in values for value in found)


def _within(range_: Range, bounds: Range) -> Range:
    """A range as far as bounds allow; a side that one of the two leaves open is the other's."""
    lows, highs = ([side for side in sides if side is not None] for sides in zip(range_, bounds, strict=True))
    return max(lows, default=None), min(highs, default=None)


def _knob(path: str, config: Mapping[str, Any], limits: Range, span: float) -> Knob | None:
    """A knob for a number; None where the config has none there, or only 0 and no range for it.

    A pattern moves its matches by a factor, so it is no knob where all of them are 0.
    """
    values = [value for _, value in _places(path, config) if is_number(value) and math.isfinite(value)]
    start = next((value for value in values if value != 0), None)
    if start is None:
        if not values or None in limits or "*" in path:
            return None
        start = values[0]
    low, high = limits
    if (
        start == 0 and low is not None and high is not None and 0 < low < high
    ):  # off, and small where it is on
        return Knob(path, start, float(low), float(high), kinds=(_whole(values), True))
    positive = start > 0 and (low is None or low > 0 or (low == 0 and high is not None))
    if not positive:
        return _linear(path, start, low, high, span)
    bottom = low if low else start / span  # a bound of 0 says that it is positive, not how small it may get
    largest, reached = max(*values, bottom), max(start, bottom)
    share = largest <= 1 and all(is_share(path, value) for value in values)
    farther = up_to_one(largest, span) / largest if share else span
    top = high if high is not None else reached * farther
    if not bottom < top:
        return None
    soft = (not low, high is None and not (share and len(values) > 1))  # 1 is near for the largest first
    return Knob(path, start, float(bottom), float(top), soft, kinds=(_whole(values), True), share=share)


def _linear(path: str, start: Any, low: float | None, high: float | None, span: float) -> Knob | None:
    reach = abs(start) * (span - 1)
    share = is_share(path, start)
    bottom, top = start - reach if low is None else low, start + reach if high is None else high
    if high is None and share:
        top = up_to_one(start, span)
    if not bottom < top:
        return None
    soft, whole = (low is None, high is None), isinstance(start, int)
    return Knob(path, start, float(bottom), float(top), soft, kinds=(whole, False), share=share)


def _whole(values: Sequence[Any]) -> bool:
    return len(values) == 1 and isinstance(values[0], int)


def _places(path: str, config: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return matches(config, path)


def _covered(path: str, bounds: Mapping[str, Range], config: Mapping[str, Any]) -> bool:
    return any(path == place for pattern in bounds for place, _ in _places(pattern, config))


def bounds_of(path: str, bounds: Mapping[str, Range], config: Mapping[str, Any]) -> Range:
    """Return the bounds of a path: its own entry, else that of the first pattern that matches it."""
    if path in bounds:
        return bounds[path]
    covering = (pattern for pattern in bounds if any(path == place for place, _ in _places(pattern, config)))
    return bounds.get(next(covering, ""), (None, None))


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
