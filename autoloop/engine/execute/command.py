"""Running a command from inside a job, such as ``accelerate launch train.py``."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from autoloop.engine.execute.processes import group_members

#: Seconds that the rest of an interrupted command's group gets after its first process has ended.
_LINGER_S = 60.0
_POLL_S = 0.05  # between two looks at the group in that time


def run_command(
    argv: Sequence[str],
    *,
    env: Mapping[str, str | None] | None = None,
    cwd: str | Path | None = None,
    log: str | Path | None = None,
) -> int:
    """Run ``argv``, wait for its end and return its exit status.

    The command gets a process group of its own. Ctrl-C, or the SIGINT by which a job is asked to end,
    is passed on to the whole group exactly once per signal, and then the last process of it is waited
    for: under ``accelerate launch`` the trainer may need time to write what it has after the launcher
    is gone. What the command leaves running otherwise is ended by the job's supervisor.

    Args:
        argv: Program and arguments.
        env: Variables to set beside those of this process; None takes one out.
        cwd: Working directory, by default this process's.
        log: File its output is appended to; by default it goes where this process's output goes.

    Returns:
        The exit code; ``-n`` if signal ``n`` ended the command.

    Raises:
        OSError: The program cannot be started.
        KeyboardInterrupt: A SIGINT was passed on; the command has ended.
    """
    changes = env or {}
    whole = {name: value for name, value in {**os.environ, **changes}.items() if value is not None}
    with contextlib.ExitStack() as stack:
        output = None if log is None else stack.enter_context(Path(log).open("ab"))
        process = stack.enter_context(
            subprocess.Popen(
                list(argv),
                env=whole,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=None if output is None else subprocess.STDOUT,
                start_new_session=True,
            )
        )
        if _wait(process):
            raise KeyboardInterrupt
        return process.returncode


def _wait(process: subprocess.Popen[bytes]) -> bool:
    """Wait for the end of ``process``; return whether a SIGINT was passed on to it.

    After one, the rest of its group is waited for as well.
    """
    try:
        return _patient(process)
    finally:
        if process.returncode is None:
            _kill(process, signal.SIGKILL)


def _patient(process: subprocess.Popen[bytes]) -> bool:
    interrupted, wait = False, process.wait
    while True:
        try:
            wait()
        except KeyboardInterrupt:  # noqa: PERF203 - a loop of one or two turns
            _kill(process, signal.SIGINT)
            interrupted, wait = True, functools.partial(_wait_for_group, process)
        else:
            return interrupted


def _wait_for_group(process: subprocess.Popen[bytes]) -> int:
    status = process.wait()
    deadline = time.monotonic() + _LINGER_S
    while group_members(process.pid):
        if time.monotonic() > deadline:
            _kill(process, signal.SIGKILL)
        time.sleep(_POLL_S)
    return status


def _kill(process: subprocess.Popen[bytes], signum: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signum)
