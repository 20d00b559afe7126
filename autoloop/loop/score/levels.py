"""Levels of a climb: the best of a search trained for longer, and whether their order held."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

from autoloop.loop.score.confirmation import believed
from autoloop.loop.score.leader import ranked
from autoloop.loop.score.reduction import root
from autoloop.study.record import CLIMB, Job, Study


@dataclass(frozen=True, slots=True)
class ClimbLevel:
    """The jobs that were trained to one length.

    Attributes:
        number: Number of the level, from 1; the search is level 0.
        length: Their length, in the unit of the climb's knob.
        jobs: The jobs, as they were planned.
    """

    number: int
    length: int
    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Whether jobs have the same order at two lengths.

    Attributes:
        same: Pairs of jobs that have the same order at both.
        pairs: Pairs of jobs with different results at both.
    """

    same: int
    pairs: int

    @property
    def tau(self) -> float:
        """Kendall's rank correlation (Kendall 1938), -1 to 1; 0 without a pair."""
        return (2 * self.same - self.pairs) / self.pairs if self.pairs else 0.0


def levels(study: Study) -> list[ClimbLevel]:
    """The levels above the search that have jobs, the lowest first."""
    found: dict[int, list[Job]] = {}
    for job in study.counted():
        number = job.plan.evidence.get("level") if job.rule == CLIMB else None  # plans of the past are packed
        if isinstance(number, int):
            found.setdefault(number, []).append(job)
    return [ClimbLevel(number, _length(jobs[0]), tuple(jobs)) for number, jobs in sorted(found.items())]


def _length(job: Job) -> int:
    length = job.plan.evidence.get("length", 0)
    return length if isinstance(length, int) else 0


def idea(study: Study, job: Job) -> Job:
    """The job of the search whose config this one trains for longer; the job itself where it does not."""
    while job.rule == CLIMB and (parent := study.parent(job)) is not None:
        job = parent
    return job


def standing_at(study: Study, number: int) -> list[Job]:
    """The jobs of a level that have a result, the best first; level 0 is the search, with what it found."""
    if number == 0:
        first = believed(study)
        return [] if first is None else [first, *(job for job in ranked(study) if job.place != first.place)]
    sign = -1 if study.maximize else 1
    jobs = [job for level in levels(study) if level.number == number for job in level.jobs if job.known]
    return sorted(jobs, key=lambda job: sign * job.objective)


def agreement(study: Study, level: ClimbLevel) -> Agreement:
    """How far the jobs of a level have the order that they had at the level below."""
    both = [
        (parent, job) for job in level.jobs if (parent := study.parent(job)) and job.known and parent.known
    ]
    same = pairs = 0
    for (lower, upper), (other_lower, other_upper) in combinations(both, 2):
        below, above = lower.objective - other_lower.objective, upper.objective - other_upper.objective
        pairs += below != 0 and above != 0
        same += below * above > 0
    return Agreement(same, pairs)


def climbed(study: Study) -> Job | None:
    """The best job of the longest level that has a result; None where nothing was trained for longer."""
    for level in reversed(levels(study)):
        found = standing_at(study, level.number)
        if found:
            return found[0]
    return None


def winner(study: Study) -> Job | None:
    """What a study found: the best of its longest runs, else what its search found."""
    return climbed(study) or believed(study)


def start_at(study: Study, job: Job, number: int) -> Job | None:
    """The run at some level of the starting point that a job descends from; None where there is none."""
    start = root(study, job)
    if number == 0:
        return start
    runs = (run for level in levels(study) if level.number == number for run in level.jobs)
    return next((run for run in runs if idea(study, run).place == start.place), None)
