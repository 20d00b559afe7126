"""The probe of the learning rate that opens a study, and what round 1 does with what it shows.

The rate is the knob that is most often wrong, by the largest factor, and shows it the soonest. So round 1 is
the baseline to its end and, beside it, short jobs with other rates; a fifth of the way the best one is known,
and the slots that are free then get points around it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autoloop.edits import format_literal
from autoloop.rules.base import Decision
from autoloop.rules.names import knob_paths
from autoloop.rules.paths import is_number, matches
from autoloop.strategies.base import Bounds, Opening
from autoloop.strategies.pace import LEAST, PART, Pace
from autoloop.strategies.samplers import Floats, quasi_random
from autoloop.strategies.space import Knob, bounds_of
from autoloop.strategies.words import sampled
from autoloop.study.plans import PROBE

FACTORS = (4.0, 0.25, 16.0)
"""By what the rates of the baseline are multiplied; where there are fewer places the first go first."""

LEAST_FACTOR = 1.4
"""Bounds that leave a rate less room than this are as good as none."""

RATE = "<learning_rate>"
LARGER = ("<batch_size>", "<width>")
"""What is doubled at the best rate: more of it often helps, and it costs time that steps do not count."""

WHY_LARGER = "twice {what} at the rate that the probe found best; a step of it takes longer"
WHY_AROUND = "fills round 1 around the rate that the probe found best"


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe that can be made.

    Attributes:
        rates: The knobs that it turns, all by one factor.
        pace: How a training goes.
    """

    rates: tuple[Knob, ...]
    pace: Pace

    def jobs(self, opening: Opening) -> list[Decision]:
        """Return the short jobs, each on the baseline, as far as bounds let them differ."""
        found: dict[tuple[str, ...], Decision] = {}
        for factor in FACTORS:
            edits = tuple(_multiplied(knob, factor) for knob in self.rates)
            edits = tuple(edit for edit in edits if edit)
            if edits and edits not in found:
                found[edits] = self._job(opening.start.name, factor, edits)
        return list(found.values())

    def _job(self, start: str, factor: float, edits: tuple[str, ...]) -> Decision:
        pace = self.pace
        times = f"{factor:g} times" if factor > 1 else f"1/{1 / factor:g} of"
        reason = f"probes the learning rate: {times} the baseline's, for {pace.until} of {pace.steps} steps"
        evidence = {"factor": factor, "until": pace.until, "of": pace.steps}
        expects = f"better than {start} at step {pace.until}, or the rate is not too {_side(factor)}"
        return Decision(PROBE, start, reason, evidence, edits, expects)


def _side(factor: float) -> str:
    return "low" if factor > 1 else "high"


def probe_of(opening: Opening, knobs: Sequence[Knob]) -> Probe | str:
    """Return the probe that a study can open with, or why it opens with none, as a clause.

    Where there is no learning rate to be turned, that is empty: nobody expects a probe.

    Args:
        opening: Round 1 as it is planned.
        knobs: What the sampler may turn.
    """
    rates = set(knob_paths(RATE, opening.start.config))
    turned = tuple(knob for knob in knobs if not knob.choices and rates & _places(knob.path, opening))
    if not turned:
        return ""
    if isinstance(opening.pace, str):
        return opening.pace
    probe = Probe(turned, opening.pace)
    return probe if probe.jobs(opening) else "the bounds leave the learning rate no room"


def _places(path: str, opening: Opening) -> set[str]:
    return {place for place, _ in matches(opening.start.config, path)}


def _multiplied(knob: Knob, factor: float) -> str:
    """The edit that multiplies a rate, inside its limits; empty where that leaves it where it is."""
    if not is_number(knob.start) or knob.start <= 0:
        return ""
    factor = factor if knob.soft[1] else min(factor, knob.high / knob.start)
    factor = factor if knob.soft[0] else max(factor, knob.low / knob.start)
    if abs(math.log(factor)) < math.log(LEAST_FACTOR):
        return ""
    if knob.is_pattern:
        return f"{knob.path}@mul={format_literal(float(f'{factor:.3g}'))}"
    return f"{knob.path}@set={format_literal(float(f'{knob.start * factor:.3g}'))}"


