"""Processes as Linux shows them: trees, ends and the calls of prctl that the standard library lacks."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from autoloop.store.lock import stat_fields

#: Options of prctl(2), from linux/prctl.h.
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PROC = Path("/proc")


def become_subreaper() -> None:
    """Make orphaned descendants of this process its children, wherever they were forked."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when its parent, process ``parent``, ends."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the call
        os.kill(os.getpid(), signal.SIGKILL)


def children(parent: int) -> list[int]:
    """Return the pids of all processes directly below ``parent``."""
    return _children_by_parent().get(parent, [])


def descendants(root: int) -> list[int]:
    """Return the pids of all processes below ``root``, parents before their children."""
    by_parent = _children_by_parent()
    found: list[int] = []
    waiting = [root]
    while waiting:
        below = by_parent.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def has_opened_gpu(fd_dir: Path = _PROC / "self" / "fd") -> bool:
    """Return whether this process has initialised CUDA, known from the device file that only CUDA opens."""
    for entry in fd_dir.iterdir():
        with contextlib.suppress(OSError):
            if str(entry.readlink()).startswith("/dev/nvidia-uvm"):
                return True
    return False


def kill_descendants(signum: signal.Signals) -> None:
    """Send ``signum`` to every process below this one, in whatever session or group it is."""
    for pid in descendants(os.getpid()):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signum)


def group_members(pgid: int) -> list[int]:
    """Return the pids of the processes in group ``pgid`` that are not merely waiting to be collected."""
    stats = ((pid, stat_fields(pid)) for pid in _all_pids())
    return [pid for pid, fields in stats if fields and fields[2] == str(pgid) and fields[0] != "Z"]


def kill_group(pgid: int, signum: signal.Signals) -> None:
    """Send ``signum`` to the process group ``pgid``, as a terminal does for Ctrl-C."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pgid, signum)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")


def _children_by_parent() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for pid in _all_pids():
        fields = stat_fields(pid)
        if fields:
            found.setdefault(int(fields[1]), []).append(pid)
    return found


def _all_pids() -> Iterator[int]:
    return (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())
