"""How far running jobs are, read from the histories they are writing: each look costs what is new."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from autoloop.curves.metrics import Metrics
from autoloop.history import HistoryReader
from autoloop.history.series import History
from autoloop.store.files import inside
from autoloop.store.status import read_status
from autoloop.study.record import Job, Study

_TIME = "_timestamp"  # W&B's own column: seconds since the epoch
_COUNTERS = ("trainer/global_step", "global_step")  # what trainers log where W&B's own step counts rows
_WINDOW = 20  # rows that the speed is measured over
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 30.0  # between looks for a history that is not there yet


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running job is.

    Attributes:
        step: The last step it logged; None before the first.
        value: The latest value of the objective; NaN before the first.
        best: The best so far.
        rate: Steps per second over the last rows; NaN while unknown.
        seen_at: When the last row was logged, seconds since the epoch; NaN before the first.
        slot: Index of its slot; None where the launcher has no slots.
        gpus: GPU ids of its slot.
        started_at: When its process started, seconds since the epoch; NaN where the launcher does not tell.
    """

    step: int | None = None
    value: float = math.nan
    best: float = math.nan
    rate: float = math.nan
    seen_at: float = math.nan
    slot: int | None = None
    gpus: tuple[str, ...] = ()
    started_at: float = math.nan


class ProgressReader:
    """Follows all running jobs of a study.

    Args:
        study_dir: The study's directory.
        metrics: Aliases, goals and the objective.
    """

    def __init__(self, study_dir: Path, metrics: Metrics) -> None:
        self._study_dir = study_dir
        self._metrics = metrics
        self._readers: dict[str, _JobReader] = {}

    def update(self, study: Study, now: float) -> Mapping[int, Progress]:
        """Read what is new.

        Args:
            study: The study; jobs that run in it are followed, others let go.
            now: Seconds since the epoch.

        Returns:
            Number of each running job -> how far it is.
        """
        metrics = self._metrics.aimed(study.aim)
        if metrics != self._metrics:
            self._metrics, self._readers = metrics, {}
        running = [job for job in study.jobs.values() if job.running]
        self._readers = {job.run_dir: self._readers.get(job.run_dir) or self._reader(job) for job in running}
        return {job.job: self._readers[job.run_dir].update(now) for job in running}

    def _reader(self, job: Job) -> _JobReader:
        return _JobReader(inside(self._study_dir, job.run_dir), self._metrics)


class _JobReader:
    """Follows one job."""

    def __init__(self, run_dir: Path, metrics: Metrics) -> None:
        self._run_dir = run_dir
        self._metrics = metrics
        names = metrics.objective_names
        keys = [*names, *_COUNTERS, _TIME] if names else None  # any metric tells how far it is
        self._history = HistoryReader(run_dir, keys, names, metrics.lines)
        self._pick = max if metrics.goal == "max" else min
        self._rows: deque[tuple[int, float]] = deque(maxlen=_WINDOW)  # (step, time)
        self._runs = 0
        self._progress = Progress()
        self._look_at = -math.inf
        self._wait_s = _FIRST_WAIT_S

    def update(self, now: float) -> Progress:
        if self._progress.slot is None:
            self._read_status()
        if now >= self._look_at:
            fresh = self._history.update()
            if fresh.source:
                self._add(self._metrics.canonical(fresh), now)
            else:  # a walk through the run dir that found nothing: the next one is later
                self._look_at, self._wait_s = now + self._wait_s, min(2 * self._wait_s, _LONGEST_WAIT_S)
        return self._progress

    def _read_status(self) -> None:
        status = read_status(self._run_dir) or {}
        known = {name: status[name] for name in ("slot", "started_at") if status.get(name) is not None}
        if "started_at" in known:  # else it is not there yet, or not from our launcher
            self._progress = replace(self._progress, **known, gpus=tuple(status.get("gpus") or ()))

    def _add(self, fresh: History, now: float) -> None:
        """Take new points into account."""
        if self._runs != self._history.runs:  # another run of the job, whose steps begin anew
            self._runs = self._history.runs
            self._rows.clear()
        self._rows.extend(_rows_of(fresh, now))
        if self._rows:
            step, seen_at = self._rows[-1]
            self._progress = replace(self._progress, step=step, seen_at=seen_at, rate=speed(self._rows))
        series = fresh.get(self._metrics.objective)
        if series is not None and len(series):
            values = [*series.values.tolist(), self._progress.best]
            best = self._pick(filter(math.isfinite, values), default=math.nan)
            self._progress = replace(self._progress, value=float(series.values[-1]), best=best)


def _rows_of(fresh: History, now: float) -> list[tuple[int, float]]:
    """(step, time) of new rows; steps by the trainer's own counter where it logs one.

    Of a tracker that writes no times, the last step, which is as late as now.
    """
    times = fresh.internal.get(_TIME)
    if times is None:
        last = max((int(series.steps[-1]) for series in fresh.values()), default=None)
        return [] if last is None else [(last, now)]
    rows = list(zip(times.steps.tolist(), times.values.tolist(), strict=True))
    counter = next((fresh[name] for name in _COUNTERS if name in fresh), None)
    if counter is None:
        return rows
    time_of = dict(rows)
    counted = zip(counter.steps.tolist(), counter.values.tolist(), strict=True)
    return [(int(value), time_of[row]) for row, value in counted if row in time_of and math.isfinite(value)]


def speed(rows: Iterable[tuple[int, float]]) -> float:
    """Steps per second from the first to the last of ``rows`` (step, time); NaN where that says nothing."""
    points = list(rows)
    if len(points) < 2:
        return math.nan
    (first, began), (last, ended) = points[0], points[-1]
    return (last - first) / (ended - began) if last > first and ended > began else math.nan
