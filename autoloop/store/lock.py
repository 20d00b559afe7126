"""Who holds a study, and whether a process still lives."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from pathlib import Path
from typing import IO
from weakref import WeakSet

from autoloop.errors import JournalError
from autoloop.store.files import plain_file

_PROC = Path("/proc")
_held: WeakSet[IO[bytes]] = WeakSet()
_disowned: list[IO[bytes]] = []

#: Errors of the kernel about a lock that another process has, unlike those about a file system that has none.
_TAKEN = (errno.EWOULDBLOCK, errno.EACCES)


def lock_file(path: Path) -> IO[bytes]:
    """Open a file for appending and lock it; the kernel lets go when this process ends in any way.

    Returns:
        The file that stands at ``path``, locked: where another takes its place meanwhile, that one.

    Raises:
        BlockingIOError: Another process has it.
        JournalError: Its file system has no locks.
        OSError: It cannot be made or opened.
    """
    while True:
        file = open(path, "ab", buffering=0, opener=plain_file)  # noqa: SIM115 - kept open
        try:
            _lock(file, path)
            if is_at(file.fileno(), path):
                _held.add(file)
                return file
        except BaseException:
            file.close()
            raise
        file.close()


def _lock(file: IO[bytes], path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            raise BlockingIOError(error.errno, f"{path} is locked by another process") from error
        raise JournalError(
            f"the file system of {path.parent} has no locks ({error.strerror or error}), so two processes "
            "could run one study; choose a hydra.sweep.dir on another one"
        ) from error


def is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file is the one that stands at ``path``: not removed, moved or replaced since."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def disown(file: IO[bytes]) -> None:
    """Never close a file: its descriptor was closed behind its back, and may be another file's by now."""
    _held.discard(file)
    _disowned.append(file)


def this_process() -> str:
    """This process in words, for others to find it."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def _let_go_in_child() -> None:
    """Close a forked child's copies of the locks: it may outlive the process that holds the study."""
    for file in list(_held):
        file.close()


os.register_at_fork(after_in_child=_let_go_in_child)


def start_time(pid: int) -> str | None:
    """Return when process ``pid`` started, in ticks since boot; None if there is no such process.

    Together with the pid this names a process for good, although pids are used again.
    """
    fields = stat_fields(pid)
    return fields[19] if fields else None


def is_alive(pid: int, started: str) -> bool:
    """Return whether the process of that pid and `start_time` runs; a zombie does not."""
    fields = stat_fields(pid)
    return fields is not None and fields[19] == started and fields[0] not in "ZX"


def has_open(pid: int | None, path: Path) -> bool:
    """Return whether a process lives and, as far as may be seen, has a file open: pids are used again.

    Another user's process may not be looked at; it is taken for the one that is meant.
    """
    fields = None if pid is None else stat_fields(pid)
    if fields is None or fields[0] in "ZX":
        return False
    try:
        return any(_is_same(entry, path) for entry in (_PROC / str(pid) / "fd").iterdir())
    except PermissionError:
        return True
    except OSError:  # it ended meanwhile
        return False


def _is_same(entry: Path, path: Path) -> bool:
    try:
        return entry.samefile(path)
    except OSError:
        return False


def stat_fields(pid: int) -> list[str] | None:
    """Return the fields of /proc/<pid>/stat from the state on: state, ppid, pgrp, session, ..."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()
