"""When which job runs: the longest first, and how long slots stood idle."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache, partial
from statistics import median

from autoloop.edits.variants import Variant
from autoloop.study.record import Job, Study

LENGTHENING = ("steps", "epochs", "max_steps", "num_steps", "batch_size")
"""Last names of knobs that make a job longer in proportion."""

ALIKE = 1.25  # lengths within this factor of each other are no reason to change the order


def expected_s(study: Study, variant: Variant, usual_s: Callable[[], float] | None = None) -> float:
    """How long a variant will take: as long as its parent, times what its knobs add; NaN if unknown.

    Args:
        study: The record.
        variant: The variant.
        usual_s: Tells how long a job takes if nothing is known of the parent; by default `usual_length_s`.
    """
    parent = study.by_name(variant.parent)
    base = length_s(parent) if parent is not None else math.nan
    if not math.isfinite(base):
        base = usual_s() if usual_s is not None else usual_length_s(study)
    for path, old, new in variant.changes:
        if path.rpartition(".")[2] in LENGTHENING and _positive(old) and _positive(new):
            base *= new / old
    return base


def usual_length_s(study: Study) -> float:
    """Seconds that half of the jobs took at most; NaN while none has run to its end."""
    known = [length for job in study.counted() if math.isfinite(length := length_s(job))]
    return median(known) if known else math.nan


def length_s(job: Job) -> float:
    """Seconds that a job took from start to end; NaN for one that did not run to its end.

    So too where the clock was set back meanwhile: nobody knows how long it took.
    """
    took = job.ended_at - job.started_at if job.known else math.nan
    return took if took >= 0 else math.nan


def longest_first(study: Study, variants: Sequence[Variant]) -> list[Variant]:
    """The variants in the order to start them: clearly longer ones first, else as they were."""
    usual_s = cache(partial(usual_length_s, study))

    def size(variant: Variant) -> float:
        length = expected_s(study, variant, usual_s)
        return -round(math.log(length, ALIKE)) if length > 0 else 0.0

    return sorted(variants, key=size)


def job_numbers(study: Study, variants: Sequence[Variant]) -> dict[str, int]:
    """Name -> number of its job: jobs are numbered in the order in which they are to start."""
    starting = longest_first(study, variants)
    return {variant.name: job for job, variant in enumerate(starting, start=study.next_job)}


def idle_share(study: Study) -> float:
    """Share (0 to 1) of the slots' time, from the first start to the last end, in which no job ran in them.

    Time without a process, before a study was resumed, does not count, nor do jobs during which the clock was
    set back: nobody knows how long they took. NaN where the launcher has no slots.
    """
    jobs = [job for job in study.jobs.values() if job.slot is not None and job.ended_at >= job.started_at]
    if not jobs:
        return math.nan
    span = max(job.ended_at for job in jobs) - min(job.started_at for job in jobs)
    span -= sum(_pause(jobs, event.time) for event in study.resumes)
    slots = len({job.slot for job in jobs})
    busy = sum(job.ended_at - job.started_at for job in jobs)
    return max(0.0, 1 - busy / (slots * span)) if span > 0 else 0.0


def _pause(jobs: Sequence[Job], resumed: float) -> float:
    """Seconds before a resume since the end of the latest job; 0 where none starts after it."""
    before = [job.ended_at for job in jobs if job.ended_at <= resumed]
    after = any(job.started_at >= resumed for job in jobs)
    return resumed - max(before) if before and after else 0.0


def gpu_neighbour(study: Study, job: Job) -> Job | None:
    """A job of the same round that saw one of this job's GPUs while it ran; None if there is none.

    Only jobs that say which machine they ran on are compared: GPUs of slots are kept apart by `slots` itself.
    """
    host = job.details.host
    if not host or not job.gpus:
        return None
    for other in study.of_round(job.round):
        same = other.job != job.job and other.details.host == host and {*other.gpus} & {*job.gpus}
        if same and other.started_at < job.ended_at and job.started_at < other.ended_at:
            return other
    return None


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def contiguous(jobs: Sequence[Job], size: int | None, alone: Collection[str] = ()) -> Iterator[list[Job]]:
    """Batches of jobs with consecutive numbers (a launcher counts them up).

    Args:
        jobs: The jobs in order.
        size: Most jobs of a batch; None for no limit.
        alone: Names of jobs that get a batch each.
    """
    batch: list[Job] = []
    for job in jobs:
        whole = len(batch) == size or job.name in alone or (batch and batch[-1].name in alone)
        if batch and (whole or job.job != batch[-1].job + 1):
            yield batch
            batch = []
        batch.append(job)
    if batch:
        yield batch
