"""What a user sets for one knob of the space: an entry, in any of its forms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autoloop.errors import ConfigError, did_you_mean
from autoloop.rules.paths import is_number

FORMS = "[low, high], {low: .., high: ..}, {choices: [..]}, null, or false to leave it alone"

_KEYS = ("low", "high", "step", "log", "type", "choices", "where", "group", "start")
_TYPES = ("int", "float")


@dataclass(frozen=True, slots=True)
class SpaceEntry:
    """The entry of a knob; what it does not set comes from the baseline and from bounds.

    Attributes:
        low: Lowest value.
        high: Highest value.
        step: From one value to the next, counted from ``low``; None for any value between the ends.
        log: Whether the scale is logarithmic; None: as the baseline and the ends suggest.
        type: ``int`` or ``float``; empty: as the baseline has it.
        choices: The values of a knob that has no ends.
        where: Path -> values: the knob counts only where the config has one of these there.
        group: Whether the path is that of a config group, and the choices are its options.
        start: The value that the knob starts from where the baseline's config has none; empty for none.
    """

    low: float | None = None
    high: float | None = None
    step: float | None = None
    log: bool | None = None
    type: str = ""
    choices: tuple[Any, ...] = ()
    where: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    group: bool = False
    start: tuple[Any, ...] = ()

    @classmethod
    def read(cls, path: str, given: Any) -> SpaceEntry:
        """Read an entry of ``space``.

        Raises:
            ConfigError: It cannot be used; the message has the forms.
        """
        if given is None:
            return cls()
        if isinstance(given, Mapping):
            return _read_mapping(path, given)
        pair = isinstance(given, Sequence) and not isinstance(given, str) and len(given) == 2
        if not pair or not all(side is None or is_number(side) for side in given):
            raise _refused(path, given)
        return _checked(path, cls(given[0], given[1]))

    @property
    def is_discrete(self) -> bool:
        """Whether its values can be counted whatever the baseline's type."""
        return bool(self.choices or self.step)

    @property
    def listed(self) -> tuple[Any, ...]:
        """Its values where it names them one by one: choices, or the steps of a range."""
        if self.choices or self.step is None or self.low is None or self.high is None:
            return self.choices
        return tuple(stepped(self.low, self.step, place) for place in range(self.count))

    @property
    def count(self) -> int:
        """How many steps there are between the ends, both included."""
        assert self.step is not None and self.low is not None and self.high is not None
        return math.floor((self.high - self.low) / self.step + 1e-9) + 1

    @property
    def middle(self) -> Any:
        """A value to start from where the config has none: the first choice, or the middle of the range."""
        if self.choices:
            return self.choices[0]
        if self.low is None or self.high is None:
            return None
        if self.step is not None:
            return stepped(self.low, self.step, (self.count - 1) // 2)
        middle = math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2
        return math.floor(middle) if self.type == "int" else float(f"{middle:.3g}")

    def as_record(self) -> dict[str, Any]:
        """The entry as a mapping that `read` reads."""
        fields = {key: getattr(self, key) for key in _KEYS}
        lists = {key: list(fields[key]) for key in ("choices", "start") if fields[key]}
        where = {"where": {path: list(values) for path, values in self.where.items()}} if self.where else {}
        rest = {
            key: value for key, value in fields.items() if value not in (None, "", (), False) or value == 0
        }
        rest = {
            key: value for key, value in rest.items() if key not in ("where", "choices", "start", "group")
        }
        return {**rest, **lists, **where, **({"group": True} if self.group else {})}

    def __str__(self) -> str:
        """The entry in words."""
        if self.choices:
            return f"one of {', '.join(map(str, self.choices))}"
        ends = f"from {_end(self.low)} to {_end(self.high)}"
        return (
            ends
            + (f" in steps of {self.step:g}" if self.step else "")
            + (", on a log scale" if self.log else "")
        )


def _end(value: float | None) -> str:
    return "what the baseline suggests" if value is None else f"{value:g}"


def stepped(low: float, step: float, place: int) -> float | int:
    """The value so many steps above ``low``, without the noise of adding floats."""
    if isinstance(low, int) and isinstance(step, int):
        return low + place * step
    digits = max(_decimals(low), _decimals(step))
    return round(low + place * step, digits)


def _decimals(number: float) -> int:
    text = f"{number:.15g}"
    mantissa, _, exponent = text.partition("e")
    return max(0, len(mantissa.partition(".")[2]) - int(exponent or 0))


def merged(path: str, one: SpaceEntry, other: SpaceEntry) -> SpaceEntry:
    """Merge two entries of one knob.

    Raises:
        ConfigError: They contradict each other.
    """
    if one.is_discrete or other.is_discrete:
        if one == other or other == SpaceEntry():
            return one
        if one == SpaceEntry():
            return other
        raise ConfigError(f"{path} is said twice, as {one} and as {other}; take one of them out")
    low = max((side for side in (one.low, other.low) if side is not None), default=None)
    high = min((side for side in (one.high, other.high) if side is not None), default=None)
    if low is not None and high is not None and low > high:
        raise ConfigError(f"{path} is said twice, as {one} and as {other}, which have no value in common")
    log = one.log if other.log is None else other.log
    return replace(
        one, low=low, high=high, log=log, type=other.type or one.type, where={**one.where, **other.where}
    )


def _read_mapping(path: str, given: Mapping[Any, Any]) -> SpaceEntry:
    node = {str(key): value for key, value in given.items()}
    for key in node:
        if key not in _KEYS:
            raise _refused(path, given, did_you_mean(key, _KEYS))
    numbers = [node.get(key) for key in ("low", "high", "step")]
    choices = node.get("choices", ())
    if not all(value is None or is_number(value) for value in numbers) or not _is_list(choices):
        raise _refused(path, given)
    if "choices" in node and (not choices or any(number is not None for number in numbers)):
        raise _refused(path, given)
    if node.get("type", "") not in ("", *_TYPES):
        raise ConfigError(f"space.{path}: type={node['type']!r} is neither int nor float")
    if node.get("log") not in (None, True, False):
        raise ConfigError(f"space.{path}: log={node['log']!r} is neither true nor false")
    entry = SpaceEntry(
        low=numbers[0],
        high=numbers[1],
        step=numbers[2],
        log=node.get("log"),
        type=node.get("type", ""),
        choices=tuple(choices),
        where=_read_where(path, node.get("where")),
        group=bool(node.get("group")),
        start=tuple(node.get("start", ())),
    )
    return _checked(path, entry)


def _read_where(path: str, given: Any) -> dict[str, tuple[Any, ...]]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ConfigError(f"space.{path}: where={given!r} is no mapping; write where: {{scheduler: cosine}}")
    return {str(key): tuple(value) if _is_list(value) else (value,) for key, value in given.items()}


def _checked(path: str, entry: SpaceEntry) -> SpaceEntry:
    """An entry whose numbers make sense together."""
    low, high = entry.low, entry.high
    if low is not None and high is not None and low > high:
        raise ConfigError(f"space.{path}: the lowest {low!r} is above the highest {high!r}; swap them")
    if entry.step is not None and (entry.step <= 0 or low is None or high is None):
        raise ConfigError(
            f"space.{path}: step={entry.step!r} needs a number above 0, and low and high beside it"
        )
    if entry.log and low is not None and low <= 0:
        raise ConfigError(f"space.{path}: a log scale needs a lowest value above 0, not {low!r}")
    return entry


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _refused(path: str, given: Any, hint: str = "") -> ConfigError:
    return ConfigError(f"strategy.space.{path}={given!r} cannot be used{hint}; write {FORMS}")
