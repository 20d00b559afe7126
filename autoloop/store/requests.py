"""Requests of users to a running study, as files in its directory.

Only the process that runs a study writes its journal. Every other process leaves its request as a file in
``controls/``, written atomically and under a unique name; the process that runs the study reads it and leaves
its answer beside it.
"""

from __future__ import annotations

import getpass
import json
import os
import pwd
import socket
import stat
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from autoloop.errors import JournalError
from autoloop.store.files import inside, write_atomic
from autoloop.store.journal import is_left
from autoloop.study.events import UserControl
from autoloop.study.fields import FieldError, read_fields
from autoloop.study.record import Study

FOLDER = "controls"
MOST_BYTES = 64_000
"""Most bytes of a request; a longer file is refused."""
MOST_AT_ONCE = 100
"""Most requests that are read in one look."""
MOST_NAMES = 10_000
"""Most files that are looked at for these: what is no request does not keep one from being read."""
KEPT_S = 3600.0
"""Seconds after which answers are removed."""
_ENDING, _ANSWER = ".json", ".answer"


@dataclass(frozen=True, slots=True)
class UserRequest:
    """A request as it was found.

    Attributes:
        path: Its file.
        control: Its content, signed with the owner of the file; None if it cannot be read.
        problem: Why it cannot be read or is not allowed; empty if it is fine.
    """

    path: Path
    control: UserControl | None
    problem: str = ""


def leave(study_dir: Path, control: UserControl) -> Path:
    """Leave a request for the process that runs a study.

    Args:
        study_dir: The study's directory.
        control: The request; the user and the time are added here.

    Returns:
        The file, for `answer_to`.

    Raises:
        JournalError: The directory cannot be written, or leads out of the study.
    """
    folder = inside(study_dir, FOLDER)
    name = f"{time.time_ns()}-{os.getpid()}-{os.urandom(3).hex()}"
    by = f"{getpass.getuser()}@{socket.gethostname()}"
    record = replace(control, by=by, asked_as=name, asked_at=time.time()).as_record()
    record.pop("time")
    path, draft = folder / f"{name}{_ENDING}", folder / f".{name}.tmp"
    try:
        _make(folder, study_dir)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            json.dump(record, file)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise JournalError(
            f"cannot leave a request in {folder}: {error.strerror or error}; only users who may write there "
            "can make requests to this study"
        ) from error
    return path


LASTING = ("set", "bounds", "ban", "free", "add", "refuse", "keep")
"""Actions that make sense for a study that goes on later: while nothing runs they wait for that."""


def send(study_dir: Path, study: Study, control: UserControl, patience_s: float) -> tuple[bool, str]:
    """Send a request to a study, and wait for the answer.

    Args:
        study_dir: The study's directory.
        study: Its record, as far as it is known.
        control: The request.
        patience_s: Seconds that the answer is waited for.

    Returns:
        Whether it was done, or is kept for a process that continues the study; and the answer.

    Raises:
        JournalError: As of `leave`.
    """
    if study.stopped is not None:
        why = f"the study is over ({study.stopped.reason})"
        return False, f"too late: {why}; autoloop resume DIR hydra.sweeper.rounds=.. continues it"
    if is_left(study, study_dir):
        if control.action not in LASTING:
            return False, f"no process runs this study, so there is nothing to {control.action}"
        leave(study_dir, control)
        return True, "no process runs this study; the request waits until autoloop resume continues it"
    answered = answer_to(leave(study_dir, control), patience_s)
    return answered or (
        False,
        "no answer yet: it will be done when possible, and autoloop watch shows it",
    )


def _make(folder: Path, study_dir: Path) -> None:
    """Make the folder, for those who may write the study's directory."""
    if not folder.exists():
        with suppress(FileExistsError):
            folder.mkdir()
            folder.chmod(stat.S_IMODE(study_dir.stat().st_mode))


def pending(study_dir: Path) -> list[UserRequest]:
    """The requests that wait, the oldest first; links and files that are none of ours are left alone."""
    folder = study_dir / FOLDER
    with suppress(OSError, JournalError):
        folder = inside(study_dir, FOLDER)
        with os.scandir(folder) as entries:
            names = sorted(one.name for one in entries if one.name.endswith(_ENDING) and one.name[0] != ".")
        found = (_read(folder / name, study_dir) for name in names[:MOST_NAMES])
        return list(islice((one for one in found if one is not None), MOST_AT_ONCE))
    return []


def _read(path: Path, study_dir: Path) -> UserRequest | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        return UserRequest(path, None, f"it has more than {MOST_BYTES} bytes")
    try:
        control = read_fields(UserControl, json.loads(content))
    except (ValueError, RecursionError, FieldError) as error:
        return UserRequest(path, None, f"it cannot be read: {' '.join(str(error).split())[:200]}")
    control = replace(
        control, by=_signed(control.by, status.st_uid), asked_as=path.name.removesuffix(_ENDING)
    )
    return UserRequest(path, control, _forbidden(status.st_uid, study_dir))


def _signed(by: str, uid: int) -> str:
    """Who wrote a file: its owner, at the machine that it names."""
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    return f"{user}@{by.rpartition('@')[2][:100] or socket.gethostname()}"


def _forbidden(uid: int, study_dir: Path) -> str:
    """Why a user may not send requests to a study; empty if they may.

    Allowed are who runs it, root, the owner of its directory, and whoever its directory lets write.
    """
    owner = study_dir.stat()
    shared = owner.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if uid in (0, os.geteuid(), owner.st_uid) or shared:
        return ""
    return "the study's directory belongs to another user, who lets nobody else write there"


def answer(request: UserRequest, control: UserControl) -> None:
    """Leave the answer to a request and remove the request, and old answers."""
    lines = json.dumps({"taken": control.taken, "outcome": control.outcome})
    with suppress(OSError):
        write_atomic(request.path.with_suffix(_ANSWER), lines, make_dir=False)
    with suppress(OSError):
        request.path.unlink()
    _sweep(request.path.parent)


def _sweep(folder: Path) -> None:
    with suppress(OSError), os.scandir(folder) as found:
        for entry in found:
            old = time.time() - entry.stat(follow_symlinks=False).st_mtime > KEPT_S
            if old and entry.name.endswith((_ANSWER, ".tmp")):
                Path(entry.path).unlink()


def answer_to(request: Path, patience_s: float, pause_s: float = 0.1) -> tuple[bool, str] | None:
    """Wait for the answer to a request.

    Args:
        request: What `leave` returned.
        patience_s: Seconds to wait at the most.
        pause_s: Seconds between two looks.

    Returns:
        Whether it was done, and what came of it; None where there is no answer yet.
    """
    until = time.monotonic() + patience_s
    while True:
        found = _answer(request.with_suffix(_ANSWER))
        if found is not None or time.monotonic() >= until:
            return found
        time.sleep(pause_s)


def _answer(path: Path) -> tuple[bool, str] | None:
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        return bool(found["taken"]), str(found["outcome"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
