"""The search space of a sampler: which knobs, between which values, and a config as a point in it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from autoloop.edits import format_literal
from autoloop.errors import ConfigError
from autoloop.rules.names import knob_paths
from autoloop.rules.paths import is_number, matches
from autoloop.strategies.shares import is_share, up_to_one

EDGE = 0.1
"""Nearer than this (of the range) to a soft edge, the best config has the range extended on that side."""

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
    """

    path: str
    start: Any
    low: float = 0.0
    high: float = 1.0
    soft: tuple[bool, bool] = (False, False)
    choices: tuple[Any, ...] = ()
    kinds: tuple[bool, bool] = (False, True)
    share: bool = False

    @property
    def is_pattern(self) -> bool:
        """Whether it stands for several values, moved by one factor."""
        return "*" in self.path

    def unit(self, config: Mapping[str, Any]) -> float:
        """Where a config lies on this knob: 0 at ``low``, 1 at ``high``; beyond that outside the range."""
        value = next((value for _, value in _places(self.path, config) if value not in (None, 0)), self.start)
        return self.place(value)

    def place(self, value: Any) -> float:
        """Where a value lies on this knob, as `unit` says; of a pattern the value of its first match."""
        if self.choices:
            return (self.choices.index(value) + 0.5) / len(self.choices) if value in self.choices else 0.5
        value = value if is_number(value) and math.isfinite(value) else self.start
        if self.kinds[1]:
            if value <= 0:
                return 0.0
            return math.log(value / self.low) / math.log(self.high / self.low)
        return float(value - self.low) / (self.high - self.low)

    def value(self, unit: float) -> Any:
        """The value at a place between 0 and 1, rounded to three digits or to a whole number."""
        if self.choices:
            return self.choices[min(int(unit * len(self.choices)), len(self.choices) - 1)]
        if self.kinds[1]:
            value = self.low * (self.high / self.low) ** unit
        else:
            value = self.low + (self.high - self.low) * unit
        value = min(max(_rounded(value), self.low), self.high)
        return round(value) if self.kinds[0] else value

    def edit(self, unit: float) -> str:
        """The edit that moves the baseline to that place; empty where it is there already."""
        value = self.value(unit)
        if value == self.start:
            return ""
        if self.is_pattern:
            return f"{self.path}@mul={format_literal(_rounded(value / self.start))}"
        return f"{self.path}@set={format_literal(value)}"

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

    Args:
        config: The baseline's config.
        given: Path -> ``[low, high]``, ``{choices: [..]}`` or null for a range made from the baseline. Where
            there is none of these, every number is taken that ``bounds`` names or that a variant or rule has
            changed, but for paths with the entry ``False``.
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
        return tuple(_given_knob(path, entry, config, bounds, span) for path, entry in named.items())
    left = {place for path in (*given, *leave) for place, _ in _places(path, config)}
    free = [path for path in touched if not _covered(path, bounds, config)]
    wanted = dict.fromkeys([*bounds, *free, *(_usual(bounds, free, config) if usual else ())])
    paths = (path for path in wanted if not _all_in(path, left, config))
    knobs = (_knob(path, config, _bounds_of(path, bounds, config), span) for path in paths)
    return tuple(knob for knob in knobs if knob is not None)


def _usual(bounds: Mapping[str, Range], free: Sequence[str], config: Mapping[str, Any]) -> list[str]:
    """The usual knobs of a config, where nobody says or shows that it has others."""
    usual = [path for name in USUAL for path in knob_paths(name, config)]
    return [] if bounds or not set(free) <= set(usual) else usual


def _all_in(path: str, left: Collection[str], config: Mapping[str, Any]) -> bool:
    return all(place in left for place, _ in _places(path, config))


def _given_knob(
    path: str, entry: Any, config: Mapping[str, Any], bounds: Mapping[str, Range], span: float
) -> Knob:
    if isinstance(entry, Mapping) and set(entry) == {"choices"} and entry["choices"]:
        found = _places(path, config)
        if not found:
            raise ConfigError(f"strategy.space: the config has no {path!r}")
        return Knob(path, found[0][1], choices=tuple(entry["choices"]))
    if entry is not None and not _is_range(entry):
        raise ConfigError(
            f"strategy.space.{path}={entry!r} cannot be used; "
            "write [low, high], {choices: [..]}, null, or false to leave it alone"
        )
    limits = _within(entry or (None, None), _bounds_of(path, bounds, config))
    knob = _knob(path, config, limits, span)
    if knob is None:
        raise ConfigError(
            f"strategy.space: {path!r} is no number in the config that a range could be made for"
        )
    return knob


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


def _bounds_of(path: str, bounds: Mapping[str, Range], config: Mapping[str, Any]) -> Range:
    """The bounds that hold for a path: its own entry, else that of the first pattern that matches it."""
    if path in bounds:
        return bounds[path]
    covering = (pattern for pattern in bounds if any(path == place for place, _ in _places(pattern, config)))
    return bounds.get(next(covering, ""), (None, None))


def _is_range(entry: Any) -> bool:
    pair = isinstance(entry, Sequence) and not isinstance(entry, str) and len(entry) == 2
    return bool(pair and all(value is None or is_number(value) for value in entry))


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
