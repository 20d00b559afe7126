"""A job that runs, as the pool knows it: its supervisor, and how long that is waited for."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

from autoloop.engine.execute.values import EndedBy
from autoloop.engine.execute.vigil import Step, Vigil
from autoloop.store.lock import is_alive

LOOK_S = 0.5  # between two looks whether a supervisor that is silent should have spoken


class SupervisorLostError(ChildProcessError):
    """Something on this machine ended the supervisor of a job.

    Attributes:
        ended_by: Why the job is to have ended.
        stuck: Whether the supervisor, or its job, is still there.
    """

    def __init__(self, message: str, ended_by: EndedBy = "interrupted", stuck: bool = False) -> None:
        super().__init__(message)
        self.ended_by = ended_by
        self.stuck = stuck


@dataclass(frozen=True, slots=True)
class Running:
    """A job that runs.

    Attributes:
        channel: To its supervisor.
        pid: Of its supervisor.
        started: When that process started, see `autoloop.store.lock.start_time`.
        vigil: How long it is waited for.
    """

    channel: Connection
    pid: int
    started: str
    vigil: Vigil

    def signal(self, signum: signal.Signals) -> None:
        """Send the supervisor a signal, as long as it is there."""
        if is_alive(self.pid, self.started):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, signum)


def last_message(running: Running) -> bytes:
    """Wait for a supervisor's last message, but not forever if it should have come.

    Raises:
        SupervisorLostError: It was killed, by whoever; or cannot be.
    """
    why = "was killed"
    while not running.channel.poll(LOOK_S):
        step = running.vigil.due(time.monotonic())
        if step is Step.WAKE:
            running.signal(signal.SIGCONT)
        elif step is Step.KILL:
            why = "did not answer and was killed"
            running.signal(signal.SIGKILL)
        elif step is Step.GIVE_UP:
            message = f"its supervisor (process {running.pid}) cannot be killed, so the job may still run"
            raise SupervisorLostError(message, running.vigil.reason or "interrupted", stuck=True)
    reply = receive(running.channel)
    if reply is None:
        message = f"the process that supervises the job {why}, and the job with it"
        raise SupervisorLostError(message, running.vigil.reason or "interrupted")
    return reply


def receive(channel: Connection) -> bytes | None:
    """Return a supervisor's next message, None if the supervisor has ended."""
    try:
        return channel.recv_bytes()
    except (EOFError, ConnectionError):
        return None
