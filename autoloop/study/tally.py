"""What is asked of a study at every event, kept current, so that no answer costs a look at all its jobs."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from autoloop.study.by_place import ByPlace
from autoloop.study.jobs import Job
from autoloop.study.run_dirs import RunDirs
from autoloop.study.trials import TrialState

TROUBLED = (TrialState.FAILED, TrialState.TIMEOUT, TrialState.INTERRUPTED)
"""States of jobs that may be tried again, or that end a study."""


@dataclass(slots=True)
class Tally:
    """Numbers of a study's jobs, sorted into what they are good for.

    A job that a later try replaced is in ``tries`` alone.

    Attributes:
        tries: Place of a variant (`Job.place`) -> numbers of the jobs that ran it, the latest last.
        named: Name -> place of the one variant that has it.
        rounds: Round -> numbers of its jobs.
        open: Jobs that have not ended.
        unjudged: Jobs that ended and that no rule was asked about, but for measurements and interrupted ones.
        troubled: Jobs that ended in one of the states `TROUBLED`.
        ends: Jobs that ended, in the order in which that was recorded.
        records: (event at which it ended, number) of each job that was the best when it ended, as they came.
        run_dirs: Directories that jobs were given, relative to the study.
        ineffective: Jobs with edits that had no effect (`Details.unheeded`).
        searched: How many jobs belong to the search (`Job.searches`), probes aside.
        probes: Number of each probe -> what it takes of a budget (`Job.cost`).
        begins: Number of each job that goes on from a checkpoint -> the checkpoint's step.
        warm: Those of them that are ideas of a search: warm starts.
        generations: Number of each job of a population -> its generation, from the second on.
        next_job: Number of the next new job.
    """

    tries: ByPlace = field(default_factory=ByPlace)
    named: dict[str, int] = field(default_factory=dict)
    rounds: dict[int, dict[int, None]] = field(default_factory=dict)
    open: dict[int, None] = field(default_factory=dict)
    unjudged: dict[int, None] = field(default_factory=dict)
    troubled: dict[int, None] = field(default_factory=dict)
    ends: list[int] = field(default_factory=list)
    records: list[tuple[int, int]] = field(default_factory=list)
    run_dirs: RunDirs = field(default_factory=RunDirs)
    ineffective: set[int] = field(default_factory=set)
    searched: int = 0
    probes: dict[int, float] = field(default_factory=dict)
    begins: dict[int, int] = field(default_factory=dict)
    warm: set[int] = field(default_factory=set)
    generations: dict[int, int] = field(default_factory=dict)
    next_job: int = 0

    @classmethod
    def of(cls, jobs: Iterable[Job], judged: Iterable[int], maximize: bool) -> Tally:
        """Count jobs that are known already.

        Args:
            jobs: The jobs, in any order.
            judged: Numbers of those that the rules were asked about.
            maximize: Whether a larger objective is better.
        """
        tally = cls()
        known = {job.job: job for job in jobs}
        for job in known.values():
            tally.plan(job)
        for job in sorted(known.values(), key=lambda job: job.ended_as):
            if job.state is not None:
                best = tally.best()
                tally.end(job, None if best is None else known[best], maximize)
        for job in known.values():
            if job.retried_by is not None:
                tally.drop(job)
        tally.judge(judged)
        return tally

    def copy(self) -> Tally:
        """The same, which later changes do not reach."""
        return Tally(
            self.tries.copy(),
            dict(self.named),
            {number: dict(jobs) for number, jobs in self.rounds.items()},
            dict(self.open),
            dict(self.unjudged),
            dict(self.troubled),
            list(self.ends),
            list(self.records),
            self.run_dirs.copy(),
            set(self.ineffective),
            self.searched,
            dict(self.probes),
            dict(self.begins),
            set(self.warm),
            dict(self.generations),
            self.next_job,
        )

    def plan(self, job: Job) -> None:
        """A job is planned."""
        self.tries.add(job.place, job.job)
        self.named[job.name] = job.place
        self.rounds.setdefault(job.round, {})[job.job] = None
        self.open[job.job] = None
        self.run_dirs.add(job.run_dir, job.job)
        self.searched += job.searches and not job.probes
        self.price(job)
        if job.begins_at:
            self.begins[job.job] = job.begins_at
        if job.generation > 1:
            self.generations[job.job] = job.generation
        elif job.begins_of:
            self.warm.add(job.job)
        self.next_job = max(self.next_job, job.job + 1)

    def price(self, job: Job) -> None:
        """Keep what a probe takes of a budget, which changes as it is judged and ends."""
        if job.probes:
            self.probes[job.job] = job.cost

    def tries_of(self, place: int) -> tuple[int, ...]:
        """Numbers of the jobs that ran the variant of a place, the latest last."""
        return self.tries.get(place)

    def end(self, job: Job, best: Job | None, maximize: bool) -> None:
        """A job has ended; ``best`` is the best before it."""
        self.open.pop(job.job, None)
        self.ends.append(job.job)
        if job.details.unheeded:
            self.ineffective.add(job.job)
        if job.state in TROUBLED:
            self.troubled[job.job] = None
        if job.state is not TrialState.INTERRUPTED and not job.measures:
            self.unjudged[job.job] = None
        self.price(job)
        self._note(job, best, maximize)

    def rank(self, jobs: Mapping[int, Job], maximize: bool) -> None:
        """The results of the jobs that ended are to be compared anew.

        Args:
            jobs: Number -> job.
            maximize: Whether a larger objective is better.
        """
        self.records = []
        for number in self.ends:
            best = self.best()
            self._note(jobs[number], None if best is None else jobs[best], maximize)

    def _note(self, job: Job, best: Job | None, maximize: bool) -> None:
        if not (job.known and job.feasible and not job.measures):
            return
        if best is None or self._is_better(job, best, maximize):
            self.records.append((job.ended_as, job.job))

    def _is_better(self, job: Job, best: Job, maximize: bool) -> bool:
        """Whether a job takes the place of the best: of two generations the later one counts."""
        own, other = (self.generations.get(one.job, 1) for one in (job, best))
        return own > other or (own == other and _better(job, best, maximize))

    def drop(self, job: Job) -> None:
        """A later try takes the place of a job."""
        self.searched -= job.searches and not job.probes
        self.probes.pop(job.job, None)
        self.rounds[job.round].pop(job.job, None)
        for kept in (self.open, self.unjudged, self.troubled):
            kept.pop(job.job, None)

    def withdraw(self, job: Job) -> None:
        """A job that has not started is taken out of the plan; nothing else gets its name or number."""
        self.drop(job)
        self.tries.drop(job.place)

    def judge(self, jobs: Iterable[int]) -> None:
        """The rules were asked about jobs."""
        for job in jobs:
            self.unjudged.pop(job, None)

    def best(self, before: int | None = None) -> int | None:
        """Number of the best job, of those that had ended before an event if one is given; None for none."""
        place = len(self.records) if before is None else bisect_left(self.records, (before, -1))
        return self.records[place - 1][1] if place else None


def _better(job: Job, best: Job, maximize: bool) -> bool:
    """Whether a job is better than another; of equals the one that was planned first."""
    sign = -1 if maximize else 1
    return (sign * job.objective, job.place) < (sign * best.objective, best.place)
