"""What is searched: the overrides of the command line and of ``params``, read as a product or as a space.

Lists alone are a product of starting points, as Hydra's basic sweeper has it. Where an interval is among
them, or a space or a number of trials is said besides, all of them are the sampler's space, and the study
starts from the config's own values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hydra.core.config_loader import ConfigLoader

from autoloop.config.compose import Composer
from autoloop.config.settings import Settings
from autoloop.config.sweeps import SweptKey, read_entry, read_overrides, refuse_lists_of_study
from autoloop.edits import LiteralError, format_literal, parse_literal
from autoloop.errors import ConfigError, did_you_mean
from autoloop.rules.paths import is_number, matches
from autoloop.strategies.entries import SpaceEntry, merged

TRIALS = 20
"""Jobs of a search whose config says nothing of how long it is; the same as with Optuna's sweeper."""


@dataclass(frozen=True, slots=True)
class Search:
    """What a study searches.

    Attributes:
        overrides: Those of the command line and of ``params``, each as it was given.
        entries: Path -> its entry of the space; empty where they make a product.
        starts: Overrides that the baseline gets besides, since its config lacks a value there.
        notes: Remarks on it, in sentences.
        kept: Those of ``starts`` that let a run keep its checkpoints.
    """

    overrides: tuple[SweptKey, ...]
    entries: Mapping[str, SpaceEntry]
    starts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    @property
    def axes(self) -> list[Sequence[str]]:
        """The override strings that each override stands for in a product of starting points."""
        if not self.entries:
            return [*(one.values for one in self.overrides), *self._started]
        fixed = [one.values for one in self.overrides if one.entry is None]
        return [*fixed, *self._started]

    @property
    def _started(self) -> list[tuple[str]]:
        return [(text,) for text in self.starts]

    @property
    def explained(self) -> list[str]:
        """What was understood, line by line."""
        if self.entries:
            turned = ", ".join(self.entries)
            return [
                f"Understood: {turned} {_are(self.entries)} the sampler's space; the study starts from the "
                "config's own values.",
                *self.notes,
            ]
        lists = [one for one in self.overrides if len(one.values) > 1]
        if not lists:
            return list(self.notes)
        count = 1
        for one in lists:
            count *= len(one.values)
        return [
            f"Understood: {', '.join(one.text for one in lists)} {_are(lists)} a product of {count} "
            "starting points; with n_trials=N, or an interval among them, a sampler chooses.",
            *self.notes,
        ]


def _are(several: Sequence[Any] | Mapping[str, Any]) -> str:
    return "are" if len(several) > 1 else "is"


def understood(
    arguments: Sequence[str], settings: Settings, composer: Composer, loader: ConfigLoader
) -> tuple[Search, Settings]:
    """Find out what is searched; return it with the settings of that search.

    Args:
        arguments: The overrides of the command line.
        settings: The study's settings.
        composer: Composes the config of the baseline.
        loader: Knows the options of config groups.

    Raises:
        ConfigError: What was said cannot be used, or contradicts itself.
    """
    overrides = read_overrides(arguments, settings.params, loader)
    refuse_lists_of_study(overrides, composer.study_keys)
    _refuse_stray(overrides, composer)
    of_strategy, own = _spaces(settings, loader)
    swept = {one.key: one.entry for one in overrides if one.entry is not None}
    wide = any(one.is_continuous for one in overrides) or settings.n_trials is not None
    if any(own.values()) and not (wide and swept) and not settings.samples:
        return Search(overrides, {}, notes=(_unused(own, settings),)), settings
    if not any(own.values()) and not (wide and swept):
        return _by_strategy_alone(overrides, of_strategy, settings, composer)
    given = _together(swept, {path: entry for path, entry in {**of_strategy, **own}.items() if entry})
    found = _Baseline(composer, [one.values[0] for one in overrides if one.entry is None]).prepare(given)
    recorded = {path: entry.as_record() for path, entry in given.items()}
    space = _as_space({**of_strategy, **own}, found.entries)
    settings = settings.searching(space, _bounds(settings, found.entries), recorded)
    return replace(found, overrides=overrides), _long_enough(settings) if swept else settings


