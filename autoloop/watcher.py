"""Watching jobs while they run: their histories are read as they grow, and stop rules asked about them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from autoloop.history import History, HistoryReader, Series, read_history
from autoloop.metrics import Metrics
from autoloop.score import noise
from autoloop.stopping import Live, StopDecision, StopRule, judge_live, protected
from autoloop.study import Job, Study

log = logging.getLogger("autoloop")


@dataclass(frozen=True, slots=True)
class Watching:
    """How jobs are watched.

    Attributes:
        rules: The stop rules.
        protect_top: So many of the best jobs, by their curves so far, are left alone.
        interval_s: Seconds between two looks.
    """

    rules: tuple[StopRule, ...] = ()
    protect_top: int = 1
    interval_s: float = 2.0


class Watcher:
    """Asks stop rules about running jobs; decides nothing itself and ends nothing itself.

    It can sit beside the jobs of a whole study (`start`, a thread of its own) or beside one job (`look`
    called from anywhere). Each look costs as much as the rows that are new.
    """

    def __init__(
        self,
        watching: Watching,
        metrics: Metrics,
        study_dir: Path,
        study: Callable[[], Study],
        stop: Callable[[Job, StopDecision], None],
        only: int | None = None,
    ) -> None:
        """Set up; nothing is watched yet.

        Args:
            watching: The rules and how often.
            metrics: Aliases and the objective.
            study_dir: The study's directory.
            study: Gives the record as it is now; called from the watcher's thread.
            stop: Told once of each job that is to end, and why; called from the watcher's thread.
            only: Number of the one job to ask the rules about; None for all that run.
        """
        self._watching = watching
        self._metrics = metrics
        self._study_dir = study_dir
        self._study = study
        self._stop = stop
        self._only = only
        self._readers: dict[int, HistoryReader] = {}
        self._finished: dict[int, History] = {}
        self._told: set[int] = set()
        self._broken: set[str] = set()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Look at all running jobs again and again, in a thread, until `close`."""
        if self._watching.rules and self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="autoloop-watcher", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def look(self) -> None:
        """Look once at every running job."""
        study = self._study()
        running = [job for job in study.running() if job.job not in self._told]
        self._readers = {job.job: self._reader(job) for job in running}
        live = {job.job: self._read(job) for job in running}
        margin_pct = noise(study).margin_pct() if running else 0.0
        for job in running:
            if self._only in (None, job.job):
                self._judge(study, job, live, margin_pct)

    def _watch(self) -> None:
        while not self._closing.wait(self._watching.interval_s):
            self._look_safely()

    def _look_safely(self) -> None:
        try:
            self.look()
        except Exception:  # the border of the thread: told, and tried again at the next look
            log.exception("the jobs could not be watched this time")

    def _judge(self, study: Study, job: Job, live: dict[int, History], margin_pct: float) -> None:
        history = live[job.job]
        if not len(history):
            return
        best, parent = study.best(), study.by_name(job.plan.parent)
        view = Live(
            job.name,
            history,
            self._metrics.objective,
            study.maximize,
            parent=self._curves(parent, live),
            best=self._curves(best, live),
            margin_pct=margin_pct,
        )
        spared = parent is None or job.is_repeat or self._is_protected(study, job, live)
        decision = judge_live(self._watching.rules, view, spared, self._rule_failed)
        if decision is not None:
            self._told.add(job.job)
            self._stop(job, decision)

    def _is_protected(self, study: Study, job: Job, live: dict[int, History]) -> bool:
        """Whether the job is among the best so far, at the step it has come to."""
        metric, top = self._metrics.objective, self._watching.protect_top
        if not top or metric not in live[job.job]:
            return False
        others = [live[other] for other in live if other != job.job]
        others += [
            self._curves(other, live) for other in study.counted() if other.known and not other.is_repeat
        ]
        curves: Sequence[Series] = [history[metric] for history in others if metric in history]
        return protected(live[job.job][metric], curves, top, study.maximize)

    def _reader(self, job: Job) -> HistoryReader:
        known = self._readers.get(job.job)
        return known if known is not None else HistoryReader(self._study_dir / job.run_dir)

    def _read(self, job: Job) -> History:
        """The job's curves so far."""
        reader = self._readers[job.job]
        reader.update()
        return self._metrics.canonical(reader.history())

    def _curves(self, job: Job | None, live: dict[int, History]) -> History:
        """Curves of a job as far as it has come; none of one that was not started."""
        if job is None or job.state is None:
            return live.get(job.job, History({})) if job else History({})
        if job.job not in self._finished:
            self._finished[job.job] = self._metrics.canonical(read_history(self._study_dir / job.run_dir))
        return self._finished[job.job]

    def _rule_failed(self, rule: StopRule, error: Exception) -> None:
        if rule.name not in self._broken:
            self._broken.add(rule.name)
            log.warning("stop rule %s fails and ends no job: %s: %s", rule.name, type(error).__name__, error)
