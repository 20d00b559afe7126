"""The sweeper's settings, read from ``hydra.sweeper`` and checked before anything runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from autoloop.config.judging import Judging, read_flow, read_watching
from autoloop.config.notify import NotifySettings
from autoloop.curves.metrics import Metrics
from autoloop.edits.effects import DeadKnob, read_ignored
from autoloop.edits.variants import Entry, edit_texts, parse_entries
from autoloop.errors import ConfigError, did_you_mean
from autoloop.loop.due import Flow, Limits
from autoloop.loop.until import Condition, read_conditions
from autoloop.rules import Rule, build_rules
from autoloop.stopping.watching import Watching
from autoloop.strategies import Strategy, build_strategy

Resume = Literal["true", "auto", "force", "false"]
"""What to do with a study that is in the directory already.

``true``: go on with it; a finished one is left as it is. ``auto``: go on with an unfinished one; a finished
one is moved aside and a new one begins, as users of other sweepers expect. ``force``: go on even if its
settings changed. ``false``: refuse.
"""

Live = Literal["auto", "true", "false"]
"""Whether to draw a study on the terminal while it runs; where there is none, lines are printed always.

``auto``: if the launcher keeps the output of jobs off the terminal, as ``slots`` does. ``true``: with any
launcher. ``false``: never.
"""

#: Settings of rules that name metrics.
METRIC_SETTINGS = ("metric", "train", "evaluation")

CONF_DIR = Path(__file__).parents[1] / "conf"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a study does.

    Attributes:
        limits: When it ends.
        rules: The rules in order of priority.
        strategy: Who fills the next round.
        metrics: Aliases, goals and the objective.
        bounds: Path pattern -> (low, high) for every value an edit may set.
        variants: The user's variants of round 1.
        edits: Edits given on the command line.
        max_batch_size: Jobs handed to the launcher at once; None for a whole round.
        n_jobs: Jobs out at once, through launchers that have no slots; None for no limit of ours.
        timeout_s: Seconds until a job is ended, under launchers that leave that to us; None for no limit.
        dry_run: Print the plan, run nothing.
        resume: What to do with a study that is in the directory already; see `Resume`.
        seed: Seed of the study, for strategies that draw.
        judging: How score is kept.
        flow: How rounds follow each other.
        watching: How running jobs are watched.
        ignored: Knobs that the trainer is known not to heed.
        live: Whether to draw the study on the terminal; see `Live`.
        notify: Whom to tell of rounds, failures and the winner.
        raw: Rules, bounds, metrics and strategy as configured, for the journal.
    """

    limits: Limits
    rules: tuple[Rule, ...]
    strategy: Strategy
    metrics: Metrics
    bounds: Mapping[str, tuple[float | None, float | None]]
    variants: tuple[Entry, ...] = ()
    edits: tuple[str, ...] = ()
    max_batch_size: int | None = None
    n_jobs: int | None = None
    timeout_s: float | None = None
    dry_run: bool = False
    resume: Resume = "true"
    seed: int = 0
    judging: Judging = field(default_factory=Judging)
    flow: Flow = field(default_factory=Flow)
    watching: Watching = field(default_factory=Watching)
    ignored: tuple[DeadKnob, ...] = ()
    live: Live = "auto"
    notify: NotifySettings = field(default_factory=NotifySettings)
    raw: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Settings:
        """Read and check what ``hydra.sweeper`` holds.

        Raises:
            ConfigError: A setting cannot be used; the message names it.
            EditError: A variant or edit cannot be read.
        """
        knobs = {"variants_per_run": _whole(given, "variants_per_run", 1) or 1}
        raw = {
            name: _group(name, given.get(name), knobs) for name in ("rules", "bounds", "metrics", "strategy")
        }
        metrics = Metrics.read(raw["metrics"])
        until = read_conditions(_group("until", given.get("until"), knobs))
        rules = tuple(build_rules(raw["rules"]))
        _check_metrics(metrics, raw["rules"], until)
        return cls(
            limits=Limits(
                rounds=_whole(given, "rounds", 1) or 1,
                max_jobs=_whole(given, "max_jobs", 1),
                max_hours=_number(given, "max_hours"),
                max_failures=_whole(given, "max_failures", 1),
                retries=_whole(given, "retries", 0) or 0,
                fail_fast=_switch(given, "fail_fast"),
                patience=_whole(given, "patience", 1),
                until=until,
                racing=_whole(given, "racing", 0) or 0,
                minimal=_switch(given, "minimal"),
                confirm=_confirm(given),
            ),
            rules=rules,
            strategy=build_strategy(raw["strategy"]),
            metrics=metrics,
            bounds=_bounds(raw["bounds"]),
            variants=parse_entries(given.get("variants")),
            edits=edit_texts(given.get("edits")),
            max_batch_size=_whole(given, "max_batch_size", 1),
            n_jobs=_whole(given, "n_jobs", 1),
            timeout_s=_minutes(given, "timeout_min"),
            dry_run=_switch(given, "dry_run"),
            resume=_choice(given, "resume", "true", Resume),
            live=_choice(given, "live", "auto", Live),
            notify=NotifySettings.read(given.get("notify")),
            seed=_whole(given, "seed", 0) or 0,
            judging=Judging.read(given),
            flow=read_flow(given),
            watching=read_watching(given, _group("stop_rules", given.get("stop_rules"), knobs)),
            ignored=read_ignored(given.get("ignored")),
            raw=raw,
        )