def _unused(space: Mapping[str, SpaceEntry | None], settings: Settings) -> str:
    """That a space of the config's is not used: the built-in task brings one, whatever the strategy is."""
    paths = ", ".join(path for path, entry in space.items() if entry)
    return f"strategy {type(settings.strategy).__name__} has no sampler, so the space is not used ({paths})."


def _by_strategy_alone(
    overrides: tuple[SweptKey, ...],
    space: Mapping[str, SpaceEntry | None],
    settings: Settings,
    composer: Composer,
) -> tuple[Search, Settings]:
    """A product of starting points, whatever the strategy's own space is: that of a config file, or none."""
    entries = {path: entry for path, entry in space.items() if entry}
    if not entries:
        return Search(overrides, {}), settings
    given = [one.values[0] for one in overrides if one.values]
    found = _Baseline(composer, given, lenient=True).prepare(entries)
    settings = settings.searching(_as_space(space, found.entries), settings.bounds)
    return Search(overrides, {}, found.starts, found.notes), settings


def _as_space(given: Mapping[str, SpaceEntry | None], entries: Mapping[str, SpaceEntry]) -> dict[str, Any]:
    """Entries as a strategy reads them, with those that leave a path alone."""
    left_alone = {path: False for path, entry in given.items() if entry is None}
    return {**left_alone, **{path: entry.as_record() for path, entry in entries.items()}}


def _refuse_stray(overrides: Sequence[SweptKey], composer: Composer) -> None:
    """Refuse a space that was added to the app's own config, where nobody looks for one.

    A new key ``space`` may be the app's; one that names values of its config is meant for the sampler.
    """
    stray = next((one for one in overrides if one.key in ("+space", "++space") and one.values), None)
    found = None if stray is None else _mapping(stray.values[0].partition("=")[2])
    if stray is None or not found:
        return
    config = composer.config([one.values[0] for one in overrides if one.entry is None and one is not stray])
    if all(matches(config, str(path)) for path in found):
        raise ConfigError(
            f"{stray.text} adds a key to your app's config, where no sampler looks for it; "
            f"write hydra.sweeper.space={stray.text.partition('=')[2]}"
        )


def _mapping(text: str) -> Mapping[Any, Any]:
    try:
        value = parse_literal(text)
    except LiteralError:
        return {}
    return value if isinstance(value, Mapping) else {}


def _spaces(
    settings: Settings, loader: ConfigLoader
) -> tuple[dict[str, SpaceEntry | None], dict[str, SpaceEntry | None]]:
    """What the strategy's own space says, and what ``space`` says beside it; None: a path is left alone."""
    given = settings.raw["strategy"].get("space") or {}
    of_strategy = {str(path): _entry(path, one, loader) for path, one in given.items()}
    own: dict[str, SpaceEntry | None] = {}
    for path, one in settings.space.items():
        entry, before = _entry(path, one, loader), of_strategy.get(path)
        if path not in of_strategy or entry != before:
            own[path] = merged(path, before, entry) if before and entry else entry
    return of_strategy, own


def _entry(path: str, given: Any, loader: ConfigLoader) -> SpaceEntry | None:
    return None if given is False else read_entry(str(path), given, loader)


def _together(swept: Mapping[str, SpaceEntry], own: Mapping[str, SpaceEntry]) -> dict[str, SpaceEntry]:
    """What sweeps and space say together; a key as it was written, with a plus where it is new."""
    given = dict(swept)
    keys = {key.lstrip("+"): key for key in swept}
    for path, entry in own.items():
        key = keys.get(path, path)
        given[key] = merged(path, given[key], entry) if key in given else entry
    return given


