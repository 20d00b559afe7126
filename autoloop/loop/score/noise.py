"""The noise floor: how far two runs lie apart that differ in nothing that matters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from autoloop.curves.jitters import BETWEEN
from autoloop.errors import counted
from autoloop.loop.score.pairs import Results, pairs_of, results
from autoloop.study.record import CLIMB, Study

SIGMAS = 2.0
"""A difference counts where it is larger than this many standard errors."""

CORRELATION = 0.9
"""Between parent and child at one seed, unless pairs have shown a better value (measured: 0.93 to 0.98)."""

ASSUMED_PCT = 1.5
"""Standard deviation of a paired gain where nothing was measured; two of them are `BackToParent`'s 3 %."""

JUMPS = "from how far the points of single curves jump: no config ran with two seeds"

WEIGHT = 2
"""Degrees of freedom that the value assumed or derived from repeats counts for beside those of the pairs."""


@dataclass(frozen=True, slots=True)
class Noise:
    """The noise of a study's objective.

    Attributes:
        paired_pct: Standard deviation of a gain between parent and child at one common seed, in percent of
            what gains are in percent of (`autoloop.study.compare`).
        seed_pct: Standard deviation between seeds of one config, in percent; NaN where no config ran twice.
        source: Where ``paired_pct`` comes from, in words.
    """

    paired_pct: float = ASSUMED_PCT
    seed_pct: float = math.nan
    source: str = "assumed: no config ran with two seeds"

    def margin_pct(self, seeds: int = 1) -> float:
        """The mean gain over so many common seeds that is more than noise, in percent."""
        return SIGMAS * self.paired_pct / math.sqrt(max(1, seeds))


def noise(study: Study) -> Noise:
    """The noise floor as the study's repeats and pairs tell it.

    The pairs' own scatter (children and parents that both ran with several seeds) is pooled with a first
    value that counts for two degrees of freedom. That is what the repeats say, ``seed_pct * sqrt(2 (1 -
    0.9))``; where there are none, what the earlier studies say from which it learns; else 1.5 %, and more
    where the curves of single runs jump further than that.
    """
    return study.once("noise", lambda: _noise(study))


def _noise(study: Study) -> Noise:
    known = results(study)
    several = known.with_several_seeds
    groups = (list(known.by_seed[place].values()) for place in several)
    between = _pooled(
        (100 * value / known.scale.unit(fmean(group)) for value in group)
        for group in groups
        if _usable(group)
    )
    first, source = _of_earlier(study) or max(
        (ASSUMED_PCT, Noise().source), (_jumps_pct(study, known), JUMPS)
    )
    if between.degrees:
        first = between.deviation * math.sqrt(2 * (1 - CORRELATION))
        runs = between.degrees + between.groups
        configs = "one config" if between.groups == 1 else counted(between.groups, "config")
        source = f"from {runs} runs of {configs} with several seeds"
    jobs = [job for place in several if (job := study.at(place)) is not None]
    paired = _pooled(pair.gains_pct for pair in pairs_of(study, known, jobs) if len(set(pair.gains_pct)) > 1)
    if paired.degrees:
        source = f"from {counted(paired.groups, 'pair')} with several seeds"
    degrees = WEIGHT + paired.degrees
    pooled = math.sqrt((WEIGHT * first**2 + paired.degrees * paired.deviation**2) / degrees)
    return Noise(pooled, between.deviation if between.degrees else math.nan, source)


def _of_earlier(study: Study) -> tuple[float, str] | None:
    """The noise floor of the studies that this one learns from, and its source, where they measured it."""
    learnt = study.header.learnt
    if learnt is None or learnt.noise_pct is None:
        return None
    return learnt.noise_pct, learnt.source


def earlier_noise(found: Sequence[tuple[str, Study]]) -> tuple[float, str] | None:
    """The noise floor that studies leave to a later one, with its source; None where none measured any.

    The root mean square of those floors that rest on configs with several seeds.

    Args:
        found: What each study is called, and its record.
    """
    floors = [(name, noise(study)) for name, study in found]
    measured = [(name, floor) for name, floor in floors if math.isfinite(floor.seed_pct)]
    if not measured:
        return None
    pooled = math.sqrt(fmean(floor.paired_pct**2 for _, floor in measured))
    name, floor = measured[0]
    if len(measured) > 1:
        return pooled, f"from {len(measured)} earlier studies, such as {name}"
    return pooled, f"from the earlier study {name}, there {floor.source}"


def _jumps_pct(study: Study, known: Results) -> float:
    """Standard deviation of a gain between two runs whose results jump as their curves do, in percent.

    The median over the jobs: one curve that jumps says nothing of the others. 0 where no curve tells.
    """
    jumps = [
        100 * BETWEEN * jitter / known.scale.unit(job.objective)
        for job in study.counted()
        if job.known and job.rule != CLIMB and math.isfinite(jitter := job.jitter(study.aim))
    ]
    return median(jumps) if jumps else 0.0


@dataclass(frozen=True, slots=True)
class _Pooled:
    deviation: float
    degrees: int
    groups: int


def _pooled(groups: Iterable[Iterable[float]]) -> _Pooled:
    """Standard deviation within groups, with its degrees of freedom."""
    squares, degrees, count = 0.0, 0, 0
    for group in map(list, groups):
        middle = fmean(group)
        squares += sum((value - middle) ** 2 for value in group)
        degrees += len(group) - 1
        count += 1
    return _Pooled(math.sqrt(squares / degrees) if degrees else 0.0, degrees, count)


def _usable(group: list[float]) -> bool:
    """Whether a config's results show noise; rates that are all 0 cannot fall and do not."""
    return len(group) > 1 and any(group)
