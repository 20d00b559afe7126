"""Pairs: a child beside its parent, at the same seeds.

A child starts from its parent's seed, so most of the luck of a run is common to both and cancels in their
difference. Further seeds come from repeats (`autoloop.study.REPEAT`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from autoloop.study import REPEAT, Job, Study
from autoloop.trials import TrialState

Seed = Any
"""Value of the seed as the config has it; None for the seed that a lineage started with."""

LOST = (TrialState.STOPPED, TrialState.INFEASIBLE)
"""States of a job that say something against its settings; a crash or a time limit need not."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One child and its parent.

    Attributes:
        child: The child.
        parent: The parent.
        gains_pct: By how much the child is better, in percent of ``|parent|``, one number for each seed that
            both ran with; negative where it is worse.
    """

    child: Job
    parent: Job
    gains_pct: tuple[float, ...]

    @property
    def gain_pct(self) -> float | None:
        """Mean gain over the seeds; None where the two cannot be compared."""
        return fmean(self.gains_pct) if self.gains_pct else None


def results(study: Study) -> dict[int, dict[Seed, float]]:
    """Place of each job that is no repeat -> its results by seed, its repeats' in the search included.

    The seed a job inherited is None; a repeat carries its own as ``evidence["seed"]``. Repeats that measure
    what the search found are left out: no standing and no noise floor by which that was chosen changes after
    the fact.
    """
    found: dict[int, dict[Seed, float]] = {}
    for job in study.counted():
        if not job.known:
            continue
        if not job.is_repeat:
            found.setdefault(job.place, {})[None] = job.objective
        elif job.plan.rule == REPEAT and job.origin is not None:
            found.setdefault(job.origin, {})[job.plan.evidence.get("seed")] = job.objective
    return found


def afterwards(study: Study, job: Job, rule: str) -> dict[Seed, float]:
    """Results of a job's config by seed, of the repeats by this rule that ran after the search."""
    runs = (one for one in study.counted() if one.plan.rule == rule and one.origin == job.place)
    return {one.plan.evidence.get("seed"): one.objective for one in runs if one.known}


def gain_pct(study: Study, result: float, reference: float) -> float:
    """By how much a result is better than a reference that is not 0, in percent of ``|reference|``."""
    sign = 1 if study.maximize else -1
    return sign * 100 * (result - reference) / abs(reference)


def gains_pct(study: Study, own: Mapping[Seed, float], other: Mapping[Seed, float]) -> tuple[float, ...]:
    """Gains of some results over others, one for each seed that both have, in the order of ``own``."""
    return tuple(gain_pct(study, own[seed], other[seed]) for seed in own if other.get(seed))


def pairs(study: Study) -> list[Pair]:
    """Every child that ended, beside its parent, as planned; an interrupted job or a repeat is none."""
    by_seed = results(study)
    found = []
    for job in study.counted():
        parent = study.parent(job)
        ended = job.state not in (None, TrialState.INTERRUPTED)
        if parent is not None and ended and not job.is_repeat:
            gains = gains_pct(study, by_seed.get(job.place, {}), by_seed.get(parent.place, {}))
            found.append(Pair(job, parent, gains))
    return found