def _bounds(
    settings: Settings, entries: Mapping[str, SpaceEntry]
) -> dict[str, tuple[float | None, float | None]]:
    """Bounds of all edits: a rule stays where the space is, too."""
    bounds = dict(settings.bounds)
    for path, entry in entries.items():
        numbers = [value for value in entry.choices if is_number(value)]
        if len(numbers) < len(entry.choices) or entry.group:
            continue
        low, high = bounds.get(path, (None, None))
        lows = [side for side in (low, entry.low, min(numbers, default=None)) if side is not None]
        highs = [side for side in (high, entry.high, max(numbers, default=None)) if side is not None]
        if lows or highs:
            bounds[path] = (max(lows, default=None), min(highs, default=None))
    return {
        path: (low, high)
        for path, (low, high) in bounds.items()
        if low is None or high is None or low <= high
    }


def _long_enough(settings: Settings) -> Settings:
    """Settings of a search; where nothing says how long it is, so many trials."""
    limits = settings.limits
    if limits.rounds > 1 or settings.n_trials is not None:
        return settings
    trials = limits.max_jobs or TRIALS
    most = limits.max_jobs or TRIALS * limits.seeds
    return replace(settings, limits=replace(limits, rounds=max(most, 2), max_jobs=most), n_trials=trials)


