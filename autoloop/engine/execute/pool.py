"""The pool: dispatches jobs to slots and brings their outcomes back as they end."""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing import Pipe
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from joblib import Parallel, delayed

from autoloop.engine.execute import pickling
from autoloop.engine.execute.feed import Feed
from autoloop.engine.execute.interrupts import Interrupts
from autoloop.engine.execute.running import LOOK_S, Running, SupervisorLostError, last_message, receive
from autoloop.engine.execute.supervisor import KILL, STARTED, STOP
from autoloop.engine.execute.values import Assignment, Ended, EndedBy, JobLimits, Outcome, Request
from autoloop.engine.execute.vigil import Vigil
from autoloop.engine.execute.zygote import Zygote
from autoloop.engine.slots import Slot, slot_environment
from autoloop.engine.wandb_env import SERVICE_VARIABLES
from autoloop.errors import AutoloopError, OutsideError
from autoloop.store.lock import start_time

log = logging.getLogger("autoloop")

#: Seconds that a start takes at most once the user has asked twice to end, and that processes which cannot be
#: killed are waited for in the end.
_START_PATIENCE_S, _LOST_PATIENCE_S = 2.0, 1.0


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """How a pool runs its jobs.

    Attributes:
        slots: The places jobs run in.
        to_fill: Whether a slot that stands idle is a waste: it has GPUs, or it was asked for.
        cores: CPU cores that the slots share.
        limits: Limits of every job.
        stagger_s: Least time between the starts of two jobs, in seconds.
        preload: Modules that the zygote imports once for all jobs.
        wait_for_gpus: Called with a slot's GPUs before a job starts there; may block. It is given a
            second argument to wait with: ``pause(seconds)`` returns True when the pool is closing.
        gpus_left: Called with a slot's GPUs when the job that was waited for has ended there.
    """

    slots: tuple[Slot, ...]
    to_fill: bool = True
    cores: int = 1
    limits: JobLimits = field(default_factory=JobLimits)
    stagger_s: float = 0.0
    preload: tuple[str, ...] = ()
    wait_for_gpus: Callable[[tuple[str, ...], Callable[[float], bool]], None] | None = None
    gpus_left: Callable[[tuple[str, ...]], None] = lambda gpus: None


