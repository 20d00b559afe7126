"""A trainer in a process of its own: its output in the job's log as it comes, its failure in one line."""

from __future__ import annotations

import logging
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from autoloop.engine.execute.command import run_command
from autoloop.engine.inside.runs import may_write_in
from autoloop.store.redact import redact
from autoloop.tasks.command.failure import TrainerFailedError, failure_of
from autoloop.tasks.command.prepare import Start

log = logging.getLogger(__name__)

#: How much of the end of a log is read for the cause of a failure.
_READ_BYTES = 1 << 20


def run_process(start: Start, patterns: Sequence[str] = ()) -> None:
    """Run a command until it ends.

    Args:
        start: The command.
        patterns: Patterns of log lines that say why it failed.

    Raises:
        TrainerFailedError: It ended with a code other than 0, or was killed.
        KeyboardInterrupt: The job was asked to end, and the trainer has.
    """
    log.info("%s\n(its output: %s)", shlex.join(start.command), start.log)
    begin = start.log.stat().st_size if start.log.exists() else 0
    try:
        may_write_in(start.cwd)
        status = run_command(start.command, env=start.env, cwd=start.cwd, log=start.log)
    except OSError as error:
        raise TrainerFailedError(f"{start.command[0]} cannot be started: {error}", 127) from error
    if status != 0:
        raise failure_of(status, _output_since(start.log, begin), patterns)


def _output_since(log_file: Path, begin: int) -> str:
    """The end of what a command printed since ``begin``, in bytes from the start of the log; no secrets."""
    with log_file.open("rb") as output:
        output.seek(max(begin, log_file.stat().st_size - _READ_BYTES))
        return redact(output.read().decode("utf-8", errors="replace"), os.environ)