class _Baseline:
    """The config that a search starts from, made to have a value for each knob of the space."""

    def __init__(self, composer: Composer, overrides: Sequence[str], lenient: bool = False) -> None:
        """Set up.

        Args:
            composer: Composes the config.
            overrides: Those of the baseline.
            lenient: Whether what it lacks is left to the strategy, which reads the space when it is asked.
        """
        self._composer = composer
        self._lenient = lenient
        self._given = list(overrides)
        self._starts: list[str] = []
        self._notes: list[str] = []

    def prepare(self, given: Mapping[str, SpaceEntry]) -> Search:
        """Find out what each knob starts from, and which config groups there are among them."""
        groups = {key: entry for key, entry in given.items() if self._is_group(key, entry)}
        entries = {key.lstrip("+"): self._option(key.lstrip("+"), entry) for key, entry in groups.items()}
        rest = {key: entry for key, entry in given.items() if key not in groups}
        for key, entry in rest.items():
            if key.startswith("+"):
                self._start(key, entry, "is new")
        for key, entry in rest.items():
            entries[key.lstrip("+")] = self._value(key.lstrip("+"), entry, entries)
        if not self._lenient:
            self._refuse_missing(entries)
        ordered = {key.lstrip("+"): entries[key.lstrip("+")] for key in given}
        return Search((), ordered, tuple(self._starts), tuple(self._notes))

    @property
    def _overrides(self) -> list[str]:
        return [*self._given, *self._starts]

    def _is_group(self, key: str, entry: SpaceEntry) -> bool:
        if "@" in key:
            raise ConfigError(
                f"{key}: a config group at another package cannot be part of a space; use a list"
            )
        return bool(entry.choices and self._composer.group_options(key.lstrip("+")))

    def _option(self, group: str, entry: SpaceEntry) -> SpaceEntry:
        """A knob whose values are the options of a config group."""
        known = self._composer.group_options(group)
        for option in entry.choices:
            if str(option) not in known:
                problem = (
                    f"{group}={option} is no option of the config group{did_you_mean(str(option), known)}"
                )
                raise ConfigError(f"{problem} (there are {', '.join(known)})")
        options = tuple(map(str, entry.choices))
        start = self._composer.chosen.get(group)
        own = next(
            (one.partition("=")[2] for one in self._given if one.lstrip("+").startswith(f"{group}=")),
            start,
        )
        if own in (None, "???", ""):
            own = options[0]
            self._starts.append(f"{group}={options[0]}")
            self._notes.append(f"{group} has no option in the config: the study starts with {options[0]}.")
        elif own not in options:
            self._notes.append(f"The baseline's {group}={own} is not among the options of the space.")
        return replace(entry, choices=options, group=True, start=(own,))

    def _value(self, path: str, entry: SpaceEntry, groups: Mapping[str, SpaceEntry]) -> SpaceEntry:
        """A knob whose values stand in the config, or in that of some options."""
        if "*" in path:
            return entry
        found = self._found(path, self._overrides)
        if not found:
            return self._of_some_options(path, entry, groups)
        start = found[0]
        if start == "???":
            start = self._start(path, entry, "has no value in the config")
        self._note_outside(path, entry, start)
        if isinstance(start, int) and not isinstance(start, bool) and _wants_floats(entry):
            start = float(start)
            self._starts.append(f"{path}={start!r}")
        return replace(entry, start=(start,))

    def _of_some_options(self, path: str, entry: SpaceEntry, groups: Mapping[str, SpaceEntry]) -> SpaceEntry:
        """A knob that only the configs of some options have: it counts where these are chosen."""
        for group, options in groups.items():
            if not options.group:
                continue
            having = {
                str(option): values[0]
                for option in options.choices
                if (values := self._found(path, [*self._overrides, f"{group}={format_literal(option)}"]))
            }
            if having:
                start = next(iter(having.values()))
                start = entry.middle if start == "???" else start
                return replace(entry, where={**entry.where, group: tuple(having)}, start=(start,))
        if self._lenient:
            return entry
        known = matches(self._composer.config(self._overrides), "*")
        hint = did_you_mean(path, (place for place, _ in known))
        raise ConfigError(
            f"the space names {path!r}, which the config does not have{hint} (+{path}=.. adds a new key)"
        )

    def _found(self, path: str, overrides: Sequence[str]) -> list[Any]:
        return [value for _, value in matches(self._composer.config(overrides), path)]

    def _start(self, key: str, entry: SpaceEntry, why: str) -> Any:
        """Let the baseline have a value there, and return it."""
        middle = entry.middle
        if middle is None:
            raise ConfigError(f"{key} {why}: give the baseline a value ({key}=..), or both ends of its range")
        if entry.type == "float" or (not entry.is_discrete and entry.type != "int"):
            middle = float(middle)
        self._starts.append(f"{key}={format_literal(middle)}")
        self._notes.append(f"{key.lstrip('+')} {why}: the study starts with {middle!r}.")
        return middle

    def _note_outside(self, path: str, entry: SpaceEntry, value: Any) -> None:
        if entry.listed and not entry.step:
            outside = value not in entry.listed
        else:
            low, high = entry.low, entry.high
            outside = is_number(value) and not (
                (low is None or value >= low) and (high is None or value <= high)
            )
        if outside:
            self._notes.append(f"The baseline's {path}={value!r} lies outside its space ({entry}).")
        ends = [end for end in (entry.low, entry.high) if end is not None and end != int(end)]
        whole = isinstance(value, int) and not isinstance(value, bool)
        if whole and ends and not _wants_floats(entry):
            self._notes.append(
                f"{path} is a whole number in the config ({value}), so that its values are the whole ones "
                f"{entry}; float(interval({entry.low:g}, {entry.high:g})) asks for all of them."
            )

    def _refuse_missing(self, entries: Mapping[str, SpaceEntry]) -> None:
        """Refuse a config that lacks a value which no knob has."""
        refuse_missing(self._composer.planned(self._overrides), list(entries))


def refuse_missing(config: Mapping[str, Any], known: Sequence[str] = ()) -> None:
    """Refuse a config with values that are mandatory and missing.

    Args:
        config: The config of a job, as it is written.
        known: Paths of knobs that get a value.

    Raises:
        ConfigError: A value is missing; the message says how to give it.
    """
    for path in _missing(config, ""):
        if path not in known:
            raise ConfigError(
                f"{path} has no value (???) in the config: give the baseline a value ({path}=..), "
                f"or a space ({path}=interval(low, high) or {path}=choice(a, b))"
            )


def _missing(node: Any, path: str) -> Iterator[str]:
    """Yield what has no value; what is instantiated (``_target_``) often gets the rest from the code."""
    if node == "???":
        yield path
    elif isinstance(node, Mapping) and "_target_" not in node:
        for key, item in node.items():
            yield from _missing(item, f"{path}.{key}" if path else str(key))


def _wants_floats(entry: SpaceEntry) -> bool:
    """Whether a knob of whole numbers is to take others too: it is asked for, or values are listed."""
    listed = [value for value in entry.listed if is_number(value)]
    return entry.type == "float" or (bool(listed) and any(value != int(value) for value in listed))
