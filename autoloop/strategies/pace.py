"""How long a training is and how often it is evaluated, as far as its config tells before it has run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autoloop.rules.paths import is_number

LEAST = 5
"""A training is probed where its objective is evaluated at least so many times."""

PART = 5
"""A probe is judged at the first evaluation at or after one part in so many of the steps.

A tenth of the steps was too short to tell rates apart; a fifth and a third did equally well.
"""

_STEPS = (
    *("steps", "max_steps", "num_steps", "total_steps", "train_steps", "training_steps", "max_train_steps"),
    *("num_train_steps", "num_training_steps", "total_timesteps", "max_iters", "num_iters", "total_iters"),
    *("max_iter", "iterations", "num_iterations", "max_iterations", "train_iters", "num_updates"),
)
"""What apps call the number of steps of a training."""

_WORDS = {"eval": ("eval", "evaluation", "evaluate", "val", "valid", "validation"), "log": ("log", "logging")}
_ENDINGS = (
    *("freq", "frequency", "every", "interval", "steps", "period", "every_steps", "every_n_steps"),
    *("check_interval", "freq_steps", "steps_interval"),
)
_EVALUATED = re.compile(r"(^|[/._-])(eval|evaluation|val|valid|validation|dev|test)([/._-]|$)")


@dataclass(frozen=True, slots=True)
class Pace:
    """How a training goes.

    Attributes:
        steps: Its steps.
        every: Its objective is evaluated every so many steps.
    """

    steps: int
    every: int

    @property
    def evaluations(self) -> int:
        """How often the objective is evaluated in a training."""
        return self.steps // max(1, self.every)

    @property
    def until(self) -> int:
        """The first evaluation at or after a fifth of the steps."""
        return min(self.steps, -(-self.steps // (PART * self.every)) * self.every)


@dataclass(frozen=True, slots=True)
class Pacing:
    """What a user, the launcher and the metrics set for probes.

    Attributes:
        objective: The metric that a study is judged by; empty where it is what the task returns, or unknown.
        steps: Steps of a training, where the user says it.
        every: Steps between two evaluations, where the user says it.
        against: Why there is no probe, whatever the config tells; empty where there may be one.
    """

    objective: str = ""
    steps: int | None = None
    every: int | None = None
    against: str = ""

    def of(self, config: Mapping[str, Any]) -> Pace | str:
        """Find out how a training with this config goes; or say why that is not known, as a clause."""
        if self.against:
            return self.against
        if not self.objective:
            return "what the study is judged by is no metric that is logged while a job runs"
        steps = self.steps or _number_named(_STEPS, config)
        if steps is None:
            return "the config does not tell how many steps a training has"
        kinds = ("eval",) if _EVALUATED.search(self.objective) else ("log", "eval")
        found = (_number_named(_called(kind), config) for kind in kinds)
        every = self.every or next((one for one in found if one is not None), None)
        if every is None:
            return f"the config does not tell how often {self.objective} is evaluated"
        pace = Pace(steps, every)
        if pace.evaluations < LEAST:
            return f"{self.objective} is evaluated {pace.evaluations} times a training, fewer than {LEAST}"
        return pace


def _called(kind: str) -> Sequence[str]:
    """What apps call the steps between two evaluations, or between two rows of the log."""
    return [f"{word}_{ending}" for word in _WORDS[kind] for ending in _ENDINGS]


def _number_named(names: Sequence[str], config: Mapping[str, Any]) -> int | None:
    """A whole number above 0 by these names: that at the least depth; None where several differ there."""
    found = [(depth, value) for depth, value in _whole_numbers(config, names, 0)]
    least = min((depth for depth, _ in found), default=0)
    values = {value for depth, value in found if depth == least}
    return values.pop() if len(values) == 1 else None


def _whole_numbers(node: Any, names: Sequence[str], depth: int) -> Iterator[tuple[int, int]]:
    if not isinstance(node, Mapping):
        return
    for key, value in node.items():
        if isinstance(key, str) and key.lower().replace("-", "_") in names and is_number(value):
            if value > 0 and value == int(value):
                yield depth, int(value)
        elif not (depth == 0 and key == "autoloop"):
            yield from _whole_numbers(value, names, depth + 1)
