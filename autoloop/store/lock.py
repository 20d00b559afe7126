"""Who holds a study, and whether a process still lives."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path
from typing import IO
from weakref import WeakSet

from autoloop.errors import JournalError
from autoloop.store.files import plain_file

_PROC = Path("/proc")
_held: WeakSet[IO[str]] = WeakSet()


def take_lock(path: Path) -> IO[str]:
    """Take the lock, which the kernel lets go of when this process ends in any way."""
    file = open(path, "a+", opener=plain_file)  # noqa: SIM115 - kept open
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        holder = file.read().strip() or "another process"
        file.close()
        raise JournalError(
            f"the study in {path.parent} is being run by {holder}; wait for it or end it first"
        ) from error
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()}")
    file.flush()
    _held.add(file)
    return file


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


def stat_fields(pid: int) -> list[str] | None:
    """Return the fields of /proc/<pid>/stat from the state on: state, ppid, pgrp, session, ..."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()
