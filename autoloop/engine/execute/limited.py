"""Running another program for a limited time, whatever it starts and whatever that keeps open."""

from __future__ import annotations

import atexit
import errno
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from tempfile import TemporaryFile
from typing import IO

log = logging.getLogger(__name__)

#: Bytes of what a program prints that are kept where nobody says otherwise.
MOST_BYTES = 16 << 20

#: Programs that run; where a thread waits for one when this process ends, it ends too.
_running: set[subprocess.Popen[bytes]] = set()

_LOOK_S = 0.1  # between two looks at how much a program has printed


def run_limited(
    argv: Sequence[str],
    given: str = "",
    *,
    timeout_s: float,
    end_rest: bool = False,
    merged: bool = False,
    most_bytes: int = MOST_BYTES,
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
        most_bytes: Of each output; when there are more, all it started in its session is killed with it.

    Raises:
        OSError: It cannot be started, or printed more.
        subprocess.TimeoutExpired: It took longer.
    """
    with TemporaryFile() as source, TemporaryFile() as printed, TemporaryFile() as complaint:
        source.write(os.fsencode(given))
        source.seek(0)
        stderr = subprocess.STDOUT if merged else complaint
        process = subprocess.Popen(
            list(argv), stdin=source, stdout=printed, stderr=stderr, start_new_session=True
        )
        _running.add(process)
        files = (printed, complaint)
        code = _wait(process, timeout_s, end_rest, lambda: max(map(_size, files)) > most_bytes)
        return subprocess.CompletedProcess(argv, code, *(_text_of(file, most_bytes) for file in files))


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


def _wait(
    process: subprocess.Popen[bytes], timeout_s: float, end_rest: bool, too_much: Callable[[], bool]
) -> int:
    deadline, code = time.monotonic() + timeout_s, None
    try:
        while (code := _code_of(process, deadline)) is None:
            if time.monotonic() >= deadline:
                raise subprocess.TimeoutExpired(process.args, timeout_s)
            _refuse(too_much())
        _refuse(too_much())
        return code
    finally:
        if end_rest or code is None:
            _kill_session(process)
            process.wait()
        _running.discard(process)


def _code_of(process: subprocess.Popen[bytes], deadline: float) -> int | None:
    """Wait a moment for a process; None where it still runs."""
    try:
        return process.wait(min(_LOOK_S, max(0.0, deadline - time.monotonic())))
    except subprocess.TimeoutExpired:
        return None


def _refuse(too_much: bool) -> None:
    if too_much:
        raise OSError(errno.EFBIG, "it printed too much")


def _kill_session(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@atexit.register
def _end_running() -> None:
    for process in list(_running):
        _kill_session(process)


def _size(file: IO[bytes]) -> int:
    return os.fstat(file.fileno()).st_size


def _text_of(file: IO[bytes], most: int) -> str:
    """What was printed by now, with plain line ends; what the program left running may go on."""
    file.seek(0)
    return file.read(most).decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")
