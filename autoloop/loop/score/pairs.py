"""Pairs: a child beside its parent, at the same seeds.

A child starts from its parent's seed, so most of the luck of a run is common to both and cancels in their
difference. Further seeds come from repeats (`autoloop.study.record.REPEAT`).
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from autoloop.loop.score.generations import Generations
from autoloop.study.compare import Scale, gain_pct
from autoloop.study.record import ANEW, CLIMB, POPULATION, REPEAT, Job, Study
from autoloop.study.settled import OPEN
from autoloop.study.trials import TrialState

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
        gains_pct: By how much the child is better, in percent (`autoloop.study.compare`) of the parent, one
            number for each seed that both ran with; negative where it is worse.
        scale: What the percent are of.
    """

    child: Job
    parent: Job
    gains_pct: tuple[float, ...]
    scale: Scale

    @property
    def gain_pct(self) -> float | None:
        """Mean gain over the seeds; None where the two cannot be compared."""
        return fmean(self.gains_pct) if self.gains_pct else None

    @property
    def description(self) -> str:
        """The comparison in words, where there is one."""
        gain = self.gain_pct or 0.0
        amount = self.scale.amount(gain, self.parent.objective, digits=2)
        return f"{self.child.name} is {amount} {'better' if gain > 0 else 'worse'} than {self.parent.name}"


@dataclass(frozen=True, slots=True)
class Results:
    """What the jobs of a study came to, to be compared.

    Attributes:
        by_seed: Place of each job that is no repeat -> its results by seed, with those of its repeats in the
            search. The seed a job inherited is None; a repeat carries its own as ``evidence["seed"]``.
        maximize: Whether a larger result is better.
        scale: What gains are in percent of.
        generations: Place of a job -> its generation of a population, from the second on.
    """

    by_seed: Mapping[int, Mapping[Seed, float]]
    maximize: bool
    scale: Scale
    generations: Mapping[int, int] = field(default_factory=dict)

    @property
    def with_several_seeds(self) -> list[int]:
        """Places of the jobs with results by other seeds than the inherited one, as they were planned."""
        found = self.by_seed.several if isinstance(self.by_seed, _BySeed) else self.by_seed
        return sorted(found)

    def gains_pct(self, job: Job, reference: Job) -> tuple[float, ...]:
        """Gains of one job over another, one for each seed that both ran with; none without a result.

        Nor are there any between two generations of a population, which were trained to two lengths.
        """
        if self.generations.get(job.place, 1) != self.generations.get(reference.place, 1):
            return ()
        return self.compare(self.by_seed.get(job.place, {}), self.by_seed.get(reference.place, {}))

    def compare(self, own: Mapping[Seed, float], other: Mapping[Seed, float]) -> tuple[float, ...]:
        """Gains of some results over others, one for each seed that both have, in the order of ``own``."""
        return tuple(self.gain_pct(own[seed], other[seed]) for seed in own if seed in other)

    def gain_pct(self, result: float, reference: float) -> float:
        """By how much a result is better than a reference, in percent of its unit."""
        return gain_pct(result, reference, self.maximize, self.scale)


def results(study: Study) -> Results:
    """What the jobs of a study came to.

    Repeats that measure what the search found are left out: no standing and no noise floor by which that was
    chosen changes after the fact.
    """
    return study.once("results", lambda: _results(study))


def _results(study: Study) -> Results:
    found = _by_seed(study)
    generations = {study.jobs[job].place: number for job, number in study.tally.generations.items()}
    return Results(found, study.maximize, Scale.of(found.numbers()), generations)


class _BySeed(Mapping[int, Mapping[Seed, float]]):
    """Place -> results by seed, where nearly all places have that of the inherited seed alone."""

    __slots__ = ("_alone", "_known", "_several")

    def __init__(self) -> None:
        self._alone = array("d")  # by place
        self._known = bytearray()  # by place: whether there is any result
        self._several: dict[int, dict[Seed, float]] = {}

    def add(self, place: int, seed: Seed, result: float) -> None:
        """A result at a seed; None is the inherited one."""
        if place in self._several:
            self._several[place][seed] = result
            return
        if seed is not None:
            self._several[place] = {**self.get(place, {}), seed: result}
        more = place + 1 - len(self._alone)
        if more > 0:
            self._alone.extend([math.nan] * more)
            self._known.extend(bytes(more))
        self._alone[place], self._known[place] = result, 1

    def __getitem__(self, place: int) -> Mapping[Seed, float]:
        if place in self._several:
            return self._several[place]
        if place not in self:
            raise KeyError(place)
        return {None: self._alone[place]}

    @property
    def several(self) -> Iterable[int]:
        """The places that have more than the result of the inherited seed."""
        return self._several.keys()

    def numbers(self) -> Iterator[float]:
        """All results."""
        yield from (self._alone[place] for place in self if place not in self._several)
        yield from (value for found in self._several.values() for value in found.values())

    def __contains__(self, place: object) -> bool:
        return isinstance(place, int) and 0 <= place < len(self._known) and self._known[place] == 1

    def __iter__(self) -> Iterator[int]:
        return (place for place, known in enumerate(self._known) if known)

    def __len__(self) -> int:
        return sum(self._known)


def _by_seed(study: Study) -> _BySeed:
    found = _BySeed()
    for job in study.counted():
        if not job.known or job.rule == CLIMB:
            continue
        if not job.is_repeat:
            found.add(job.place, None, job.objective)
        elif job.rule == REPEAT and job.origin is not None:
            found.add(job.origin, job.plan.evidence.get("seed"), job.objective)
    return found


def afterwards(study: Study, job: Job, rule: str) -> dict[Seed, float]:
    """Results of a job's config by seed, of the repeats by this rule that ran after the search."""
    runs = (one for one in study.counted() if one.rule == rule and one.origin == job.place)
    return {one.plan.evidence.get("seed"): one.objective for one in runs if one.known}


def pairs(study: Study) -> list[Pair]:
    """Every child that ended, beside its parent, as planned.

    An interrupted job, a repeat, or a longer run of its parent's config is none, nor is what trains a warm
    start's settings from the beginning. A warm start and its parent have the same steps in all, and the first
    half of them in common. The parent of a copy in a population stands for what it came to itself in the
    copy's generation; a run that goes on without an edit is no child.
    """
    return list(each_pair(study, results(study)))


def each_pair(study: Study, known: Results) -> Iterator[Pair]:
    """The same, one after the other: there may be very many."""
    return pairs_of(study, known, study.counted())


def latest_pairs(study: Study) -> Iterator[Pair]:
    """Those of the jobs planned last, all but in a very long study: what the next proposals are judged by."""
    return pairs_of(study, results(study), study.counted()[-OPEN:])


def pairs_of(study: Study, known: Results, jobs: Iterable[Job]) -> Iterator[Pair]:
    """Those of some jobs."""
    generations = Generations.of(study)
    for job in jobs:
        parent = generations.beside(job, study.parent(job))
        ended = job.state not in (None, TrialState.INTERRUPTED)
        if parent is not None and ended and not job.is_repeat and job.rule not in (ANEW, CLIMB, POPULATION):
            yield Pair(job, parent, known.gains_pct(job, parent), known.scale)
