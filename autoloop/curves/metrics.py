"""What the metrics of an app mean: their older names, which way is better, and which one is the objective."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from autoloop.curves.divergence import is_grad_norm, with_hidden_nans
from autoloop.curves.summary import goal_of
from autoloop.errors import ConfigError, did_you_mean
from autoloop.history.series import History

STATS = ("last", "best", "tail_mean")
KEYS = ("objective", "stat", "goals", "aliases", "finite", "known", "steps_key")
FINITE = ("loss", "*/loss", "*_loss", "grad_norm", "*/grad_norm")
"""What must be finite where the user does not say."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """Names and goals of metrics.

    Attributes:
        objective: The metric that variants are judged by; empty where the task's return value is the
            objective.
        objective_stat: Which number of its curve counts: ``last``, ``best`` or ``tail_mean``.
        goals: Metric or glob -> ``min`` (the default) or ``max``.
        aliases: Canonical name -> older names, the first that a history holds is taken. A ``*`` at the same
            place in both stands for the same text.
        finite: Globs of metrics whose last value must be finite, or the run has diverged. The objective's
            must in any case, and where there is any glob that of gradient norms too.
        steps_key: Path in a job's config of the number of steps it trains for.
        known: Globs of every metric that the trainer logs; empty where that is not known. A rule that looks
            at another one is a mistake.
    """

    objective: str = ""
    objective_stat: str = "last"
    goals: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    finite: tuple[str, ...] = ()
    steps_key: str = "steps"
    known: tuple[str, ...] = ()

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> Metrics:
        """Read the content of a file of conf/metrics.

        Raises:
            ConfigError: A key is not known, or its value cannot be used.
        """
        for key in config:
            if key not in KEYS:
                raise ConfigError(
                    f"metrics has no key {key!r}{did_you_mean(key, KEYS)} (it has {', '.join(KEYS)})"
                )
        stat, finite = config.get("stat") or "last", config.get("finite")
        if stat not in STATS:
            raise ConfigError(
                f"metrics.stat={stat!r} is not one of {', '.join(STATS)}{did_you_mean(str(stat), STATS)}"
            )
        goals = dict(config.get("goals") or {})
        for pattern in goals:
            goal_of(pattern, goals)
        return cls(
            objective=str(config.get("objective") or ""),
            objective_stat=stat,
            goals=goals,
            aliases={name: tuple(others) for name, others in (config.get("aliases") or {}).items()},
            finite=FINITE if finite is None else tuple(finite),
            steps_key=str(config.get("steps_key") or "steps"),
            known=tuple(config.get("known") or ()),
        )

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

    @property
    def goal(self) -> str:
        """Whether the objective is best low (``min``) or high (``max``).

        Of a return value, ``goals.return_value``.
        """
        return goal_of(self.objective or "return_value", self.goals)

    @property
    def objective_names(self) -> list[str]:
        """All names under which a history may hold the objective; none where that is a return value."""
        return [self.objective, *self.aliases.get(self.objective, ())] if self.objective else []

    def canonical(self, history: History) -> History:
        """The same history under canonical names, where a loss that is not a number shows as NaN.

        An older name gives way where the canonical one is there. See `autoloop.curves.divergence`.
        """
        return with_hidden_nans(
            history.replace({self._canonical_name(name, history): series for name, series in history.items()})
        )

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

    def not_finite(self, history: History) -> str:
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


def _matched(pattern: str, name: str) -> str | None:
    """The text that the ``*`` of a pattern stands for in a name; None if it does not match."""
    before, star, after = pattern.partition("*")
    if not star:
        return "" if name == pattern else None
    fits = len(name) >= len(before) + len(after) and name.startswith(before) and name.endswith(after)
    return name[len(before) : len(name) - len(after)] if fits else None
