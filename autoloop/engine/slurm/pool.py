"""The jobs that are out in SLURM: submitted as they fall due, looked at until each has come to an end."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from hydra.core.utils import JobReturn, JobStatus

from autoloop.engine.execute import pickling
from autoloop.engine.execute.feed import Feed
from autoloop.engine.execute.interrupts import Interrupts
from autoloop.engine.execute.values import EndedBy, JobLimits, Outcome, Placed
from autoloop.engine.slots import Slot
from autoloop.engine.slurm import engine
from autoloop.engine.slurm.body import is_result
from autoloop.engine.slurm.engine import Queued, Script, SubmitError
from autoloop.engine.slurm.folder import HOME, JobFolder, SlurmRequest, keep_sweep
from autoloop.store.secrets import Secrets, of_environment

log = logging.getLogger("autoloop")

#: A job to run: its number and its overrides.
Due = tuple[int, Sequence[str]]

#: What the supervisor of a job is sent, by the reason why the job is to end.
_ORDERS: Mapping[EndedBy, signal.Signals] = {"stopped": signal.SIGUSR1, "interrupted": signal.SIGTERM}


@dataclass(frozen=True, slots=True)
class SlurmSettings:
    """How jobs run on SLURM.

    Attributes:
        script: What goes into their batch scripts.
        limits: Limits of every job, kept by its supervisor.
        n_jobs: Jobs that are out at a time, waiting ones included; None for any number.
        poll_s: Seconds between two looks.
        lost_after_s: Seconds after which a job that has left the queue without a result is given up.
    """

    script: Script
    limits: JobLimits = field(default_factory=JobLimits)
    n_jobs: int | None = None
    poll_s: float = 5.0
    lost_after_s: float = 30.0


@dataclass(slots=True)
class _Out:
    """A job that is out."""

    index: int
    overrides: tuple[str, ...]
    folder: JobFolder
    job_id: str
    place: int
    restarts: int = 0
    asked: EndedBy | None = None
    gone_at: float | None = None

    @property
    def handle(self) -> dict[str, str]:
        return {"slurm_job": self.job_id, "folder": self.folder.path.name}


class SlurmPool:
    """Runs jobs on SLURM; one that is out goes on without this process, and can be adopted by the next."""

    def __init__(self, settings: SlurmSettings, sweep_dir: Path) -> None:
        """Set up; nothing is submitted.

        Args:
            settings: How jobs run.
            sweep_dir: The sweep directory, on a file system that this machine and the nodes share.

        Raises:
            ConfigError: There is no SLURM here, or it would not take such jobs.
        """
        engine.check(settings.script, sweep_dir.absolute())
        self._settings = settings
        self._sweep_dir = sweep_dir.absolute()
        self._out: dict[int, _Out] = {}
        self._lock = threading.Lock()  # over the jobs that are out
        self._room = threading.Semaphore(0)
        self._silent = False
        self._interrupted = False

    @property
    def slots(self) -> tuple[Slot, ...] | None:
        """As many places as jobs may be out at a time; None for any number."""
        n_jobs = self._settings.n_jobs
        return None if n_jobs is None else tuple(Slot(index) for index in range(n_jobs))

    def adopt(self, index: int, overrides: Sequence[str], handle: Mapping[str, str]) -> bool:
        """Take over a job that an earlier process submitted: the next `run` reports its end.

        Args:
            index: Number of the job.
            overrides: Its overrides.
            handle: The handle of its `Placed`; empty if that process died before it was written down.

        Returns:
            Whether such a job was submitted at all.
        """
        found = self._named(handle) if handle else self._find(index)
        if found is None:
            return False
        self._add(index, tuple(overrides), *found)
        return True

    def run(self, sweep: Any, jobs: Iterable[Due]) -> Iterator[Outcome | Placed]:
        """Run ``jobs``, and those adopted, and report each as it is placed and as it ends.

        Args:
            sweep: What all jobs have in common; travels by cloudpickle, in a file only this user can read.
            jobs: Taken one by one, each when a place is free. The iterable runs in a thread of its own and
                may block.

        Raises:
            KeyboardInterrupt: After Ctrl-C, when all jobs have ended; after a second one at once, with the
                jobs cancelled.
            SystemExit: After SIGTERM, with the jobs left alone: they go on, and can be adopted.
        """
        name = keep_sweep(self._sweep_dir, pickling.dumps(sweep))
        self._interrupted = False
        self._room = threading.Semaphore(max(0, (self._settings.n_jobs or sys.maxsize) - len(self._out)))
        feed = Feed(jobs)
        messages: SimpleQueue[Outcome | Placed | None] = SimpleQueue()
        leave = threading.Event()
        submitter = threading.Thread(
            target=self._submit_all, args=(feed, name, messages), name="autoloop-slurm", daemon=True
        )
        interrupts = Interrupts(lambda again: self._interrupt(feed, again, interrupts, leave))
        with interrupts:
            for job in self._jobs():
                yield Placed(job.index, job.handle, job.restarts)
            submitter.start()
            try:
                yield from self._watch(messages, leave)
            finally:
                feed.close()
                self._room.release()
                self._out.clear()
        interrupts.raise_if_any()
        if feed.error is not None:
            raise feed.error

    def stop(self, index: int, reason: EndedBy = "stopped") -> bool:
        """End the job ``index``, politely first; return whether it was out."""
        with self._lock:
            job = self._out.get(index)
        if job is None:
            return False
        self._order(job, reason, engine.queue() or {})
        return True

    def _order(self, job: _Out, reason: EndedBy, queued: Mapping[str, Queued]) -> None:
        """Tell the supervisor of a job to end it; one that waits, which no signal reaches, is taken out."""
        job.asked = reason
        entry = queued.get(job.job_id)
        waits = entry is not None and entry.state != "RUNNING"
        if waits or not engine.signal_supervisor(job.job_id, _ORDERS[reason]):
            engine.cancel(job.job_id)

    # ------------------------------------------------------------------ submitting

    def _submit_all(
        self, feed: Feed[Due], sweep: str, messages: SimpleQueue[Outcome | Placed | None]
    ) -> None:
        while True:
            self._room.acquire()
            due = feed.take()
            if due is None:
                self._room.release()
                messages.put(None)
                return
            messages.put(self._submit(due[0], tuple(due[1]), sweep))

    def _submit(self, index: int, overrides: tuple[str, ...], sweep: str) -> Outcome | Placed:
        try:
            folder = JobFolder.make(self._sweep_dir, index)
            known = Secrets.of(of_environment(os.environ))  # the node's environment has these too
            safe = tuple(known.hide(override) for override in overrides)
            paths = tuple(path for path in sys.path if isinstance(path, str))
            limits = self._settings.limits
            folder.write_request(
                SlurmRequest(index, safe, sweep, str(Path.cwd()), tuple(sys.argv), paths, limits)
            )
            name = f"{self._sweep_dir.name}:{index}"
            job_id = engine.submit(self._settings.script, folder.path, name, comment=str(folder.path))
        except (SubmitError, OSError) as error:
            self._room.release()
            return Outcome(index, error=f"{type(error).__name__}: {error}", ended_at=time.time())
        job = self._add(index, overrides, folder, job_id)
        if self._interrupted:  # it came while SLURM was asked
            self.stop(index, "interrupted")
        return Placed(index, job.handle)

    def _add(self, index: int, overrides: tuple[str, ...], folder: JobFolder, job_id: str) -> _Out:
        with self._lock:
            taken = {job.place for job in self._out.values()}
            place = next(place for place in range(len(taken) + 1) if place not in taken)
            job = self._out[index] = _Out(index, overrides, folder, job_id, place)
        return job

    def _named(self, handle: Mapping[str, str]) -> tuple[JobFolder, str] | None:
        """The folder and SLURM's id that a handle names; None if it is not one of ours."""
        name, job_id = str(handle.get("folder")), str(handle.get("slurm_job"))
        if not re.fullmatch(r"\d+-\w+", name) or not re.fullmatch(r"\d+", job_id):
            return None
        return JobFolder(self._sweep_dir / HOME / name), job_id

    def _find(self, index: int) -> tuple[JobFolder, str] | None:
        """The folder and SLURM's id of a job whose submission was not written down any more."""
        queued = engine.queue() or {}
        for folder in reversed(JobFolder.of(self._sweep_dir, index)):
            started = (str(start.get("slurm_job") or "") for start in folder.starts().values())
            by_comment = (job for job, entry in queued.items() if entry.comment == str(folder.path))
            job_id = next((found for found in (*started, *by_comment) if found), None)
            if job_id:
                return folder, job_id
        return None

    # ------------------------------------------------------------------ watching

    def _jobs(self) -> list[_Out]:
        with self._lock:
            return list(self._out.values())

    def _watch(
        self, messages: SimpleQueue[Outcome | Placed | None], leave: threading.Event
    ) -> Iterator[Outcome | Placed]:
        """Report submissions at once and ends at the next look, until there is nothing more to report."""
        fed, look_at = False, 0.0
        while not leave.is_set() and not (fed and not self._out):
            message = self._next(messages, min(look_at - time.monotonic(), 0.5))
            if message is not None:
                fed = fed or message == "fed"
                if isinstance(message, Outcome | Placed):
                    yield message
            elif time.monotonic() >= look_at:
                yield from self._look()
                look_at = time.monotonic() + self._settings.poll_s

    def _next(
        self, messages: SimpleQueue[Outcome | Placed | None], wait_s: float
    ) -> Outcome | Placed | str | None:
        """The next message of the submitter, ``"fed"`` for its last; None if there is none in time."""
        try:
            message = messages.get(timeout=max(0.0, wait_s))
        except Empty:
            return None
        return "fed" if message is None else message

    def _look(self) -> Iterator[Outcome | Placed]:
        """Look once at all jobs that are out."""
        jobs = self._jobs()
        queued = engine.queue() if jobs else {}
        if (queued is None) != self._silent:
            self._silent = queued is None
            log.warning("SLURM's controller %s", "does not answer" if self._silent else "answers again")
        for job in jobs:
            starts = job.folder.starts()
            latest = max(starts, default=0)
            if latest > job.restarts and starts[latest].get("job_dir"):
                job.restarts = latest
                yield Placed(job.index, job.handle, latest, str(starts[latest]["job_dir"]))
            outcome = self._end(job, starts.get(latest), queued)
            if outcome is not None:
                with self._lock:
                    del self._out[job.index]
                self._room.release()
                yield outcome

    def _end(
        self, job: _Out, start: Mapping[str, Any] | None, queued: Mapping[str, Queued] | None
    ) -> Outcome | None:
        """How a job ended; None while it has not, as far as is known."""
        if start is not None and is_result(start):
            return _outcome(job, start)
        if queued is None:
            return None
        entry = queued.get(job.job_id)
        if entry is not None and not entry.over:
            job.gone_at = None
            return None
        now = time.monotonic()
        job.gone_at = job.gone_at or now
        ended = start is not None and start.get("state") == "ended"
        if not ended and now - job.gone_at < self._settings.lost_after_s:
            return None
        return _without_result(job, start or {}, entry, engine.remembered(job.job_id))

    # ------------------------------------------------------------------ interruptions

    def _interrupt(
        self, feed: Feed[Due], again: bool, interrupts: Interrupts, leave: threading.Event
    ) -> None:
        """Ctrl-C ends the jobs; SIGTERM ends this process alone."""
        feed.close()
        if interrupts.signum != signal.SIGINT:
            leave.set()
            return
        self._interrupted = True
        queued = {} if again else engine.queue() or {}
        for job in self._jobs():
            if again:
                engine.cancel(job.job_id)
            else:
                self._order(job, "interrupted", queued)
        if again:
            leave.set()