class Pool:
    """Runs requests, at most one per slot at any time.

    joblib's threading backend gives each slot a thread, in which the slot serves one job after the
    other. (One joblib task per job would not do: joblib reads ahead in the requests.) A pool can be
    used for several batches, one after the other; close it in the end.
    """

    def __init__(self, settings: PoolSettings) -> None:
        if not Path("/proc/self/stat").exists():
            raise AutoloopError("hydra/launcher=slots needs Linux and /proc; use another launcher here")
        self._settings = settings
        self._zygote: Zygote | None = None
        self._left: list[Zygote] = []  # they may still have jobs
        self._warm = True
        self._shared: bytes | None = None
        self._lock = threading.Lock()  # over the zygote and the running jobs, never held for long
        self._starting = threading.Lock()  # jobs start one after the other
        self._running: dict[int, Running] = {}
        self._lost: set[int] = set()  # slots whose job cannot be ended
        self._interrupted = threading.Event()
        self._interrupt_order = STOP
        self._hurried_at = float("inf")
        self._last_start = float("-inf")

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The places jobs run in."""
        return self._settings.slots

    @property
    def to_fill(self) -> bool:
        """Whether a slot that stands idle is a waste."""
        return self._settings.to_fill

    def share(self, value: Any) -> None:
        """Hand ``value`` (by cloudpickle) to all jobs started from now on: `zygote.shared` returns it."""
        with self._lock:
            self._shared = pickling.dumps(value)
            if self._zygote is None:
                self._open_zygote()
            else:
                self._zygote.share(self._shared)

    def run(self, requests: Iterable[Request]) -> Iterator[Outcome]:
        """Run ``requests`` and yield their outcomes as the jobs end.

        Args:
            requests: Taken one by one, each when a slot is free for it. The iterable runs in a
                thread of its own and may block, for instance until earlier outcomes are known.

        Yields:
            One outcome per job that started.

        Raises:
            KeyboardInterrupt: After Ctrl-C, when all jobs have ended and their outcomes are yielded.
                A second Ctrl-C ends them at once.
            SystemExit: The same for SIGTERM, with exit code 143.
            OutsideError: No slot is left, since jobs there cannot be ended.
        """
        if not self._free():
            raise OutsideError(
                "no slot is left: the last job in each cannot be killed, as its state in /proc tells (D: it "
                "waits for a disk or a driver). Free them, then run the same command again"
            )
        self._interrupted.clear()
        self._hurried_at = float("inf")
        feed = Feed(requests)
        outcomes: SimpleQueue[Outcome | None] = SimpleQueue()
        interrupts = Interrupts(lambda at_once: self._interrupt(feed, at_once))
        thread = threading.Thread(
            target=self._dispatch, args=(feed, outcomes), name="autoloop-pool", daemon=True
        )
        with interrupts:
            thread.start()
            outcome = None
            try:
                while (outcome := outcomes.get()) is not None:
                    yield outcome
            finally:
                if outcome is not None:  # the consumer has had enough, or an error ended it
                    self._interrupt(feed, at_once=False)
                thread.join()
        interrupts.raise_if_any()
        if feed.error is not None:
            raise feed.error

    def stop(self, index: int, reason: EndedBy = "stopped") -> bool:
        """End the running job ``index``, politely first; return whether it was running."""
        return self._order(index, STOP, reason)

    def close(self) -> None:
        """Let the zygote go. Call it when no job runs any more."""
        with self._lock:
            self._leave_zygote()
            while self._left:
                self._left.pop().close(patience_s=_LOST_PATIENCE_S if self._lost else None)

    def _free(self) -> list[Slot]:
        return [slot for slot in self._settings.slots if slot.index not in self._lost]

    def _interrupt(self, feed: Feed[Request], at_once: bool) -> None:
        feed.close()
        self._interrupt_order = KILL if at_once else STOP
        if at_once:
            self._hurried_at = min(self._hurried_at, time.monotonic())
        self._interrupted.set()
        zygote = self._zygote
        if zygote is not None:
            zygote.end()  # it may be busy importing, with a job that waits for it
        for index in list(self._running):
            self._order(index, self._interrupt_order, "interrupted")

    def _order(self, index: int, order: str, reason: EndedBy) -> bool:
        with self._lock:
            running = self._running.get(index)
            if running is None:
                return False
            running.vigil.ask(time.monotonic(), reason, at_once=order == KILL)
            try:
                running.channel.send_bytes(f"{order} {reason}".encode())
            except OSError:
                return False
            return True

    def _dispatch(self, feed: Feed[Request], outcomes: SimpleQueue[Outcome | None]) -> None:
        slots = self._free()
        parallel = Parallel(
            n_jobs=len(slots), backend="threading", return_as="generator_unordered", pre_dispatch="all"
        )
        try:
            for _ in parallel(delayed(self._serve)(slot, feed, outcomes) for slot in slots):
                pass
        except BaseException as error:  # noqa: BLE001  raised again where the outcomes are read
            feed.error = feed.error or error
        finally:
            feed.close()  # a slot may have been lost while the feed has more
            outcomes.put(None)

    def _serve(self, slot: Slot, feed: Feed[Request], outcomes: SimpleQueue[Outcome | None]) -> None:
        """Run one job after the other in ``slot``, until it is lost."""
        while slot.index not in self._lost and (request := feed.take()) is not None:
            outcome = self._run_one(request, slot)
            self._settings.gpus_left(slot.gpus)
            outcomes.put(outcome)

    def _lose(self, slot: Slot, why: str) -> None:
        """Start no more jobs in a slot: what runs there may hold its GPUs for ever."""
        self._lost.add(slot.index)
        log.warning("slot %d is lost for this run: %s", slot.index, why)

    def _run_one(self, request: Request, slot: Slot) -> Outcome:
        outcome = Outcome(request.index, slot=slot.index, gpus=slot.gpus, started_at=time.time())
        try:
            if self._settings.wait_for_gpus is not None and slot.gpus:
                self._settings.wait_for_gpus(slot.gpus, self._interrupted.wait)
            ended = self._supervised(request, slot)
        except SupervisorLostError as error:
            if error.stuck:
                self._lose(slot, str(error))
            return replace(outcome, ended_by=error.ended_by, error=str(error), ended_at=time.time())
        except Exception as error:  # the border of a job: one that cannot start is a failure
            log.debug("job %s could not be run", request.index, exc_info=True)
            return replace(outcome, error=f"{type(error).__name__}: {error}", ended_at=time.time())
        if ended is None:
            return replace(outcome, ended_by="interrupted", ended_at=time.time())
        if ended.stuck:
            self._lose(slot, ended.stuck)
        return _outcome(outcome, ended)

    def _supervised(self, request: Request, slot: Slot) -> Ended | None:
        """Start a supervisor for ``request`` and wait for its last message; None if it was not started."""
        began = time.time()
        with self._starting:
            pause_s = self._last_start + self._settings.stagger_s - time.monotonic()
            if self._interrupted.wait(max(0.0, pause_s)):
                return None
            if self._settings.stagger_s:
                began = time.time()  # a job that has to wait has not begun
            assignment = pickle.dumps(self._assignment(request, slot, began))
            running = self._start(assignment) or self._start_cold(assignment)
            self._last_start = time.monotonic()
        if running is None:
            return None
        with running.channel, self._watched(request.index, running):
            ended: Ended = pickle.loads(last_message(running))
        return ended

    def _start_cold(self, assignment: bytes) -> Running | None:
        """Start a job after the zygote died on the attempt: with one that imports nothing itself.

        Raises:
            ChildProcessError: That did not help.
        """
        if self._interrupted.is_set():
            return None
        if self._warm:
            log.warning("the process that jobs are forked from has died; each job now imports what it needs")
        with self._lock:
            self._leave_zygote()
            self._warm = False
        running = self._start(assignment)
        if running is None and not self._interrupted.is_set():
            raise ChildProcessError("no process could be started for the job")
        return running

    def _start(self, assignment: bytes) -> Running | None:
        """Fork a supervisor and wait until it has started the job; None if the zygote died over it."""
        channel, theirs = Pipe(duplex=True)
        with theirs, self._lock:
            self._fork(theirs.fileno())
        with contextlib.suppress(OSError):
            channel.send_bytes(assignment)
        while not channel.poll(LOOK_S):
            if time.monotonic() - self._hurried_at > _START_PATIENCE_S and self._zygote is not None:
                self._zygote.kill()  # it is stopped or hangs, and the user has asked twice
        message = receive(channel)
        if message is None:
            channel.close()
            return None
        pid = int(message.removeprefix(STARTED))
        vigil = Vigil(self._settings.limits, time.monotonic())
        return Running(channel, pid, start_time(pid) or "", vigil)

    @contextlib.contextmanager
    def _watched(self, index: int, running: Running) -> Iterator[None]:
        """Keep a job where orders for it are looked for."""
        with self._lock:
            self._running[index] = running
        if self._interrupted.is_set():  # it came while the job started
            self._order(index, self._interrupt_order, "interrupted")
        try:
            yield
        finally:
            with self._lock:
                del self._running[index]

    def _assignment(self, request: Request, slot: Slot, began: float) -> Assignment:
        return Assignment(
            call=None if request.call is None else pickling.dumps(request.call),
            argv=request.argv,
            job_dir=None if request.job_dir is None else str(Path(request.job_dir).absolute()),
            env={**self._environment(slot), **request.env},
            cwd=str(Path.cwd()),
            argv0=tuple(sys.argv),
            limits=self._settings.limits,
            slot=slot.index,
            gpus=slot.gpus,
            main_pid=os.getpid(),
            started_at=began,
        )

    def _environment(self, slot: Slot) -> dict[str, str]:
        environ = {name: value for name, value in os.environ.items() if name not in SERVICE_VARIABLES}
        n_slots = len(self._settings.slots)
        return {**environ, **slot_environment(slot, n_slots, self._settings.cores, environ)}

    def _fork(self, channel_fd: int) -> None:
        """Let the zygote fork, a new one where the old one has died."""
        try:
            self._open_zygote().fork(channel_fd)
        except OSError:
            self._leave_zygote()
            self._open_zygote().fork(channel_fd)

    def _open_zygote(self) -> Zygote:
        if self._zygote is None:
            env = self._environment(self._settings.slots[0])
            env |= {"PYTORCH_NVML_BASED_CUDA_CHECK": "1"}  # torch then counts GPUs without opening one
            env.pop("CUDA_VISIBLE_DEVICES", None)
            if "CUDA_VISIBLE_DEVICES" in os.environ:
                env["CUDA_VISIBLE_DEVICES"] = os.environ["CUDA_VISIBLE_DEVICES"]
            self._zygote = Zygote(self._settings.preload, env, warm=self._warm)
            if self._shared is not None:
                self._zygote.share(self._shared)
        return self._zygote

    def _leave_zygote(self) -> None:
        if self._zygote is not None:
            self._zygote.leave()
            self._left.append(self._zygote)
            self._zygote = None


def _outcome(outcome: Outcome, ended: Ended) -> Outcome:
    """Complete ``outcome`` with a supervisor's last message."""
    value, error = None, ended.error
    if ended.value is not None:
        try:
            value = pickle.loads(ended.value)
        except Exception as problem:  # noqa: BLE001  unpickling runs foreign code
            error = error or f"the return value cannot be unpickled: {type(problem).__name__}: {problem}"
    return replace(
        outcome,
        value=value,
        exit_code=ended.exit_code,
        signal=ended.signal,
        ended_by=ended.ended_by,
        error=error,
        log=ended.log,
        started_at=ended.started_at,
        ended_at=ended.ended_at,
        pid=ended.pid,
        max_rss_mb=ended.max_rss_mb,
        cpu_s=ended.cpu_s,
        resources=ended.resources,
    )
