"""Running another program for a limited time, whatever it starts and whatever that keeps open."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from tempfile import TemporaryFile
from typing import IO

log = logging.getLogger(__name__)


def run_limited(
    argv: Sequence[str], given: str = "", *, timeout_s: float, end_rest: bool = False, merged: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a program in a session of its own and return how it ended and what it printed.

    Ctrl-C is for the study, not for the program. What it reads and prints are files: pipes would wait for
    whoever keeps them open.

    Args:
        argv: Program and arguments.
        given: What it reads on its standard input.
        timeout_s: Seconds that it gets; after that all it started in its session is killed with it.
        end_rest: Whether what it leaves running in its session is killed when it ends by itself, too.
        merged: Whether both its outputs are one, in the order they were printed.

    Raises:
        OSError: It cannot be started.
        subprocess.TimeoutExpired: It took longer.
    """
    text = partial(TemporaryFile, "w+", errors="replace")
    with TemporaryFile() as source, text() as printed, text() as complaint:
        source.write(os.fsencode(given))
        source.seek(0)
        stderr = subprocess.STDOUT if merged else complaint
        process = subprocess.Popen(
            list(argv), stdin=source, stdout=printed, stderr=stderr, start_new_session=True
        )
        code = _wait(process, timeout_s, end_rest)
        return subprocess.CompletedProcess(argv, code, _all_of(printed), _all_of(complaint))


def ask(argv: Sequence[str], timeout_s: float) -> str | None:
    """Run a program that tells something and return what it printed; None where it fails or is silent."""
    try:
        done = run_limited(argv, timeout_s=timeout_s)
    except (OSError, subprocess.TimeoutExpired) as error:
        log.debug("%s: %s", argv[0], error)
        return None
    if done.returncode:
        log.debug("%s: %s", argv[0], done.stderr)
        return None
    return done.stdout


def _wait(process: subprocess.Popen[bytes], timeout_s: float, end_rest: bool) -> int:
    try:
        return process.wait(timeout_s)
    finally:
        if end_rest or process.returncode is None:
            _kill_session(process)
            process.wait()


def _kill_session(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _all_of(file: IO[str]) -> str:
    file.seek(0)
    return file.read()
