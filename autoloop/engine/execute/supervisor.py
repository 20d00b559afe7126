"""The supervisor: one small process per job that starts it, keeps its limits and leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import select
import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn, cast, get_args

from autoloop.engine.execute import processes
from autoloop.engine.execute.child import LOG_NAME, open_log, run_assignment
from autoloop.engine.execute.ending import Ending
from autoloop.engine.execute.memory import OUT_OF_MEMORY, MemoryKills
from autoloop.engine.execute.open_runs import OpenRuns
from autoloop.engine.execute.reports import DIRECTORY, ERROR, SECRETS, VALUE, ReportReader, ReportWriter
from autoloop.engine.execute.resources import ResourceWatch
from autoloop.engine.execute.signals import signal_name
from autoloop.engine.execute.stall import StallWatch
from autoloop.engine.execute.values import Assignment, Ended, EndedBy
from autoloop.errors import counted
from autoloop.history.files import open_regular
from autoloop.store import lock
from autoloop.store.redact import MARGIN, keep_secrets, redact
from autoloop.store.status import boot_id, write_status

#: First words of an order from the pool, followed by a reason: end the job politely, or at once.
STOP, KILL = "stop", "kill"

#: What the pool hears when the job's process is there, followed by the supervisor's pid; the next word is the
#: last (`Ended`).
STARTED = b"started "

#: Seconds between looks at the main process, which may die without closing its end of the channel.
_LIFE_CHECK_S = 1.0

#: Seconds that processes which a job left behind get to end after SIGTERM.
_STRAGGLER_GRACE_S = 1.0

#: Seconds after the first SIGKILL in which everything must be gone, and those where somebody is in a hurry.
_STUCK_S, _STUCK_HURRIED_S = 20.0, 1.5

#: How much of the end of a log makes up an error text.
_TAIL_BYTES, _TAIL_LINES = 4096, 5


def supervise(channel_fd: int) -> NoReturn:
    """Run and watch one job in this process, which the zygote has just forked; never returns."""
    os.setsid()
    processes.become_subreaper()
    channel = Connection(channel_fd)
    assignment: Assignment = pickle.loads(channel.recv_bytes())
    supervision = Supervision(assignment, channel)
    supervision.start()
    with contextlib.suppress(OSError):  # a dead main process is noticed while watching
        channel.send_bytes(STARTED + str(os.getpid()).encode())
    ended = supervision.watch()
    with contextlib.suppress(OSError):
        channel.send_bytes(pickle.dumps(ended))
    os._exit(0)


class Supervision:
    """One job under watch.

    Args:
        assignment: The job.
        channel: Where orders come from; None for a job whose only orders are signals.
        signals: Signals beside SIGTERM that end the job, and why they do.
    """

    def __init__(
        self,
        assignment: Assignment,
        channel: Connection | None,
        signals: Mapping[signal.Signals, EndedBy] | None = None,
    ) -> None:
        self._assignment = assignment
        self._channel = channel
        self._signals: dict[signal.Signals, EndedBy] = {signal.SIGTERM: "interrupted", **(signals or {})}
        self._main_started = self._main_start()
        self._job_dir = assignment.job_dir
        self._value: bytes | None = None
        self._error = ""
        self._exit_status: int | None = None
        self._cpu_s = 0.0
        self._max_rss_mb = 0.0
        self._ending: Ending | None = None
        self._asked_to_end_at: float | None = None
        self._killed_at: float | None = None  # when the first SIGKILL was sent
        self._stall = StallWatch(assignment.limits.stall_s)
        self._memory = MemoryKills()
        self._resources = ResourceWatch(assignment.limits.watched, assignment.gpus)
        self._open_runs = OpenRuns()

    def start(self) -> None:
        """Fork the job."""
        self._wake_fd = _wake_on_signals(self._signals, self._begin_ending)
        output_fd = self._open_output()
        report_fd, job_end = os.pipe()  # the job's end stays open here too: the job may want it again
        self._started_at, self._began = self._assignment.started_at or time.time(), time.monotonic()
        supervisor = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            if self._channel is not None:
                self._channel.close()
            os.close(report_fd)
            reports = ReportWriter(job_end, f"/proc/{supervisor}/fd/{report_fd}")
            run_assignment(self._assignment, reports, output_fd, supervisor)
        self._output_fd = output_fd
        self._reports = ReportReader(report_fd)
        self._write_status("running")

    def watch(self) -> Ended:
        """Wait for the end of the job and of everything it started; return how it went."""
        while not self._reap() and not self._is_stuck():
            self._read_reports()
            self._read_orders()
            self._memory.look(time.monotonic())
            self._resources.look(time.monotonic())
            self._open_runs.look(time.monotonic(), self._job_dir)
            self._check_limits()
            self._take_due_step()
            self._sleep()
        ended_by = self._ending.reason if self._ending else None
        self._read_reports()
        self._end_stragglers()
        ended = self._summary(ended_by)
        self._write_status("ended", ended)
        return ended

    def _open_output(self) -> int:
        """Open what the job's output goes to: its log, or memory until its directory is known."""
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        os.close(null)
        if self._job_dir is None:
            return os.memfd_create("early-output")
        Path(self._job_dir).mkdir(parents=True, exist_ok=True)
        return open_log(self._job_dir)

    def _begin_ending(self, reason: EndedBy) -> None:
        if self._ending is None:
            self._ending = Ending(reason, time.monotonic(), self._assignment.limits.grace_s)
            self._asked_to_end_at = time.time()

    def _read_reports(self) -> None:
        for kind, body in self._reports.read():
            if kind == DIRECTORY:
                self._job_dir = os.fsdecode(body)
                self._write_status("running")
            elif kind == VALUE:
                self._value = body
            elif kind == ERROR:
                self._error = body.decode(errors="replace")
            elif kind == SECRETS:
                _keep_secrets(body)

    def _read_orders(self) -> None:
        """Obey the pool. An end of file means that the main process is gone."""
        try:
            while self._channel is not None and self._channel.poll(0):
                self._obey(*self._channel.recv_bytes().decode().split())
        except (EOFError, OSError):
            self._channel = None
            self._begin_ending("interrupted")

    def _obey(self, order: str, reason: str) -> None:
        if reason in get_args(EndedBy):
            self._begin_ending(cast(EndedBy, reason))
        if order == KILL and self._ending:
            self._ending.hurry()

    def _check_limits(self) -> None:
        limits = self._assignment.limits
        now = time.monotonic()
        if limits.timeout_s is not None and now - self._began >= limits.timeout_s:
            self._begin_ending("timeout")
        if self._stall.is_stalled(now, self._job_dir):
            self._begin_ending("stalled")
        if self._main_start() != self._main_started:
            self._begin_ending("interrupted")

    def _main_start(self) -> str | None:
        """When the main process started; None if it is gone, or if the job does without it."""
        pid = self._assignment.main_pid
        return None if pid is None else lock.start_time(pid)

    def _take_due_step(self) -> None:
        due = self._ending.due(time.monotonic()) if self._ending else None
        if due == signal.SIGINT:
            processes.kill_group(self._pid, due)
        elif due == signal.SIGKILL:
            self._kill_all()
        elif due is not None:
            processes.kill_descendants(due)

    def _kill_all(self) -> None:
        self._killed_at = self._killed_at or time.monotonic()
        processes.kill_descendants(signal.SIGKILL)

    def _is_stuck(self) -> bool:
        """Whether something below this process was killed and does not die: it waits in the kernel."""
        if self._killed_at is None:
            return False
        hurried = self._ending is not None and self._ending.hurried
        return time.monotonic() - self._killed_at >= (_STUCK_HURRIED_S if hurried else _STUCK_S)

    def _stuck(self) -> str:
        """What is still there although it was killed, in words; empty if nothing is."""
        states = {pid: (lock.stat_fields(pid) or "?")[0] for pid in processes.descendants(os.getpid())}
        left = [f"{pid} (state {state})" for pid, state in states.items() if state not in "ZX"]
        return f"the job's processes cannot be killed: {', '.join(left[:5])}" if left else ""

    def _sleep(self) -> None:
        """Wait for a signal, a report or an order, at most until the next check is due."""
        now = time.monotonic()
        wake_at = [now + _LIFE_CHECK_S]
        if self._ending:
            wake_at.append(self._ending.next_at())
        elif self._assignment.limits.timeout_s is not None:
            wake_at.append(self._began + self._assignment.limits.timeout_s)
        sources: list[int] = [self._wake_fd]
        if self._reports.open:
            sources.append(self._reports.fd)
        if self._channel is not None:
            sources.append(self._channel.fileno())
        select.select(sources, [], [], max(0.0, min(wake_at) - now))
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_fd, 4096)

    def _reap(self) -> bool:
        """Collect children that ended; return whether the job's own process is among them."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
                if pid == 0:
                    break
                self._cpu_s += usage.ru_utime + usage.ru_stime
                self._max_rss_mb = max(self._max_rss_mb, usage.ru_maxrss / 1024)
                if pid == self._pid:
                    self._exit_status = status
        return self._exit_status is not None

    def _end_stragglers(self) -> None:
        """End what the job left running: workers, daemons, processes in sessions of their own."""
        deadline = time.monotonic() + (0.0 if self._ending else _STRAGGLER_GRACE_S)
        if self._has_children():
            processes.kill_descendants(signal.SIGTERM)
        while self._has_children() and not self._is_stuck():
            if time.monotonic() >= deadline:
                self._kill_all()
            self._read_orders()
            select.select([self._wake_fd], [], [], 0.05)
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_fd, 4096)

    def _has_children(self) -> bool:
        self._reap()
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        return True

    def _summary(self, ended_by: EndedBy | None) -> Ended:
        code = os.waitstatus_to_exitcode(self._exit_status or 0)
        stuck = self._stuck() if self._is_stuck() else ""
        ended = self._over_limit(ended_by) or self._error
        error = "; ".join(filter(None, [ended, stuck]))
        if not error and (code > 0 or ended_by):  # a signal gives a job no time for last words
            error = self._last_output()
        if code != 0 and not ended_by and self._memory.happened(time.monotonic()):
            error = f"{error}\n{OUT_OF_MEMORY}".strip()
        return Ended(
            value=self._value,
            exit_code=code if code >= 0 and self._exit_status is not None else None,
            signal=signal_name(-code) if code < 0 else None,
            ended_by=ended_by,
            error=error,
            log=str(Path(self._job_dir) / LOG_NAME) if self._job_dir else None,
            started_at=self._started_at,
            ended_at=time.time(),
            pid=self._pid,
            max_rss_mb=round(self._max_rss_mb, 1),
            cpu_s=round(self._cpu_s, 3),
            resources=self._resources.peaks(self._max_rss_mb),
            stuck=stuck,
        )

    def _over_limit(self, ended_by: EndedBy | None) -> str:
        """Which limit ended the job, whose own last words tell nothing of that; empty if none did."""
        limits = self._assignment.limits
        if ended_by == "timeout" and limits.timeout_s:
            return f"it ran for more than {counted(limits.timeout_s / 60, 'minute')}"
        if ended_by == "stalled" and limits.stall_s:
            return f"neither its log nor its history grew for {counted(limits.stall_s / 60, 'minute')}"
        return ""

    def _last_output(self) -> str:
        """Return the last lines of the job's output."""
        try:
            if self._job_dir is None:
                data = _tail(self._output_fd)
            else:
                with open_regular(Path(self._job_dir) / LOG_NAME) as file:
                    data = _tail(file.fileno())
        except OSError:
            return ""
        text = redact(data.decode(errors="replace"), self._assignment.env)[-_TAIL_BYTES:]
        lines = [line.rstrip() for line in text.splitlines()]
        return "\n".join([line for line in lines if line][-_TAIL_LINES:])

    def _write_status(self, state: str, ended: Ended | None = None) -> None:
        if self._job_dir is None:
            return
        with contextlib.suppress(OSError):  # a full disk or a deleted directory must not end the job
            write_status(self._job_dir, self._status(state, ended))

    def _status(self, state: str, ended: Ended | None) -> dict[str, object]:
        status: dict[str, object] = {
            "state": state,
            "pid": self._pid,
            "process_start": lock.start_time(self._pid),
            "supervisor_pid": os.getpid(),
            "supervisor_start": lock.start_time(os.getpid()),
            "boot_id": boot_id(),
            "host": socket.gethostname(),
            "slot": self._assignment.slot,
            "gpus": self._assignment.gpus,
            "started_at": self._started_at,
        }
        if ended:
            status |= {name: value for name, value in asdict(ended).items() if name != "value"}
            status["asked_to_end_at"] = self._asked_to_end_at
        return status


def _keep_secrets(body: bytes) -> None:
    """Hide the secrets of the job's config too; what is no such message may be a task's own writing."""
    with contextlib.suppress(ValueError, RecursionError):
        secrets = json.loads(body)
        if isinstance(secrets, dict) and all(isinstance(one, str) for one in secrets.values()):
            keep_secrets(secrets)


def _tail(fd: int) -> bytes:
    size = os.fstat(fd).st_size
    return os.pread(fd, _TAIL_BYTES + MARGIN, max(0, size - _TAIL_BYTES - MARGIN))


def _wake_on_signals(signals: Mapping[signal.Signals, EndedBy], end: Callable[[EndedBy], None]) -> int:
    """Let SIGCHLD and the signals that end a job wake the supervisor; return the descriptor to select on."""
    wake_fd, signal_fd = os.pipe()
    os.set_blocking(wake_fd, False)
    os.set_blocking(signal_fd, False)
    signal.set_wakeup_fd(signal_fd, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for signum, reason in signals.items():
        signal.signal(signum, lambda *_, reason=reason: end(reason))
    return wake_fd
