"""One study as the page shows it: followed from its files, drawn once for all who look."""

from __future__ import annotations

import json
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from autoloop.curves.metrics import Metrics
from autoloop.history import HistoryReader
from autoloop.history.series import Series
from autoloop.store.files import inside
from autoloop.store.journal import JournalReader, is_left
from autoloop.store.reading import read_curves
from autoloop.study.record import Job, Study
from autoloop.views.analysis.sources import study_metrics
from autoloop.views.live.lines import describe
from autoloop.views.live.progress import Progress, ProgressReader
from autoloop.views.report.facts import Facts
from autoloop.views.report.figures.chart import thin

LOOK_S = 1.0
"""Least seconds between two looks at the files, however many look at the page."""
FEED_LINES = 400
"""Events that are kept as lines, the latest."""
BUCKETS = 300
"""Of a curve that is kept: three points each, more than a screen has room for."""
MOST_KEPT = 2000
"""Jobs whose curves are kept."""

T = TypeVar("T")


class Observed:
    """A study that is looked at; every method may be called from any thread.

    Args:
        study_dir: Its directory.

    Attributes:
        study_dir: The same.

    Raises:
        JournalError: There is no study, or its journal is damaged.
    """

    def __init__(self, study_dir: Path) -> None:
        self.study_dir = study_dir
        self._lock = threading.RLock()
        self._reader = JournalReader(study_dir)
        self._feed: deque[tuple[int, str]] = deque(maxlen=FEED_LINES)
        self._progress_reader: ProgressReader | None = None
        self._progress: Mapping[int, Progress] = {}
        self._readers: dict[str, HistoryReader] = {}
        self._ended: dict[tuple[int, str], dict[str, Series]] = {}
        self._made: dict[str, tuple[object, Any]] = {}
        self._looked_at = -math.inf
        self._beat = 0
        self._left = False
        self._update()

    def tick(self) -> tuple[int, int]:
        """Look at the files where that is due.

        Returns:
            How many events there are, and a number that changes whenever a running job has logged more.
        """
        with self._lock:
            if time.monotonic() - self._looked_at >= LOOK_S:
                self._update()
            return self._reader.study.events, self._beat

    def _update(self) -> None:
        left = is_left(self._reader.study, self.study_dir)  # asked first: what was written is then read
        for event in self._reader.follow():
            self._feed.append((self._reader.study.events, describe(event, self._reader.study)))
        self._left = left and self._reader.study.stopped is None
        before = self._progress
        if self._progress_reader is None and self._reader.study.begun:
            self._progress_reader = ProgressReader(self.study_dir, self.metrics)
        if self._progress_reader is not None:
            self._progress = self._progress_reader.update(self._reader.study, time.time())
        self._beat += repr(before) != repr(self._progress)
        self._looked_at = time.monotonic()

    @property
    def metrics(self) -> Metrics:
        """Names of metrics and the objective."""
        return study_metrics(self._reader.study)

    @property
    def is_left(self) -> bool:
        """Whether the process that ran the study is gone before its end."""
        return self._left

    @property
    def feed(self) -> list[tuple[int, str]]:
        """The latest events as lines, each with its number."""
        with self._lock:
            return list(self._feed)

    @property
    def progress(self) -> Mapping[int, Progress]:
        """Number of each running job -> how far it is."""
        return self._progress

    def study(self) -> Study:
        """The record as it is now; running jobs with the slot and the step that they are at."""
        with self._lock:
            study = self._reader.study.copy()
            for number in self._progress:
                study.jobs[number] = self.now(study.jobs[number])
            return study

    def now(self, job: Job) -> Job:
        """A job with the slot and the step that it is at now."""
        progress = self._progress.get(job.job)
        if progress is None or not job.running:
            return job
        slot = job.slot if progress.slot is None else progress.slot
        return replace(job.whole(), slot=slot, gpus=progress.gpus or job.gpus, steps=progress.step or 0)

    def facts(self) -> Facts:
        """What the study amounts to; worked out once for each event."""
        return self.made("facts", lambda: Facts(self.study()))

    def made(self, name: str, make: Callable[[], T], live: bool = False) -> T:
        """Something that is made of the study, once for all who ask.

        Args:
            name: What it is.
            make: Makes it.
            live: Whether it changes as running jobs log more; else only with new events, and when it shows
                in which slot a job runs.
        """
        with self._lock:
            events, beat = self.tick()
            slots = tuple((number, one.slot) for number, one in self._progress.items())
            key = (events, slots, beat if live else 0)
            known = self._made.get(name)
            if known is None or known[0] != key:
                known = (key, make())
                self._made[name] = known
            found: T = known[1]
            return found

    def curves(self, job: Job) -> Mapping[str, Series]:
        """The curves of a job by canonical name, thinned; empty where it left none."""
        if not job.run_dir:
            return {}
        with self._lock:
            if job.running:
                return self._running_curves(job)
            key = (job.job, job.run_dir)
            if key not in self._ended:
                self._readers.pop(job.run_dir, None)
                found = read_curves(inside(self.study_dir, job.run_dir), self.metrics)
                found = found if job.stop_step is None else found.until(job.stop_step)
                self._ended[key] = {name: thin(series, BUCKETS) for name, series in found.items()}
                while len(self._ended) > MOST_KEPT:
                    del self._ended[next(iter(self._ended))]
            return self._ended[key]

    def _running_curves(self, job: Job) -> Mapping[str, Series]:
        metrics = self.metrics
        if job.run_dir not in self._readers:
            path = inside(self.study_dir, job.run_dir)
            reader = HistoryReader(path, None, metrics.objective_names, metrics.lines)
            self._readers[job.run_dir] = reader
        reader = self._readers[job.run_dir]
        reader.update()
        return {name: thin(one, BUCKETS) for name, one in metrics.canonical(reader.history()).items()}


def as_json(value: object) -> bytes:
    """A value as JSON that every browser reads: NaN and infinities as null."""
    return json.dumps(_finite(value), ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