def _outcome(job: _Out, start: Mapping[str, Any]) -> Outcome:
    """The end of a job that left its result."""
    failed = bool(start.get("error") or start.get("exit_code") or start.get("signal"))
    value = JobReturn(
        overrides=list(job.overrides), status=JobStatus.FAILED if failed else JobStatus.COMPLETED
    )
    value.return_value = RuntimeError(start.get("error")) if failed else start.get("value")
    return Outcome(job.index, value=value, ended_by=start.get("ended_by"), **_facts(job, start))


def _without_result(
    job: _Out, start: Mapping[str, Any], entry: Queued | None, facts: Mapping[str, str]
) -> Outcome:
    """The end of a job that SLURM ended, or that died with its supervisor; with what is known of it."""
    state = facts.get("JobState") or (entry.state if entry else "")
    known = _facts(job, start)
    if known["exit_code"] is None and known["signal"] is None:
        known["exit_code"], known["signal"] = engine.ending(facts)
    known["ended_at"] = known["ended_at"] or time.time()
    ended_by: EndedBy | None = "timeout" if state in ("TIMEOUT", "DEADLINE") else job.asked
    if ended_by is None or not known["error"]:
        known["error"] = _lost_words(job, state, facts, entry)
    return Outcome(job.index, ended_by=ended_by, **known)


