"""The thread beside a training: looks at its curves and its time, and ends it where a rule wants that."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from autoloop.curves.metrics import Metrics
from autoloop.engine.inside.notes import EarlyEnd
from autoloop.engine.watcher import Watcher
from autoloop.errors import counted
from autoloop.stopping import StopDecision
from autoloop.stopping.watching import Watching
from autoloop.store.journal import JournalReader
from autoloop.study.controls import BY_USER
from autoloop.study.record import Job, Study

log = logging.getLogger("autoloop")


@dataclass(frozen=True, slots=True)
class Inside:
    """What is done inside a job; travels to it with the task.

    Attributes:
        watching: The stop rules and how often they are asked.
        metrics: Aliases and the objective.
        timeout_s: Seconds until the job is ended; None for no limit.
    """

    watching: Watching = field(default_factory=Watching)
    metrics: Metrics = field(default_factory=Metrics)
    timeout_s: float | None = None


class InsideWatch:
    """Watches one job from a thread of its own process.

    Its own history, and those of the trials it is compared with, are read where the jobs write them; which
    these are, the study's journal says. That is all it needs: a file system that the jobs share.
    """

    def __init__(self, inside: Inside, study_dir: Path, job: int, end: Callable[[EarlyEnd], None]) -> None:
        """Set up; nothing is watched yet.

        Args:
            inside: What to watch for.
            study_dir: The study's directory.
            job: Number of the job.
            end: Ends the job; called at most once, from the thread.
        """
        self._inside = inside
        self._end = end
        self._job = job
        self._journal = JournalReader(study_dir)
        self._watcher = Watcher(
            inside.watching, inside.metrics, study_dir, self._study, self._on_decision, only=job
        )
        self._closing = threading.Event()
        self._ended = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look: a user may want the job ended at any time."""
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._watch, name="autoloop-inside", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._ended and not self._closing.wait(self._inside.watching.interval_s):
            self._check_time()
            if not self._ended:
                self._look()

    def _look(self) -> None:
        try:
            self._end_by_user(self._study())
            if self._inside.watching.rules and not self._ended:
                self._watcher.look()
        except Exception:  # the border of the thread: logged, and tried again at the next look
            log.exception("the job could not be watched this time")

    def _check_time(self) -> None:
        limit = self._inside.timeout_s
        if limit is not None and time.monotonic() - self._began >= limit:
            self._end_once(EarlyEnd("timeout", f"it ran for more than {counted(limit / 60, 'minute')}"))

    def _end_by_user(self, study: Study) -> None:
        """End the job where a user wants that; the journal says so."""
        job = study.jobs.get(self._job)
        asked = job.stop if job is not None else None
        if asked is not None and asked.rule == BY_USER:
            decision = StopDecision(asked.rule, asked.reason, asked.step, asked.evidence)
            self._end_once(EarlyEnd.by_rule(decision))

    def _on_decision(self, job: Job, decision: StopDecision) -> None:
        if job.job not in self._journal.study.controls.kept:
            self._end_once(EarlyEnd.by_rule(decision))

    def _end_once(self, early: EarlyEnd) -> None:
        if not self._ended:
            self._ended = True
            self._end(early)

    def _study(self) -> Study:
        self._journal.update()
        return self._journal.study
