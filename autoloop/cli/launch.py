"""Handing this process over to a training, so that signals and the exit code are the training's."""

from __future__ import annotations

import os
import pwd
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from autoloop.config.rerun import runs_program, shell_line
from autoloop.errors import AutoloopError
from autoloop.store.journal import FILE_NAME
from autoloop.store.redact import redact, reveal, without_controls
from autoloop.store.secrets import unknown_marks
from autoloop.study.events import StudyBegun


def become(args: Sequence[str], directory: Path | None = None) -> NoReturn:
    """Replace this process.

    Args:
        args: ``python``, which stands for the interpreter that runs this, and its arguments; secrets that
            are hidden in them are put back.
        directory: Where to; None for the current directory.

    Raises:
        AutoloopError: A secret is not in this environment.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    arguments = [_revealed(arg) for arg in args[1:]]
    if directory is not None:
        os.chdir(directory)
    os.execv(sys.executable, [sys.executable, *arguments])


def _revealed(arg: str) -> str:
    """An argument of a command with its secrets, which no journal keeps.

    Raises:
        AutoloopError: One is not in this environment.
    """
    whole = reveal(arg, os.environ)
    key, equals, _ = arg.partition("=")
    names = [one for one in unknown_marks(whole) if one.isupper() or "." in one or one == key.lstrip("+")]
    if not names:
        return whole
    ways = [f"set {names[0]} in the environment"] if names[0].isupper() else []
    ways += [f"give {key}=.. as a further argument"] if equals else []
    advice = " or ".join(ways) or "give it anew"
    raise AutoloopError(f"the command contained a secret, which the journal does not keep: {arg}; {advice}")


def revealed(header: StudyBegun) -> StudyBegun:
    """The beginning of a study with the secrets of this environment in its command again."""
    return replace(header, command=reveal(shell_line(header.command), os.environ))


def shown(args: Sequence[str]) -> str:
    """A command as a line to copy, without secrets."""
    return without_controls(redact(shlex.join(args), os.environ))


def stored_command(header: StudyBegun) -> tuple[list[str], Path]:
    """Return the arguments that started a study, and the directory they were given in.

    Raises:
        AutoloopError: The journal does not hold them, or the directory is gone.
    """
    args = shlex.split(shell_line(revealed(header).command))
    if len(args) < 2:
        raise AutoloopError("the study's journal does not hold the command that started it")
    directory = Path(reveal(header.cwd or ".", os.environ))
    if not directory.is_dir():
        raise AutoloopError(f"the study was started in {directory}, which no longer exists: {shown(args)}")
    return args, directory


def check_trust(study_dir: Path, args: Sequence[str]) -> None:
    """See to it that what a study's journal says is run only where that is its user's own work.

    Args:
        study_dir: The study.
        args: The command that would be run.

    Raises:
        AutoloopError: The study belongs to another user, or its command runs no Python file or module.
    """
    owner = next((uid for uid in _owners(study_dir) if uid != os.geteuid()), None)
    if owner is not None:
        why = f"the study in {study_dir} belongs to another user ({_user(owner)})"
    elif not runs_program(args):
        why = f"the command of the study in {study_dir} is not a Python file or module"
    else:
        return
    raise AutoloopError(f"{why}; look at what it would run, and add --trust if that is right: {shown(args)}")


def _owners(study_dir: Path) -> Iterator[int]:
    for path in (study_dir, study_dir / FILE_NAME):
        yield path.stat().st_uid


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