def _lost_words(job: _Out, state: str, facts: Mapping[str, str], entry: Queued | None) -> str:
    reason = facts.get("Reason") or (entry.reason if entry else "")
    node = facts.get("NodeList") or (entry.nodes if entry else "")
    parts = [f"SLURM's job {job.job_id} ended without a result: {state or 'SLURM no longer knows it'}"]
    parts += [f"({reason})"] if reason not in ("", "None") else []
    parts += [f"on {node}"] if node and not node.startswith("(") else []
    parts += ["(out of memory)"] if state == "OUT_OF_MEMORY" else []
    return " ".join(parts)


def _facts(job: _Out, start: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an outcome that stand in the folder of its job."""
    return {
        "exit_code": start.get("exit_code"),
        "signal": start.get("signal"),
        "error": str(start.get("error") or ""),
        "log": start.get("log"),
        "slot": job.place,
        "gpus": tuple(start.get("gpus") or ()),
        "started_at": float(start.get("started_at") or 0.0),
        "ended_at": float(start.get("ended_at") or 0.0),
        "pid": int(start.get("pid") or 0),
        "max_rss_mb": float(start.get("max_rss_mb") or 0.0),
        "cpu_s": float(start.get("cpu_s") or 0.0),
        "resources": dict(start.get("resources") or {}),
    }
