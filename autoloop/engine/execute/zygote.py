"""The zygote: an idle process that has imported what jobs need and forks a supervisor per job.

It is a fresh interpreter, not a fork of the main process, so it has one thread and no open GPU. It
ends when the main process closes its socket or dies. Nothing in it may touch CUDA: a forked process
cannot use a GPU that its parent has opened. The exit handlers of what it has imported are its own, not
the jobs': they run once, at its end, when the last job has ended.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pickle
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType
from typing import Any

from autoloop.engine.execute import processes, supervisor
from autoloop.store.redact import known_secrets

_HEADER = struct.Struct("!cQ")
_PRELOAD, _SHARE, _KEEP, _FORK = b"P", b"S", b"K", b"F"

#: Seconds between looks at the parent, which may die while a copy of its socket stays open.
_LIFE_CHECK_S = 1.0

#: Seconds between looks at the jobs that are still running at the end.
_LAST_LOOK_S = 0.01

#: Seconds in which what a killed supervisor has left must be gone; what cannot be killed is left alone then.
_STRAYS_S = 5.0

_BOOT = (
    "import json, sys; fd, sys.path[:] = json.loads(sys.argv[1]); "
    "from autoloop.engine.execute.zygote import serve; serve(fd)"
)

_shared_pickle: bytes | None = None
_shared: list[Any] = []


def shared() -> Any:
    """Return what the pool has shared with all jobs (`Zygote.share`), in a job's process.

    It is unpickled once, in the zygote. Where that failed, the job does it again by itself, so that
    the error appears where it belongs: in the job.

    Raises:
        LookupError: Nothing was shared.
    """
    if not _shared:
        if _shared_pickle is None:
            raise LookupError("nothing was shared with this job")
        _shared.append(pickle.loads(_shared_pickle))
    return _shared[0]


class Zygote:
    """The main process's handle on its zygote.

    Args:
        preload: Modules to import before the first fork.
        env: Environment of the zygote. Thread counts must be right in it, because math libraries
            read them when they are imported.
        warm: Whether to import and unpickle in the zygote at all. A cold one leaves that to each
            job: slower, but whatever an import does is done in the job's own process.
    """

    def __init__(self, preload: Sequence[str], env: Mapping[str, str], *, warm: bool = True) -> None:
        self._warm = warm
        ours, theirs = socket.socketpair()
        with theirs:
            boot = json.dumps([theirs.fileno(), [path for path in sys.path if isinstance(path, str)]])
            flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
            self._process = subprocess.Popen(
                [sys.executable, *flags, "-c", _BOOT, boot],
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # what an import prints, the main process has printed
                pass_fds=[theirs.fileno()],
                stderr=None if sys.__stderr__ is not None else subprocess.DEVNULL,  # it may be a file by now
                start_new_session=True,
            )
        self._socket = ours
        self._send(_PRELOAD, json.dumps(list(preload) if warm else []).encode())

    @property
    def pid(self) -> int:
        """Process id of the zygote."""
        return self._process.pid

    def share(self, pickled: bytes) -> None:
        """Hand over an object (by cloudpickle) that every job forked from now on inherits."""
        self._send(_SHARE if self._warm else _KEEP, pickled)

    def fork(self, channel_fd: int) -> None:
        """Fork a supervisor that talks over ``channel_fd``; the caller closes its own copy.

        Raises:
            OSError: The zygote is gone.
        """
        socket.send_fds(self._socket, [_HEADER.pack(_FORK, 0)], [channel_fd])

    def end(self) -> None:
        """End the zygote: at once if it is importing, else when the last job has ended; jobs go on."""
        self._process.terminate()

    def kill(self) -> None:
        """Kill the zygote; jobs go on."""
        self._process.kill()

    def leave(self) -> None:
        """Let the zygote end when its last job has."""
        self._socket.close()

    def close(self, patience_s: float | None = None) -> None:
        """Let the zygote end and wait for it and for its last job; not longer than so many seconds."""
        self.leave()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience_s)

    def _send(self, kind: bytes, body: bytes) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # `fork` will tell
            self._socket.sendall(_HEADER.pack(kind, len(body)) + body)


class _Ended(BaseException):
    """The main process wants no more jobs."""


def serve(fd: int) -> None:
    """Be the zygote: import, share and fork as requested on socket ``fd``, until it closes or SIGTERM comes.

    It returns when all jobs have ended: what the end of this process takes down is theirs too.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    processes.become_subreaper()  # for the jobs of supervisors that are killed
    supervisors: set[int] = set()
    with socket.socket(fileno=fd) as commands, contextlib.suppress(_Ended):
        _serve(commands, supervisors)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while _reap(supervisors):
        time.sleep(_LAST_LOOK_S)