def foreseen(found: Probe | str, opening: Opening, jobs: int) -> list[str]:
    """Say in the plan what is probed, or why nothing is.

    Args:
        found: What `probe_of` found.
        opening: Round 1 as it is planned.
        jobs: How many probes it has.
    """
    if isinstance(found, str):
        return [f"No probe of the learning rate: {found}."] if found else []
    if not jobs:
        return ["No probe of the learning rate: your variants leave no place free in round 1."]
    pace, cost = found.pace, jobs * found.pace.until / found.pace.steps
    return [
        f"The probes of {', '.join(knob.path for knob in found.rates)} end at step {pace.until} of "
        f"{pace.steps}, except one that is better there than {opening.start.name} and the others; "
        f"max_jobs counts them as {cost:.2g} jobs.",
        "Then round 1 continues around the best rate, with a job for each probe that ended.",
    ]


def larger(opening: Opening, space: Mapping[str, Any], best: Mapping[str, Any]) -> Decision | None:
    """Return the point with batch and width doubled at the best rate; None where nothing may be doubled.

    Args:
        opening: Round 1, after the probe.
        space: The space as the user set it.
        best: The config with the best rate.
    """
    config = opening.start.config
    named = {path for path, entry in space.items() if entry is not False}
    left = {place for path in (*opening.leave, *(set(space) - named)) for place, _ in matches(config, path)}
    open_ones = {place for path in named for place, _ in matches(config, path)}
    edits, what = [], []
    for name in LARGER:
        paths = [path for path in knob_paths(name, config) if path not in left]
        paths = [path for path in paths if path in open_ones or not named]
        doubled = [
            edit for path in paths if (edit := _doubled(path, config, opening.bounds, space.get(path)))
        ]
        edits += doubled
        what += [name.strip("<>").replace("_size", "")] if doubled else []
    if not edits:
        return None
    changed = _rates_of(opening, best)
    reason = WHY_LARGER.format(what="the " + " and the ".join(what))
    return Decision(
        "sample", opening.start.name, reason, {}, (*changed, *edits), "better than the best so far"
    )


def _doubled(path: str, config: Mapping[str, Any], bounds: Bounds, entry: Any) -> str:
    """The edit that doubles a whole number, inside its bounds and its entry of the space."""
    value = next((value for _, value in matches(config, path)), None)
    if not is_number(value) or isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        return ""
    choices = entry.get("choices") if isinstance(entry, Mapping) else None
    if choices:
        larger = [one for one in choices if is_number(one) and value < one <= 2 * value]
        return f"{path}@set={format_literal(max(larger))}" if larger else ""
    ends = [bounds_of(path, bounds, config)[1]]
    if isinstance(entry, Mapping):
        ends.append(entry.get("high"))
    elif isinstance(entry, Sequence) and not isinstance(entry, str):
        ends.append(entry[1])
    new = min(2 * value, *(math.floor(end) for end in ends if end is not None), 2 * value)
    return f"{path}@set={new}" if new > value else ""


def _rates_of(opening: Opening, best: Mapping[str, Any]) -> list[str]:
    """The edits that give the baseline the best rates."""
    config, edits = opening.start.config, []
    for path in knob_paths(RATE, config):
        old = next((value for _, value in matches(config, path)), None)
        new = next((value for _, value in matches(best, path)), old)
        if new != old:
            edits.append(f"{path}@set={format_literal(new)}")
    return edits


def around(
    opening: Opening, knobs: Sequence[Knob], best: Mapping[str, Any], count: int, reach: tuple[float, float]
) -> list[Decision]:
    """Return points from the best rate towards evenly spread ones.

    Args:
        opening: Round 1, after the probe.
        knobs: What the sampler may turn.
        best: The config with the best rate.
        count: How many points.
        reach: Parts of the way that they go, on the rates and on the other knobs. Where all knobs are rates,
            they go as far as others would.
    """
    centre = np.clip([knob.unit(best) for knob in knobs], 0.0, 1.0)
    spread = quasi_random(1, count, len(knobs), opening.seed)
    rates = set(knob_paths(RATE, opening.start.config))
    of_rate = np.array([bool(rates & _places(knob.path, opening)) for knob in knobs])
    parts = np.where(of_rate & ~of_rate.all(), reach[0], reach[1])
    points: Floats = np.asarray(centre + parts * (spread - centre))
    found = (sampled(opening.start.name, knobs, point, WHY_AROUND) for point in points)
    return [one for one in found if one is not None]


__all__ = ["FACTORS", "LEAST", "PART", "PROBE", "Probe", "around", "foreseen", "larger", "probe_of"]
