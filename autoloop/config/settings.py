"""The sweeper's settings, read from ``hydra.sweeper`` and checked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from autoloop.config.aims import judged_alone, read_constraints, read_objectives, refuse_of_one
from autoloop.config.climbing import Climbing
from autoloop.config.judging import Judging, read_flow, read_watching
from autoloop.config.knobs import SWEEPER, Detail, Live, Resume
from autoloop.config.notify import NotifySettings
from autoloop.config.probe import ProbeSetting
from autoloop.config.sets import USE, overlaid
from autoloop.curves.bounded import texts_in
from autoloop.curves.metrics import Metrics
from autoloop.curves.objective import Objective, read_direction
from autoloop.edits.effects import IgnoredKnob, read_ignored
from autoloop.edits.variants import Entry, edit_texts, parse_entries
from autoloop.errors import ConfigError, SettingError, did_you_mean
from autoloop.loop.due import Flow, Limits
from autoloop.loop.until import Condition, read_conditions
from autoloop.rules import Rule, build_rules
from autoloop.rules.names import is_name
from autoloop.stopping.watching import Watching
from autoloop.strategies import Strategy, build_strategy
from autoloop.strategies.pace import Pacing

#: Settings that a study's limits, and the settings themselves, take as they are read.
_LIMITS = (
    *(
        "rounds",
        "max_jobs",
        "max_hours",
        "max_steps",
        "seeds",
        "max_failures",
        "retries",
        "fail_fast",
        "patience",
    ),
    *("racing", "minimal", "confirm"),
)
_TAKEN = (
    *("max_batch_size", "n_jobs", "n_trials", "dry_run", "resume", "live", "seed"),
    *("serve", "storage", "study_name", "detail"),
)

#: Settings of rules that name metrics.
METRIC_SETTINGS = ("metric", "train", "evaluation")

#: The file of metrics that holds in an app which names none.
GENERAL = "general"

Bounds = Mapping[str, tuple[float | None, float | None]]

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
        approve_timeout_s: Seconds after which a round runs that nobody said anything of; None for never.
        dry_run: Print the plan, run nothing.
        resume: What to do with a study that is in the directory already; see `Resume`.
        seed: Seed of the study, for strategies that draw.
        judging: How score is kept.
        climbing: What is wanted of a climb.
        flow: How rounds follow each other.
        watching: How running jobs are watched.
        ignored: Knobs that the trainer is known to ignore.
        live: Whether to draw the study on the terminal; see `Live`.
        detail: How much plan and log say; see `Detail`.
        notify: Whom to notify of rounds, failures and the winner.
        params: Overrides and sweeps of the config: key -> value as Hydra writes it.
        space: What the sampler turns, beside what the strategy's own ``space`` says.
        n_trials: Jobs in all of a search in as many rounds as they need; None where rounds say it.
        max_failure_rate: Share of failed jobs that is tolerated.
        serve: Whether it is shown in a browser while it runs.
        storage: An Optuna storage where the study is kept too; None for none.
        study_name: Its name there; None for that of the study's directory.
        probe: Settings of the probe of the learning rate.
        learn_from: Directories of earlier studies to learn from, or ``auto`` alone.
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
    approve_timeout_s: float | None = None
    dry_run: bool = False
    resume: Resume = "true"
    seed: int = 0
    judging: Judging = field(default_factory=Judging)
    climbing: Climbing = field(default_factory=Climbing)
    flow: Flow = field(default_factory=Flow)
    watching: Watching = field(default_factory=Watching)
    ignored: tuple[IgnoredKnob, ...] = ()
    live: Live = "auto"
    detail: Detail = "short"
    notify: NotifySettings = field(default_factory=NotifySettings)
    params: Mapping[str, Any] = field(default_factory=dict)
    space: Mapping[str, Any] = field(default_factory=dict)
    n_trials: int | None = None
    max_failure_rate: float = 0.0
    serve: bool = False
    storage: str | None = None
    study_name: str | None = None
    probe: ProbeSetting = field(default_factory=ProbeSetting)
    learn_from: tuple[str, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Settings:
        """Read and check what ``hydra.sweeper`` holds.

        Raises:
            ConfigError: A setting cannot be used; the message names it.
            EditError: A variant or edit cannot be read.
        """
        read = {knob.name: knob.read(given) for knob in SWEEPER}
        knobs = {"variants_per_run": read["variants_per_run"]}
        raw = {name: _content(name, read[name], knobs) for name in ("rules", "bounds", "metrics", "strategy")}
        if read["sampler"] is not None:
            raw["strategy"] = {**raw["strategy"], "sampler": read["sampler"]}
        metrics = _metrics_read(raw["metrics"], read)
        conditions, stop_rules = (_set_of(name, read[name], knobs) for name in ("until", "stop_rules"))
        metrics = replace(metrics, watched=texts_in([raw["rules"], conditions, stop_rules]))
        until = read_conditions(conditions)
        rules = tuple(build_rules(raw["rules"]))
        _check_metrics(metrics, raw["rules"], until)
        limits = _in_trials(Limits(until=until, **_named(read, _LIMITS)), read["n_trials"])
        if metrics.aims.several:
            refuse_of_one(limits, climbs=bool(read["climb"]))
        return cls(
            limits=limits,
            rules=tuple(rule.aimed(metrics.aim) for rule in rules),
            strategy=build_strategy(raw["strategy"]),
            metrics=metrics,
            bounds=_bounds(raw["bounds"]),
            variants=parse_entries(read["variants"]),
            edits=edit_texts(read["edits"]),
            params=_mapping("params", read["params"]),
            space=_mapping("space", read["space"]),
            max_failure_rate=_share("max_failure_rate", read["max_failure_rate"]),
            timeout_s=read["timeout_min"],
            approve_timeout_s=read["approve_timeout_min"],
            notify=NotifySettings.read(read["notify"]),
            judging=Judging.read(read),
            climbing=Climbing.read(read),
            flow=read_flow(read),
            watching=_watched(read_watching(read, stop_rules), metrics),
            ignored=read_ignored(read["ignored"]),
            probe=ProbeSetting.read(read["probe"]),
            learn_from=_texts("learn_from", read["learn_from"]),
            raw=raw,
            **_named(read, _TAKEN),
        )

    def pacing(self, stops: bool) -> Pacing:
        """What is known of probes of the learning rate before a config is looked at.

        Args:
            stops: Whether the launcher can end single jobs.
        """
        against = self.probe.against
        if not against and not stops:
            against = "the launcher cannot end single jobs"
        return Pacing(self.metrics.objective, self.probe.steps, self.probe.every, against)

    @property
    def samples(self) -> bool:
        """Whether the strategy has a sampler that chooses points of a space."""
        return isinstance(getattr(self.strategy, "space", None), Mapping)

    def searching(
        self, space: Mapping[str, Any], bounds: Bounds, recorded: Mapping[str, Any] | None = None
    ) -> Settings:
        """The same settings for a search of this space.

        Args:
            space: Path -> entry, as the strategy reads it.
            bounds: Path pattern -> (low, high) of all that an edit may set.
            recorded: The space as the user said it, for the journal; None where the strategy's settings have
                it.

        Raises:
            ConfigError: The strategy has no use for a space.
        """
        chosen = self.raw["strategy"]
        if not self.samples:
            kind = type(self.strategy).__name__
            raise ConfigError(f"strategy {kind} turns no space ({', '.join(space)}); choose strategy=mixed")
        strategy = build_strategy({**chosen, "space": dict(space)})
        raw = self.raw if recorded is None else {**self.raw, "space": recorded}
        return replace(self, strategy=strategy, bounds=bounds, raw=raw)

    def aimed(self, aim: Objective) -> Settings:
        """The same settings for a study that is judged by this."""
        rules = tuple(rule.aimed(aim) for rule in self.rules)
        return replace(self, metrics=self.metrics.aimed(aim), rules=rules)


def _metrics_read(given: Mapping[str, Any], read: Mapping[str, Any]) -> Metrics:
    """The metrics, with all that the user set for objectives and constraints."""
    direction = read["direction"]
    objectives = read_objectives(read["objectives"], direction)
    metrics = Metrics.read(given, "" if len(objectives) > 1 else read_direction(direction))
    if len(objectives) == 1 and metrics.direction not in ("", objectives[0].goal):
        raise ConfigError(f"direction={direction} and objectives contradict each other: leave direction out")
    return metrics.wanting(objectives, read_constraints(read["constraints"]))


def _watched(watching: Watching, metrics: Metrics) -> Watching:
    return replace(watching, rules=judged_alone(watching.rules)) if metrics.aims else watching


def _named(read: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: read[name] for name in names}


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
        hint = did_you_mean(name, known)
        raise SettingError(group, name, f" is not known{hint} (known: {', '.join(known)})")
    root = OmegaConf.create({**(knobs or {}), group: OmegaConf.load(path)})
    resolved_root: Any = OmegaConf.to_container(root, resolve=True)
    return {str(key): value for key, value in resolved_root[group].items()}


def _set_of(name: str, value: Any, knobs: Mapping[str, Any]) -> dict[str, Any]:
    """A set of rules, bounds ..: a mapping, the name of a shipped file, or changes to what ``use`` says."""
    given = _group(name, value, knobs)
    return overlaid(name, given, _set_of(name, given[USE], knobs)) if USE in given else given


def _group(group: str, value: Any, knobs: Mapping[str, Any]) -> dict[str, Any]:
    """A group given as a mapping, or by the name of a shipped file."""
    if value is None:
        return {}
    if isinstance(value, str):
        return load_group(group, value, knobs)
    if isinstance(value, Mapping):
        return {str(key): item for key, item in value.items()}
    raise SettingError(group, value, f": give a mapping, or the name of one of conf/{group}/*.yaml")


def _in_trials(limits: Limits, trials: int | None) -> Limits:
    """Limits of a search of so many trials: as many rounds as they need."""
    if trials is None:
        return limits
    most = trials * limits.seeds
    most = most if limits.max_jobs is None else min(most, limits.max_jobs)
    return replace(limits, rounds=max(most, 2), max_jobs=most)


def _mapping(name: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise SettingError(name, value, " is no mapping; write {path: interval(0, 1)}")
    return {str(key): one for key, one in value.items()}


def _texts(name: str, value: Any) -> tuple[str, ...]:
    several = value if isinstance(value, list | tuple) else [] if value is None else [value]
    if not all(isinstance(one, str) and one for one in several):
        raise SettingError(
            name, value, " is no list of directories; write [outputs/one, outputs/two] or auto"
        )
    return tuple(several)


def _share(name: str, value: Any) -> float:
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise SettingError(name, value, " is not a share from 0 to 1")
    return float(value)


def _strategy_of(value: Any, knobs: Mapping[str, Any]) -> dict[str, Any]:
    """A strategy: a file, its content, or single keys of it over the file that ``use`` names."""
    given = _group("strategy", value, knobs)
    if "use" not in given:
        return given
    own = {key: item for key, item in given.items() if key != "use" and item is not None}
    return own if "_target_" in own else {**_group("strategy", given["use"], knobs), **own}


def _metrics_of(value: Any, knobs: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of metrics: a file, its content, or single keys over the file that ``use`` names.

    The general file has the defaults, so that none of them is repeated here.
    """
    given = _group("metrics", value, knobs)
    if "use" not in given:
        return given
    own = {key: item for key, item in given.items() if key != "use" and item is not None}
    if own and given["use"] == GENERAL:
        return own
    file = _group("metrics", given["use"], knobs)
    maps: dict[str, Any] = {
        key: {**(file.get(key) or {}), **dict(own[key])} for key in ("goals", "aliases") if key in own
    }
    return {**file, **own, **maps}


def _content(name: str, value: Any, knobs: Mapping[str, Any]) -> dict[str, Any]:
    """What a setting that names a file of the package, or is its content, says."""
    if name == "metrics":
        return _metrics_of(value, knobs)
    return _strategy_of(value, knobs) if name == "strategy" else _set_of(name, value, knobs)


def _check_metrics(metrics: Metrics, rules: Mapping[str, Any], until: Sequence[Condition]) -> None:
    """Find metrics that nobody logs, where the config says which are logged."""
    if metrics.aims:
        metrics.check_aims()
    if metrics.objective and not metrics.aims.several:
        metrics.check("metrics.objective", [metrics.objective])
    for name, entry in rules.items():
        for key in METRIC_SETTINGS:
            names = (entry or {}).get(key) or ()
            names = [names] if isinstance(names, str) else names
            if names and not any(map(is_name, names)):
                metrics.check(f"rules.{name}.{key}", names)
    for condition in until:
        if condition.metric:
            metrics.check(f"until.{condition.name}.metric", [condition.metric])


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
