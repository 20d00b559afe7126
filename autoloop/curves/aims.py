"""Several objectives, and constraints: what a study is judged by beyond one number."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from autoloop.curves.objective import Objective
from autoloop.errors import ConfigError

RESOURCES: Mapping[str, str] = MappingProxyType(
    {
        "wall_s": "seconds from its start to its end",
        "wall_min": "the same in minutes",
        "mem_gb": "peak memory of all its processes, in GiB",
        "gpu_mem_gb": "peak memory of all its processes on its GPUs, in GiB",
    }
)
"""What is measured of a job from outside -> what that is."""

WATCHED = ("mem_gb", "gpu_mem_gb")
"""Those of them that a supervisor has to look at while the job runs."""

NUMBERED = "objective_"
"""What objectives are called that only have a place among what the task returns: objective_0, objective_1."""

OPERATORS: Mapping[str, Callable[[float, float], bool]] = MappingProxyType(
    {"<=": operator.le, "<": operator.lt, ">=": operator.ge, ">": operator.gt}
)


@dataclass(frozen=True, slots=True)
class Constraint:
    """A limit that one number of a job has to keep.

    Attributes:
        name: A metric, a returned number, or one of `RESOURCES`.
        op: One of `OPERATORS`.
        limit: The limit, in the number's own unit.
    """

    name: str
    op: str
    limit: float

    def __post_init__(self) -> None:
        if self.op not in OPERATORS:
            raise ConfigError(f"constraint {self.name}: {self.op!r:.20} is not one of {', '.join(OPERATORS)}")

    @property
    def description(self) -> str:
        """The constraint as the user writes it: ``latency_ms <= 20``."""
        return f"{self.name} {self.op} {self.limit:g}"

    def holds(self, value: float) -> bool:
        """Whether a number keeps the limit; NaN does not."""
        return OPERATORS[self.op](value, self.limit)

    def excess(self, value: float) -> float:
        """How far a number is beyond the limit, in its own unit; negative within it, NaN where unknown."""
        return value - self.limit if self.op.startswith("<") else self.limit - value


@dataclass(frozen=True, slots=True)
class Aims:
    """What a study is judged by, where that is more than one objective.

    Attributes:
        objectives: The objectives where they are several; empty where the study has one.
        constraints: The constraints.
    """

    objectives: tuple[Objective, ...] = ()
    constraints: tuple[Constraint, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.objectives or self.constraints)

    @property
    def several(self) -> bool:
        """Whether there are several objectives, so that a front takes the place of a winner."""
        return len(self.objectives) > 1

    @property
    def by_place(self) -> bool:
        """Whether objectives are told apart by their place in what the task returns."""
        return self.several and self.objectives[0].metric == f"{NUMBERED}0"

    @property
    def names(self) -> list[str]:
        """Names of all numbers that are asked of a job, each once."""
        asked = [one.name for one in self.objectives] + [one.name for one in self.constraints]
        return list(dict.fromkeys(asked))

    @property
    def description(self) -> str:
        """What is aimed at, for example ``eval/success_rate up, latency_ms down, where mem_gb <= 4``."""
        ways = [f"{one.name} {'up' if one.maximize else 'down'}" for one in self.objectives]
        limits = " and ".join(one.description for one in self.constraints)
        where = f"where {limits}" if limits else ""
        return ", ".join([*ways, *filter(None, [where])])

    def losses(self, values: Mapping[str, float]) -> tuple[float, ...]:
        """Each objective's number, turned so that lower is better; NaN where it is unknown."""
        return tuple((-1 if one.maximize else 1) * values.get(one.name, math.nan) for one in self.objectives)

    def excess(self, values: Mapping[str, float]) -> tuple[float, ...]:
        """How far each constraint is broken, see `Constraint.excess`."""
        return tuple(one.excess(values.get(one.name, math.nan)) for one in self.constraints)

    def broken(self, values: Mapping[str, float]) -> list[Constraint]:
        """The constraints that do not hold; one whose number is unknown is among them."""
        return [one for one in self.constraints if not one.holds(values.get(one.name, math.nan))]
