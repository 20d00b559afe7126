"""Unfinished studies of the same command, which lie where the pattern of ``hydra.sweep.dir`` put them."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from autoloop.errors import JournalError
from autoloop.history.files import MOST_BYTES, open_regular
from autoloop.store.journal import FILE_NAME, read_study
from autoloop.store.lock import has_open
from autoloop.study.record import Study

MOST = 300
"""Entries of directories that are looked at, the latest by name first."""

_INTERPOLATION = re.compile(r"\$\{[^${}]*\}")


def unfinished_sibling(pattern: str, study_dir: Path, command: str, cwd: str) -> Path | None:
    """Find a study that the same command began and did not finish, and that no process runs.

    Args:
        pattern: ``hydra.sweep.dir`` as it is written, with its ``${now:...}``; a plain path has no siblings.
        study_dir: The study that begins now.
        command: Its command, as a journal has it.
        cwd: The directory that is given in.
    """
    for found in made_by(pattern):
        header = _header(found) if found.resolve() != study_dir.resolve() else {}
        if (header.get("command"), header.get("cwd")) != (command, cwd):
            continue
        with suppress(JournalError):
            study = read_study(found)
            if study.stopped is None and not _is_run(study, found):
                return found
    return None


def made_by(pattern: str) -> Iterator[Path]:
    """Yield the directories that a pattern with interpolations can have made, the latest by name first."""
    written, before = pattern, ""
    while written != before:
        written, before = _INTERPOLATION.sub(lambda one: re.sub(r"[^/]+", "*", one[0]), written), written
    if written != pattern:
        yield from _below(Path(), Path(written).parts, iter(range(MOST)))


def _below(base: Path, parts: tuple[str, ...], left: Iterator[int]) -> Iterator[Path]:
    """Yield what lies below a directory along a pattern's parts, while there are entries left to look at."""
    if not parts:
        yield base
    elif "*" not in parts[0]:
        yield from _below(base / parts[0], parts[1:], left)
    else:
        with suppress(OSError):
            for path in sorted(base.iterdir(), reverse=True):
                if next(left, None) is None:
                    return
                if fnmatchcase(path.name, parts[0]):
                    yield from _below(path, parts[1:], left)


def _header(study_dir: Path) -> Mapping[str, Any]:
    """The first line of a journal; empty where there is none that can be read."""
    try:
        with open_regular(study_dir / FILE_NAME) as file:
            header = json.loads(file.readline(MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return header if isinstance(header, dict) else {}


def _is_run(study: Study, study_dir: Path) -> bool:
    """Whether the process that had a study last still runs on this machine."""
    last = study.resumes[-1] if study.resumes else study.header
    return last.host == socket.gethostname() and has_open(last.pid, study_dir / FILE_NAME)
