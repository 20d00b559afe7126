"""The values that travel between the pool, the supervisors and the jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

#: Why a job was ended from outside; None where it ended by itself.
EndedBy = Literal["timeout", "stopped", "stalled", "interrupted"]


@dataclass(frozen=True, slots=True)
class JobLimits:
    """How long a job may run, and how long it has to end once asked to.

    Attributes:
        timeout_s: Seconds until the job is ended, None for no limit.
        stall_s: Seconds without growth of its log or history until it is ended, None for no limit.
        grace_s: Seconds from the first, polite signal until the last process must be gone.
        watched: What is measured of it while it runs (`autoloop.curves.aims.WATCHED`).
    """

    timeout_s: float | None = None
    stall_s: float | None = None
    grace_s: float = 10.0
    watched: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """A job to run: a Python call or a command.

    Attributes:
        index: Number of the job.
        call: Callable without arguments; travels by cloudpickle over a private socket. Its return
            value, or the `Reply` it returns, comes back in the outcome.
        argv: A command, in place of ``call``.
        job_dir: Directory for ``job.log`` and ``status.json``. None where the call itself finds
            out and says so (`autoloop.engine.execute.child.enter_job_dir`).
        env: Variables to set beside those of the slot.
    """

    index: int
    call: Callable[[], Any] | None = None
    argv: tuple[str, ...] | None = None
    job_dir: str | None = None
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.call is None) == (self.argv is None):
            raise ValueError(f"job {self.index}: give either a call or an argv")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call returns that has more to say than its value.

    Attributes:
        value: The return value.
        error: Why the job failed, empty if it did not.
        exit_code: The exit code that its process ends with.
    """

    value: Any
    error: str = ""
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one job ended.

    Attributes:
        index: Number of the job.
        value: What the call returned (for a Hydra job its ``JobReturn``); None if nothing came back.
        exit_code: Exit code of the job's process, None if a signal ended it or it never started.
        signal: Name of the signal that ended it (``"SIGSEGV"``), else None.
        ended_by: Why it was ended from outside, None if it ended by itself.
        error: The last lines of its error, empty if there was none.
        log: Path of ``job.log``; None if the job died before it knew its directory.
        slot: Index of its slot.
        gpus: GPUs of its slot.
        started_at: Start, in seconds since the epoch.
        ended_at: End of the last of its processes, in seconds since the epoch.
        pid: Process id it had; 0 if it never started.
        max_rss_mb: Peak resident memory of its largest process, in MiB.
        cpu_s: CPU time of all its processes, in seconds.
        resources: Name -> what was watched of it (`autoloop.curves.aims.WATCHED`).
    """

    index: int
    value: Any = None
    exit_code: int | None = None
    signal: str | None = None
    ended_by: EndedBy | None = None
    error: str = ""
    log: str | None = None
    slot: int = 0
    gpus: tuple[str, ...] = ()
    started_at: float = 0.0
    ended_at: float = 0.0
    pid: int = 0
    max_rss_mb: float = 0.0
    cpu_s: float = 0.0
    resources: dict[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the job came to its own, successful end."""
        return self.exit_code == 0 and self.ended_by is None and not self.error


@dataclass(frozen=True, slots=True)
class Placed:
    """Where an engine that outlives the main process has put a job; what finds the job again.

    Attributes:
        index: Number of the job.
        handle: What the launcher's ``adopt`` needs, in JSON's terms.
        restarts: How often the engine has started it again so far.
        job_dir: The directory it works in now; None while it is the one it was given.
    """

    index: int
    handle: dict[str, str]
    restarts: int = 0
    job_dir: str | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """A request that has got its slot: all that its supervisor and its process need to know.

    Attributes:
        call: The pickled call (cloudpickle), None for a command.
        argv: The command, None for a call.
        job_dir: Absolute path of the job's directory, None where the call says it.
        env: The whole environment of the job.
        cwd: Working directory it starts in.
        argv0: ``sys.argv`` of the main process, which programs like to look at.
        limits: How long it may run.
        slot: Index of its slot.
        gpus: GPUs of its slot.
        main_pid: Process id of the main process; the job ends when that process is gone. None for a job
            that outlives it.
        started_at: When its slot began with it, in seconds since the epoch: what is imported for it from then
            on is its time. None where that is when its process starts.
    """

    call: bytes | None
    argv: tuple[str, ...] | None
    job_dir: str | None
    env: dict[str, str]
    cwd: str
    argv0: tuple[str, ...]
    limits: JobLimits
    slot: int
    gpus: tuple[str, ...]
    main_pid: int | None
    started_at: float | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """A supervisor's last word on its job; the fields are those of `Outcome`.

    Attributes:
        value: The pickled return value (cloudpickle), None if nothing came back.
        resources: What was watched of it, by name.
        stuck: What of the job could not be killed, in words; empty if nothing is left.
    """

    value: bytes | None
    exit_code: int | None
    signal: str | None
    ended_by: EndedBy | None
    error: str
    log: str | None
    started_at: float
    ended_at: float
    pid: int
    max_rss_mb: float
    cpu_s: float
    resources: dict[str, float] = field(default_factory=dict)
    stuck: str = ""
