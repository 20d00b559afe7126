"""Generations of a population: which runs are compared, and how settings changed during a run.

Results of two generations are results of two lengths, which are never compared. A run is compared with what
another came to at the same length: the run that went on from its parent without an edit, or that of the
starting point.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autoloop.edits import format_literal
from autoloop.study.record import POPULATION, Job, Study


@dataclass(frozen=True, slots=True)
class Generations:
    """Which run went on from which.

    Attributes:
        study: The record.
        went_on: Place of a job -> the jobs that went on from it without an edit: one for each generation in
            which that was tried.
    """

    study: Study
    went_on: Mapping[int, tuple[Job, ...]]

    @classmethod
    def of(cls, study: Study) -> Generations:
        """Look into the record."""
        found: dict[int, tuple[Job, ...]] = {}
        for job in study.counted() if study.breeds else ():
            if job.rule == POPULATION and job.origin is not None:
                found[job.origin] = (*found.get(job.origin, ()), job)
        return cls(study, found)

    def at(self, job: Job | None, number: int) -> Job | None:
        """What a job came to in a generation, without an edit on the way; None where it did not get there.

        Args:
            job: The job; in its own generation it is itself.
            number: Number of the generation, from 1.
        """
        if job is None or self.study.generation(job) == number:
            return job
        found = (self.at(one, number) for one in self.went_on.get(job.place, ()))
        return next((one for one in found if one is not None), None)

    def beside(self, job: Job, other: Job | None) -> Job | None:
        """What another job came to in a job's own generation."""
        return self.at(other, self.study.generation(job))


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a run, from one checkpoint to the next.

    Attributes:
        job: The job that trained it.
        begins_at: The step of the checkpoint that it goes on from; 0 for the first.
        changed: Path -> value of what differs from the part before; of the first, from the starting point.
    """

    job: Job
    begins_at: int
    changed: Mapping[str, Any]


def schedule(study: Study, job: Job) -> list[Stretch]:
    """The parts of a run of a population, from the beginning; none of a run that has only one."""
    line = [job]
    while line[-1].begins_at and (before := study.by_name(line[-1].begins_of)) is not None:
        line.append(before)
    if len(line) == 1:
        return []
    return [
        Stretch(one, one.begins_at, {change.path: change.new for change in one.plan.changes})
        for one in reversed(line)
    ]


def describe_schedule(study: Study, job: Job) -> str:
    """How the settings of a run changed on the way, as a clause; empty where the run has one part."""
    parts = schedule(study, job) if study.breeds else []
    if not parts:
        return ""
    changes = [part for part in parts[1:] if part.changed]
    whole = f"{job.name} is one run of {len(parts)} parts, each from the checkpoint of the one before"
    if not changes:
        return f"{whole}, with the same settings in all"
    told = "; ".join(f"from step {part.begins_at} {_values(part.changed)}" for part in changes)
    first = f"it begins as {parts[0].job.name}"
    return f"{whole}, and its settings are a schedule: {first}; {told}"


def _values(changed: Mapping[str, Any]) -> str:
    return ", ".join(f"{path}={format_literal(value)}" for path, value in changed.items())
