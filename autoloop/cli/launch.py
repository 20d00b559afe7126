"""Handing this process over to a training, so that signals and the exit code are the training's."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from autoloop.config.rerun import shell_line
from autoloop.errors import AutoloopError
from autoloop.study.events import StudyBegun


def become(words: Sequence[str], directory: Path | None = None) -> NoReturn:
    """Replace this process.

    Args:
        words: ``python``, which stands for the interpreter that runs this, and its arguments.
        directory: Where to; None for the current directory.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if directory is not None:
        os.chdir(directory)
    os.execv(sys.executable, [sys.executable, *words[1:]])


def stored_command(header: StudyBegun) -> tuple[list[str], Path]:
    """Return the words that started a study, and the directory they were given in.

    Raises:
        AutoloopError: The journal does not hold them, or the directory is gone.
    """
    words = shlex.split(shell_line(header.command))
    if len(words) < 2:
        raise AutoloopError("the study's journal does not hold the command that started it")
    directory = Path(header.cwd or ".")
    if not directory.is_dir():
        raise AutoloopError(
            f"the study was started in {directory}, which is not there any more: {shlex.join(words)}"
        )
    return words, directory
