"""Conditions: what a run must show so that the search may end with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autoloop.errors import ConfigError, did_you_mean
from autoloop.study.record import Job, Study
from autoloop.study.trials import TrialState

STATS = ("first", "last", "best", "delta", "pct")
LIMITS = ("at_least", "at_most", "above", "below")
KEYS = ("metric", "stat", *LIMITS)


@dataclass(frozen=True, slots=True)
class Condition:
    """A range that one number of a run's summary must lie in.

    Attributes:
        name: Its key in the config.
        metric: Canonical name of the metric; empty for the objective.
        stat: Which number of its summary: ``first``, ``last``, ``best``, ``delta`` or ``pct`` (in percent).
        at_least: Lowest value, included.
        at_most: Highest value, included.
        above: The value must be larger than this.
        below: The value must be smaller than this.
    """

    name: str
    metric: str = ""
    stat: str = "last"
    at_least: float = -math.inf
    at_most: float = math.inf
    above: float = -math.inf
    below: float = math.inf

    def value(self, job: Job) -> float:
        """The number of a job that it looks at; NaN where the job has none."""
        if not self.metric:
            return job.objective
        value = job.summary.get(self.metric, {}).get(self.stat)
        return math.nan if value is None else float(value)

    def holds(self, job: Job) -> bool:
        """Whether the number lies in the range; not where there is none."""
        value = self.value(job)
        inside = self.at_least <= value <= self.at_most
        above = value > self.above or self.above == -math.inf
        return inside and above and (value < self.below or self.below == math.inf)

    @property
    def wanted(self) -> str:
        """What it asks for, as ``train/grad_norm last below 60``."""
        limits = {name.replace("_", " "): getattr(self, name) for name in LIMITS}
        given = [f"{words} {limit:g}" for words, limit in limits.items() if math.isfinite(limit)]
        return f"{self.metric or 'objective'} {self.stat} {' and '.join(given)}"

    def describe(self, job: Job) -> str:
        """What it found, as ``train/grad_norm last 12``."""
        return f"{self.metric or 'objective'} {self.stat} {self.value(job):.4g}"


def read_conditions(config: Mapping[str, Any]) -> tuple[Condition, ...]:
    """Read the content of a file of conf/until: name -> ``{metric, stat, at_least, at_most, above, below}``.

    Raises:
        ConfigError: A key is not known, or its value cannot be used.
    """
    return tuple(_read(str(name), entry) for name, entry in config.items() if entry is not None)


def _read(name: str, entry: Any) -> Condition:
    if not isinstance(entry, Mapping):
        raise ConfigError(
            f"until.{name}={entry!r} cannot be used; write {{metric: .., stat: last, below: ..}}"
        )
    for key in entry:
        if key not in KEYS:
            raise ConfigError(
                f"until.{name} has no key {key!r}{did_you_mean(str(key), KEYS)} (it has {', '.join(KEYS)})"
            )
    stat = entry.get("stat") or "last"
    if stat not in STATS:
        raise ConfigError(
            f"until.{name}.stat={stat!r} is not one of {', '.join(STATS)}{did_you_mean(str(stat), STATS)}"
        )
    limits = {key: _limit(name, key, entry[key]) for key in LIMITS if entry.get(key) is not None}
    if not limits:
        raise ConfigError(f"until.{name} needs at least one of {', '.join(LIMITS)}")
    condition = Condition(name, str(entry.get("metric") or ""), stat, **limits)
    low, high = max(condition.at_least, condition.above), min(condition.at_most, condition.below)
    if low > high:
        raise ConfigError(f"until.{name} can never hold: nothing is at least {low:g} and at most {high:g}")
    return condition


def _limit(name: str, key: str, value: Any) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if math.isnan(number):
        raise ConfigError(f"until.{name}.{key}={value!r} is not a number")
    return number


def conditions_met(study: Study) -> tuple[Condition, ...]:
    """The conditions that ended the search of a study, from its journal; none where it ended otherwise."""
    entries = study.closing.limits.get("until", ()) if study.closing and study.worthy else ()
    given = ({key: value for key, value in entry.items() if value is not None} for entry in entries)
    return tuple(Condition(**entry) for entry in given)


def met(study: Study, conditions: tuple[Condition, ...]) -> Job | None:
    """The best completed, feasible job for which every condition holds; None if there is none."""
    done = [job for job in study.counted() if _may_win(job)]
    worthy = [job for job in done if conditions and all(condition.holds(job) for condition in conditions)]
    sign = -1 if study.maximize else 1
    return min(
        worthy,
        key=lambda job: sign * job.objective if math.isfinite(job.objective) else math.inf,
        default=None,
    )


def _may_win(job: Job) -> bool:
    return job.state is TrialState.COMPLETE and job.feasible and not job.measures