def load_group(group: str, name: str, knobs: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Load ``conf/<group>/<name>.yaml`` of the package.

    Args:
        group: Name of the directory.
        name: Name of the file.
        knobs: The top-level knobs that interpolations in the file may ask for.

    Raises:
        ConfigError: There is no such file; the message names the nearest.
    """
    path = CONF_DIR / group / f"{name}.yaml"
    known = sorted(file.stem for file in (CONF_DIR / group).glob("*.yaml"))
    if name not in known:
        raise ConfigError(
            f"{group}={name!r} is not known{did_you_mean(name, known)} (known: {', '.join(known)})"
        )
    root = OmegaConf.create({**(knobs or {}), group: OmegaConf.load(path)})
    resolved_root: Any = OmegaConf.to_container(root, resolve=True)
    return {str(key): value for key, value in resolved_root[group].items()}


def _group(group: str, value: Any, knobs: Mapping[str, Any]) -> dict[str, Any]:
    """A group given as a mapping, or by the name of a shipped file."""
    if value is None:
        return {}
    if isinstance(value, str):
        return load_group(group, value, knobs)
    if isinstance(value, Mapping):
        return {str(key): item for key, item in value.items()}
    raise ConfigError(f"{group} is {value!r}; give a mapping, or the name of one of conf/{group}/*.yaml")


def _check_metrics(metrics: Metrics, rules: Mapping[str, Any], until: Sequence[Condition]) -> None:
    """Find metrics that nobody logs, where the config says which are logged."""
    if metrics.objective:
        metrics.check("metrics.objective", [metrics.objective])
    for name, entry in rules.items():
        for key in METRIC_SETTINGS:
            names = (entry or {}).get(key)
            if names:
                metrics.check(f"rules.{name}.{key}", [names] if isinstance(names, str) else names)
    for condition in until:
        if condition.metric:
            metrics.check(f"until.{condition.name}.metric", [condition.metric])


def _whole(given: Mapping[str, Any], name: str, lowest: int) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
        raise ConfigError(f"{name}={value!r} is not a whole number of {lowest} or more")
    return value


def _confirm(given: Mapping[str, Any]) -> int | None:
    """How many fresh seeds confirm the winner; None for ``auto``."""
    value = given.get("confirm")
    if value in (None, "auto"):
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConfigError(f"confirm={value!r} is neither auto nor a whole number of 0 or more")
    return value


def _number(given: Mapping[str, Any], name: str) -> float | None:
    value = given.get(name)
    if value is None:
        return None
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or value <= 0
    ):
        raise ConfigError(f"{name}={value!r} is not a number above 0")
    return float(value)


def _minutes(given: Mapping[str, Any], name: str) -> float | None:
    """A limit given in minutes, in seconds."""
    minutes = _number(given, name)
    return None if minutes is None else 60 * minutes


def _switch(given: Mapping[str, Any], name: str) -> bool:
    value = given.get(name)
    if value not in (None, True, False):
        raise ConfigError(f"{name}={value!r} is neither true nor false")
    return bool(value)


def _choice(given: Mapping[str, Any], name: str, default: str, choices: Any) -> Any:
    """One of the words of a ``Literal``; true and false count as words."""
    value = given.get(name, default)
    word = str(value).lower() if isinstance(value, bool) else value
    known = get_args(choices)
    if word not in known:
        raise ConfigError(
            f"{name}={value!r} is not one of {', '.join(known)}{did_you_mean(str(value), known)}"
        )
    return word


def _bounds(given: Mapping[str, Any]) -> dict[str, tuple[float | None, float | None]]:
    bounds: dict[str, tuple[float | None, float | None]] = {}
    for path, value in given.items():
        if value is None:
            continue
        numbers = isinstance(value, list) and all(v is None or isinstance(v, int | float) for v in value)
        if not numbers or len(value) != 2:
            raise ConfigError(f"bounds.{path}={value!r} is not [low, high] (null for no bound)")
        low, high = value
        if low is not None and high is not None and low > high:
            raise ConfigError(f"bounds.{path}={value!r}: the lower bound lies above the upper one")
        bounds[path] = (low, high)
    return bounds


def resolved(given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that Hydra gave the sweeper, as plain values.

    Raises:
        ConfigError: An interpolation in them cannot be resolved.
    """
    values = {}
    for name, value in given.items():
        try:
            values[name] = (
                OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
            )
        except OmegaConfBaseException as error:  # noqa: PERF203 - twenty settings
            raise ConfigError(f"hydra.sweeper.{name} cannot be read: {str(error).splitlines()[0]}") from error
    return values
