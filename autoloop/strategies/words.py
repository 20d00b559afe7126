"""What the mixed strategy says of its sampler: of a point that it chose, of its knobs, of its silence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autoloop.edits import format_literal
from autoloop.rules.base import Decision
from autoloop.strategies.base import SAMPLE
from autoloop.strategies.configurations import edits_at
from autoloop.strategies.samplers import Floats
from autoloop.strategies.space import Knob
from autoloop.study.trials import Trial

CHOICE = {
    "gaussian": "the most promising point to a Gaussian process after {trials}",
    "quasi_random": "fills the space evenly",
    "random": "drawn at random",
    "tpe": "Optuna's TPE chose this point after {trials}",
    "optuna_gp": "Optuna's Gaussian process chose this point after {trials}",
}
"""Sampler -> why a point of it is worth a job."""

NEAR = 0.15
"""A trial is near a point if it differs by at most this part of the range on every knob."""

SHOWN = 3  # knobs that are named


@dataclass(frozen=True, slots=True)
class PlacedTrials:
    """Trials with a result, the best first, and where they lie.

    Attributes:
        trials: The trials, n of them.
        places: float64 (n, d), their configs as points of a space of d knobs.
    """

    trials: Sequence[Trial]
    places: Floats

    @classmethod
    def of(cls, trials: Sequence[Trial], knobs: Sequence[Knob]) -> PlacedTrials:
        """Find out where trials lie on these knobs."""
        places = [[knob.unit(trial.variant.config) for knob in knobs] for trial in trials]
        return cls(trials, np.array(places, dtype=np.float64).reshape(len(trials), len(knobs)))

    def nearest(self, point: Sequence[float] | Floats) -> tuple[Trial, float]:
        """Return the trial nearest to a point, and by how much of the range its worst knob differs."""
        distances = np.abs(self.places - np.asarray(point)).max(axis=1)
        nearest = int(np.argmin(distances))
        return self.trials[nearest], float(distances[nearest])


def sampled(
    start: str,
    knobs: Sequence[Knob],
    point: Sequence[float] | Floats,
    why: str,
    known: PlacedTrials | None = None,
) -> Decision | None:
    """Return the proposal that leads from the baseline to a point; None if that is the baseline.

    Args:
        start: Name of the baseline.
        knobs: The space.
        point: A place between 0 and 1 on each of its knobs.
        why: What the point is good for.
        known: What the study knows of the space.
    """
    edits = edits_at(knobs, point)
    moved = list(edits)
    if not moved:
        return None
    evidence: dict[str, Any] = {"moved": f"{len(moved)} of {len(knobs)} knobs"}
    around, expects = "", ""
    if known is not None and known.trials:
        nearest, distance = known.nearest(point)
        objective = nearest.objective
        evidence |= {"nearest": nearest.name, "its_objective": objective, "distance": round(distance, 2)}
        around = f"; near {nearest.name}" if distance <= NEAR else "; no trial is near it"
        expects = f"better than {known.trials[0].objective:.4g}, or information about a part of the space"
    reason = f"moves {_named(moved)}: {why}{around}"
    return Decision(SAMPLE, start, reason, evidence, tuple(edits[path] for path in moved), expects)


def _named(paths: Sequence[str]) -> str:
    """Return the last words of a few paths, and how many there are besides."""
    names = [path.rpartition(".")[2] for path in paths]
    if len(names) > SHOWN + 1:
        names = [*names[:SHOWN], f"{len(names) - SHOWN} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def ranges(knobs: Sequence[Knob]) -> Iterator[str]:
    """Yield what a sampler turns, a line for each knob."""
    for knob in knobs:
        if knob.choices:
            listed = (format_literal(choice, quoted_keys=True) for choice in knob.choices)
            reach = f"one of {', '.join(listed)}"
        else:
            reach = f"from {knob.low:.4g} to {knob.high:.4g}"
            reach += f" in steps of {knob.step:g}" if knob.step else ""
        soft = ", extended if the best trial is at an end that you did not set" if any(knob.soft) else ""
        when = "".join(f", where {path} is {_or(values)}" for path, values in knob.where)
        yield f"{knob.path}: {knob.start!r} -> {reach}{soft}{when}"


def _or(values: Sequence[Any]) -> str:
    return " or ".join(format_literal(value, quoted_keys=True) for value in values)