def _serve(commands: socket.socket, supervisors: set[int]) -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        _reap(supervisors)
        if _is_readable(commands) and not _serve_one(commands, supervisors):
            return


def _is_readable(commands: socket.socket) -> bool:
    """Wait for a command; only meanwhile does SIGTERM let the zygote end in good order."""

    def end(signum: int, frame: FrameType | None) -> None:
        raise _Ended

    signal.signal(signal.SIGTERM, end)
    try:
        return bool(select.select([commands], [], [], _LIFE_CHECK_S)[0])
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _serve_one(commands: socket.socket, supervisors: set[int]) -> bool:
    """Carry out one command; return whether there may be more."""
    header, fds, _, _ = socket.recv_fds(commands, _HEADER.size, 1)
    if len(header) < _HEADER.size:
        return False
    kind, length = _HEADER.unpack(header)
    body = _receive(commands, length)
    if kind == _FORK:
        supervisors.add(_fork_supervisor(commands, fds[0]))
        return True
    with _ending_with_parent():
        if kind == _PRELOAD:
            _preload(json.loads(body))
        else:
            keep_shared(body, load=kind == _SHARE)
    return True


@contextlib.contextmanager
def _ending_with_parent() -> Iterator[None]:
    """End this process when its parent ends, although it is busy importing."""
    parent = os.getppid()

    def look(signum: int, frame: FrameType | None) -> None:
        if os.getppid() != parent:
            os._exit(1)

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, _LIFE_CHECK_S, _LIFE_CHECK_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _receive(commands: socket.socket, length: int) -> bytes:
    body = bytearray()
    while len(body) < length:
        chunk = commands.recv(length - len(body))
        if not chunk:
            raise EOFError("the main process ended in the middle of a command")
        body += chunk
    return bytes(body)


def _fork_supervisor(commands: socket.socket, channel_fd: int) -> int:
    pid = os.fork()
    if pid:
        os.close(channel_fd)
        return pid
    try:
        commands.close()
        supervisor.supervise(channel_fd)
    except BaseException:  # noqa: BLE001  the border of a process: shown, then it ends
        traceback.print_exc()
    finally:
        os._exit(1)


def _preload(modules: Sequence[str]) -> None:
    """Import ``modules``; one that cannot be imported is left to the jobs that need it."""
    for module in modules:
        _import(module)
    _settle()


def _import(module: str) -> None:
    try:
        importlib.import_module(module)
    except Exception as error:  # noqa: BLE001  importing runs foreign code
        _log_text(f"cannot preload {module!r}: {error}")


def keep_shared(pickled: bytes, *, load: bool) -> None:
    """Let `shared` return what was pickled, in this process and those forked from it.

    Args:
        pickled: The value, by cloudpickle.
        load: Whether to unpickle it here, once, and not in each job.
    """
    global _shared_pickle
    _shared_pickle = pickled
    _shared.clear()
    if load:
        with contextlib.suppress(Exception):  # `shared` tries again in the job and fails there
            shared()
        _settle()


def _settle() -> None:
    """Keep what is loaded out of garbage collections, which would copy its pages in every job.

    An import that opened a GPU has spoilt this process for jobs that want one, and a thread that it started
    would be missing in all of them: this process gives up.
    """
    spoilt = "uses the GPU" if processes.has_opened_gpu() else _thread_of_import()
    if spoilt:
        _log_text(f"an imported module {spoilt}; jobs import by themselves instead")
        os._exit(1)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # nobody reads it any more
            stream.flush()
    known_secrets(os.environ)  # every supervisor and job asks for them
    gc.collect()
    gc.freeze()


def _log_text(text: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads it any more
        print(f"autoloop: {text}", file=sys.stderr)


def _thread_of_import() -> str:
    others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    return f"has started a thread ({others[0]})" if others else ""


def _reap(supervisors: set[int]) -> bool:
    """Collect supervisors that ended; end what the job of a killed one has left behind.

    Returns:
        Whether there are more.
    """
    crashed = False
    for pid in list(supervisors):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            supervisors.discard(pid)
            crashed |= status != 0
    deadline = time.monotonic() + _STRAYS_S
    while crashed and time.monotonic() < deadline and _kill_strays(supervisors):
        time.sleep(_LAST_LOOK_S)
    return bool(supervisors)


def _kill_strays(supervisors: set[int]) -> bool:
    """Kill and collect what supervisors have left to this process; return whether something is left."""
    strays = set(processes.children(os.getpid())) - supervisors
    for pid in strays:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, os.WNOHANG)
    return bool(strays)
