"""Running a command from inside a job, such as ``accelerate launch train.py``."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def run_command(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    log: str | Path | None = None,
) -> int:
    """Run ``argv``, wait for its end and return its exit status.

    The command gets a process group of its own. Ctrl-C, or the SIGINT by which a job is asked to end,
    is passed on to it exactly once per signal, and then it is waited for: it may need time to write
    what it has. What it leaves running is ended by the job's supervisor.

    Args:
        argv: Program and arguments.
        env: Variables to set beside those of this process.
        cwd: Working directory, by default this process's.
        log: File its output is appended to; by default it goes where this process's output goes.

    Returns:
        The exit code; ``-n`` if signal ``n`` ended the command.

    Raises:
        OSError: The program cannot be started.
    """
    with contextlib.ExitStack() as stack:
        output = None if log is None else stack.enter_context(Path(log).open("ab"))
        process = stack.enter_context(
            subprocess.Popen(
                list(argv),
                env={**os.environ, **(env or {})},
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=None if output is None else subprocess.STDOUT,
                start_new_session=True,
            )
        )
        return _wait(process)


def _wait(process: subprocess.Popen[bytes]) -> int:
    while (status := _wait_or_pass_on(process)) is None:
        pass
    return status


def _wait_or_pass_on(process: subprocess.Popen[bytes]) -> int | None:
    """Return the exit status of ``process``; None after a SIGINT, which it then has got as well."""
    try:
        return process.wait()
    except KeyboardInterrupt:
        _kill(process, signal.SIGINT)
        return None
    except BaseException:
        _kill(process, signal.SIGKILL)
        raise


def _kill(process: subprocess.Popen[bytes], signum: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signum)
