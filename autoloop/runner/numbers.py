"""The numbers of a job that several objectives and constraints ask for: returned, logged, or measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autoloop.curves.aims import NUMBERED, RESOURCES, Aims
from autoloop.curves.metrics import Metrics
from autoloop.curves.objective import RETURNED
from autoloop.curves.summary import MetricSummary
from autoloop.errors import counted


@dataclass(frozen=True, slots=True)
class Given:
    """What a job gave beside its curves.

    Attributes:
        value: The one number that its task returned; None for none.
        results: Name -> number, where it returned named ones.
        several: The numbers, where it returned a list or tuple of them.
        resources: Name -> what was measured of it (`autoloop.curves.aims.RESOURCES`).
    """

    value: float | None
    results: Mapping[str, float]
    several: Sequence[float]
    resources: Mapping[str, float]

    def named(self, aims: Aims, logged: Mapping[str, MetricSummary]) -> dict[str, float]:
        """Numbers by the names under which these aims ask for them.

        A number that was returned or logged under a name comes before one that is measured. Where objectives
        have a place alone, so has what was returned: a list, or the values of a dict in its order.

        Args:
            aims: Who asks.
            logged: Summaries of the job's curves.
        """
        found = dict(self.results)
        if aims.by_place and self._counted(aims):
            found |= {f"{NUMBERED}{place}": value for place, value in enumerate(self._ordered)}
        own = {**self.resources, **({} if self.value is None else {RETURNED: self.value})}
        return {**{name: own[name] for name in aims.names if name in own and name not in logged}, **found}

    @property
    def _ordered(self) -> list[float]:
        return list(self.several) or list(self.results.values())

    def _counted(self, aims: Aims) -> bool:
        return len(self._ordered) == len(aims.objectives)

    def doubt(self, aims: Aims) -> str:
        """That as many numbers were not returned as there are objectives; empty where they were."""
        if not aims.by_place or self._counted(aims):
            return ""
        given = counted(len(self._ordered) or int(self.value is not None), "number")
        return f"the task returned {given}, and direction has {len(aims.objectives)}"


def values_of(
    results: Mapping[str, float], summary: Mapping[str, MetricSummary], metrics: Metrics
) -> dict[str, float]:
    """Name -> number, of each objective and each constraint; what is not known is left out.

    Of a curve the number is what ``metrics.stat`` says, its last value where nothing is said.

    Args:
        results: Numbers by name, as `Given.named` tells them.
        summary: Summaries of the job's curves.
        metrics: Who asks.
    """
    found = {}
    for name in metrics.aims.names:
        value = results.get(name, math.nan)
        if name not in results and name in summary:
            value = float(getattr(summary[name], metrics.objective_stat))
        if math.isfinite(value):
            found[name] = value
    return found


def unknown(values: Mapping[str, float], aims: Aims) -> str:
    """Which constraints nobody can judge, as a warning; empty where all are known."""
    names = [one.name for one in aims.constraints if one.name not in values]
    if not names:
        return ""
    why = "was not measured" if set(names) <= set(RESOURCES) else "was neither logged nor returned"
    return f"{', '.join(dict.fromkeys(names))} {why}: the job counts as one that breaks a constraint"
