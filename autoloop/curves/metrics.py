"""What the metrics of an app mean: their older names, which way is better, and which one is the objective."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from autoloop.curves.aims import RESOURCES, Aims, Constraint
from autoloop.curves.bounded import bounded
from autoloop.curves.divergence import is_grad_norm, with_hidden_nans
from autoloop.curves.objective import LEVELS, RETURNED, Objective, sure_goal
from autoloop.curves.summary import goal_of, stated_goal
from autoloop.errors import ConfigError, did_you_mean
from autoloop.history.series import History, Series
from autoloop.history.text import loglines

STATS = ("last", "best", "tail_mean")
KEYS = ("objective", "stat", "goals", "aliases", "finite", "known", "steps_key", "lines")
FINITE = ("loss", "*/loss", "*_loss", "grad_norm", "*/grad_norm")
"""What must be finite where the user does not say."""


#: Parts that hold several things: their type, and what that is in words.
_PARTS: Mapping[str, tuple[type, str]] = {
    "goals": (Mapping, "a mapping from metrics to min or max"),
    "aliases": (Mapping, "a mapping from names to lists of names"),
    "finite": (Sequence, "a list of metrics"),
    "known": (Sequence, "a list of metrics"),
}


def _check_shape(config: Any) -> None:
    """See to it that each part of a file of conf/metrics is of its kind.

    Raises:
        ConfigError: One is not, or there is no such part.
    """
    if not isinstance(config, Mapping):
        raise ConfigError(f"metrics must be a mapping, not {config!r:.60}")
    for key, part in config.items():
        if key not in KEYS:
            raise ConfigError(
                f"metrics has no key {key!r}{did_you_mean(str(key), KEYS)} (it has {', '.join(KEYS)})"
            )
        wanted = _PARTS.get(key)
        if wanted and part and (not isinstance(part, wanted[0]) or isinstance(part, str)):
            raise ConfigError(f"metrics.{key} must be {wanted[1]}, not {part!r:.60}")
    for name, others in (config.get("aliases") or {}).items():
        if isinstance(others, str) or not isinstance(others, Sequence):
            raise ConfigError(f"metrics.aliases.{name} must be a list of names, not {others!r:.60}")


@dataclass(frozen=True, slots=True)
class Metrics:
    """Names and goals of metrics.

    Attributes:
        objective: The metric that variants are judged by; empty where the task's return value is the
            objective.
        objective_stat: Which number of its curve counts: ``last``, ``best`` or ``tail_mean``.
        goals: Metric or glob -> ``min`` or ``max``; of others a name that is sure tells
            (`autoloop.curves.objective.sure_goal`), and what none tells is best low.
        aliases: Canonical name -> older names, the first that a history holds is taken. A ``*`` at the same
            place in both stands for the same text.
        finite: Globs of metrics whose last value must be finite, or the run has diverged. The objective's
            must in any case, and where there is any glob that of gradient norms too.
        steps_key: Path in a job's config of the number of steps it trains for.
        known: Globs of every metric that the trainer logs; empty where that is not known. A rule that looks
            at another one is a mistake.
        direction: ``min`` or ``max`` for whatever the objective is; empty where that is not said.
        lines: Patterns of lines in the jobs' logs, see `autoloop.history.text.loglines`.
        aims: Several objectives, of which ``objective`` is the first, and constraints.
        watched: Texts of the study's settings, among which are the metrics that its rules look at: they are
            kept of a run that logs very many, see `autoloop.curves.bounded`.
    """

    objective: str = ""
    objective_stat: str = "last"
    goals: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    finite: tuple[str, ...] = ()
    steps_key: str = "steps"
    known: tuple[str, ...] = ()
    direction: str = ""
    lines: tuple[str, ...] = tuple(loglines.KNOWN)
    aims: Aims = field(default_factory=Aims)
    watched: tuple[str, ...] = ()

    @classmethod
    def read(cls, config: Mapping[str, Any], direction: str = "") -> Metrics:
        """Read the content of a file of conf/metrics.

        Args:
            config: The content.
            direction: ``min`` or ``max`` for the objective, over what ``goals`` says; empty to leave that.

        Raises:
            ConfigError: A key is not known, or its value cannot be used.
        """
        _check_shape(config)
        stat, finite = config.get("stat") or "last", config.get("finite")
        if stat not in STATS:
            raise ConfigError(
                f"metrics.stat={stat!r} is not one of {', '.join(STATS)}{did_you_mean(str(stat), STATS)}"
            )
        goals = dict(config.get("goals") or {})
        for pattern in goals:
            goal_of(pattern, goals)
        objective = str(config.get("objective") or "")
        objective = "" if objective == RETURNED else objective
        return cls(
            objective=objective,
            objective_stat=stat,
            goals={**goals, objective or RETURNED: direction} if direction else goals,
            aliases={name: tuple(others) for name, others in (config.get("aliases") or {}).items()},
            finite=FINITE if finite is None else tuple(finite),
            steps_key=str(config.get("steps_key") or "steps"),
            known=tuple(config.get("known") or ()),
            direction=direction,
            lines=_lines(config.get("lines")),
        )

    def wanting(self, objectives: Sequence[Objective], constraints: Sequence[Constraint]) -> Metrics:
        """The same metrics for a study that the user gave these objectives and constraints.

        Args:
            objectives: None of them leaves the objective as it is.
            constraints: The constraints.
        """
        aims = Aims(constraints=tuple(constraints))
        if not objectives:
            return replace(self, aims=aims)
        first, several = objectives[0], len(objectives) > 1
        if several:
            found = (replace(one, stat=self.objective_stat) for one in objectives)
            aims = replace(aims, objectives=tuple(found))
        elif first.metric == RETURNED:
            first = replace(first, metric="")
        goals = {**self.goals, **{one.metric or RETURNED: one.goal for one in (first, *objectives)}}
        return replace(self, objective=first.metric, direction=first.goal, goals=goals, aims=aims)

    def check_aims(self) -> None:
        """Find numbers that nobody logs, where the config says which are logged.

        Raises:
            ConfigError: There is one.
        """
        for setting, aims in (("objectives", self.aims.objectives), ("constraints", self.aims.constraints)):
            for one in aims:
                if one.name not in RESOURCES and one.name != RETURNED and not self.aims.by_place:
                    self.check(f"{setting}.{one.name}", [one.name])

    def check(self, owner: str, names: Sequence[str]) -> None:
        """Check that one of these metrics is logged, as far as is known.

        Args:
            owner: Who looks at them, for the message.
            names: Canonical names or older ones, the most telling first.

        Raises:
            ConfigError: None is.
        """
        known = [*self.known, *self.aliases, *(old for others in self.aliases.values() for old in others)]
        if not self.known or any(fnmatchcase(name, pattern) for name in names for pattern in known):
            return
        plain = [name for name in known if "*" not in name]
        raise ConfigError(
            f"{owner}: no metric {' or '.join(map(repr, names))} is logged{did_you_mean(names[0], plain)} "
            f"(metrics.known lists {', '.join(self.known)})"
        )

    def known_goal(self, metric: str) -> str:
        """``min`` or ``max`` where ``goals`` or the metric's name says which; empty where neither does."""
        return stated_goal(metric, self.goals) or sure_goal(metric)

    def goals_of(self, metrics: Iterable[str]) -> dict[str, str]:
        """The goal of each of these metrics, ``min`` where none is known."""
        return {metric: self.known_goal(metric) or "min" for metric in metrics}

    @property
    def goal(self) -> str:
        """Whether the objective is best low (``min``) or high (``max``).

        Of a return value, ``goals.return_value``.
        """
        return self.known_goal(self.objective or RETURNED) or "min"

    @property
    def aim(self) -> Objective:
        """What the study is judged by, as far as it is known before anything has run.

        Of a metric that the user named, a low goal that its name says too needs no word.
        """
        name = self.objective or RETURNED
        sure, stated = sure_goal(name), stated_goal(name, self.goals)
        why = "its name says so" if sure else "the default of Hydra's sweepers, since nothing is set"
        return Objective(
            self.objective, self.goal, self.objective_stat, "" if stated or sure == "min" else why
        )

    def aim_called(self, name: str) -> Objective:
        """The same where the app's config calls the number that its task returns so; empty: by no name."""
        aim, goal = self.aim, self.known_goal(name) if name else ""
        if self.objective or not aim.why or not goal:  # the user said it, or the name does not
            return aim
        return replace(aim, goal=goal, why=f"the config calls it {name}, which is best {LEVELS[goal]}")

    def description(self, name: str = "") -> str:
        """What the study is judged by, in words, before anything has run; ``name``: see `aim_called`."""
        aim, later = (
            self.aim_called(name),
            "" if self.objective else " (the first results may show another)",
        )
        return f"the study {replace(aim, why=aim.why + later).description}"

    def aimed(self, aim: Objective) -> Metrics:
        """The same metrics, for a study that is judged by this."""
        goals = {**self.goals, aim.metric or RETURNED: aim.goal}
        return replace(self, objective=aim.metric, objective_stat=aim.stat, goals=goals)

    @property
    def objective_names(self) -> list[str]:
        """All names under which a history may hold the objective; none where that is a return value."""
        return [self.objective, *self.aliases.get(self.objective, ())] if self.objective else []

    def canonical(self, history: History) -> History:
        """The same history under canonical names, where a loss that is not a number shows as NaN.

        An older name gives way where the canonical one is there. See `autoloop.curves.divergence`, and
        `autoloop.curves.bounded` for a run of very many metrics.
        """
        history = bounded(history, self._named())
        return with_hidden_nans(
            history.replace({self._canonical_name(name, history): series for name, series in history.items()})
        )

    def _named(self) -> set[str]:
        """Names and globs of the metrics that somebody looks at."""
        older = (name for others in self.aliases.values() for name in others)
        named = (self.objective, *self.goals, *self.aliases, *older, *self.finite, *self.known, *self.watched)
        return {name for name in named if isinstance(name, str)}  # a stranger's journal may hold anything

    def _canonical_name(self, name: str, history: History) -> str:
        for canonical, others in self.aliases.items():
            for position, pattern in enumerate(others):
                match = _matched(pattern, name)
                if match is None:
                    continue
                better = [canonical, *others[:position]]
                taken = any(other.replace("*", match, 1) in history for other in better)
                return name if taken else canonical.replace("*", match, 1)
        return name

    def not_finite(self, history: Mapping[str, Series]) -> str:
        """Name of a metric that had to be finite and whose last value is not; empty if there is none."""
        for name, series in history.items():
            if self._watches(name) and len(series) and not np.isfinite(series.values[-1]):
                return name
        return ""

    def _watches(self, name: str) -> bool:
        """Whether a metric's last value must be finite."""
        if name == self.objective or (self.finite and is_grad_norm(name)):
            return True
        return any(fnmatchcase(name, pattern) for pattern in self.finite)


def _lines(given: Any) -> tuple[str, ...]:
    """Patterns of log lines, the known ones where nothing is said.

    Raises:
        ConfigError: They cannot be used.
    """
    if given is None:
        return tuple(loglines.KNOWN)
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise ConfigError(f"metrics.lines={given!r} is not a list of patterns, such as [lerobot]")
    loglines.compiled(given)
    return tuple(map(str, given))


def _matched(pattern: str, name: str) -> str | None:
    """The text that the ``*`` of a pattern stands for in a name; None if it does not match."""
    before, star, after = pattern.partition("*")
    if not star:
        return "" if name == pattern else None
    fits = len(name) >= len(before) + len(after) and name.startswith(before) and name.endswith(after)
    return name[len(before) : len(name) - len(after)] if fits else None
