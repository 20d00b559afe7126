"""Writing files so that a reader never sees half of one, and directories so that none is used twice."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from autoloop.errors import JournalError

if TYPE_CHECKING:
    from autoloop.study.record import Study

#: What a job's directory holds before it starts: where the job comes from.
LINEAGE_FILE = "lineage.json"
#: And what it is to train, as hashes of its config's values, which the job compares with what it composed.
PLANNED_FILE = "planned.json"
#: Bytes of a file's name where the file system does not tell, and those kept free for ``_2``, ``_again1``.
NAME_BYTES, SPARE_BYTES = 255, 16
#: Names of drafts, and how old one is, in seconds, that nobody is writing any more.
_DRAFT, _STALE_S = re.compile(r"\..+\.[0-9a-f]{8}\.tmp"), 60.0
#: Bytes of the path of a job's directory; Linux takes 4,096, and a job makes long paths below.
PATH_BYTES = 3072
#: Errors of a file system about a name that it does not accept; an unwritable directory gives others.
_REFUSED_NAMES = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.ENOTDIR, errno.EEXIST, errno.ELOOP)


def inside(study_dir: Path, place: str) -> Path:
    """Return a place of a study: a directory of a job, or of reports.

    Args:
        study_dir: The study's directory.
        place: A path relative to it, which others may have written or put there.

    Raises:
        JournalError: It leads out of the study, by its words or by a link.
    """
    path = study_dir / place
    if not _lies_in(study_dir, path):
        raise JournalError(
            f"{place!r} leads out of the study in {study_dir}, to {os.path.realpath(path)}; "
            "nothing is read or written there. Put the directory itself in its place"
        )
    return path


def _lies_in(study_dir: Path, path: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(study_dir))


def plain_file(path: str, flags: int) -> int:
    """Open a file as ``open(opener=..)`` wants it; a pipe or a device that lies in its place is refused.

    A link is followed only to read.

    Raises:
        OSError: It is no plain file, or cannot be opened.
    """
    writes = flags & (os.O_WRONLY | os.O_RDWR)
    descriptor = os.open(path, flags | os.O_NONBLOCK | (os.O_NOFOLLOW if writes else 0), 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no plain file", path)
    return descriptor


def write_atomic(
    path: Path,
    content: str | bytes | Callable[[IO[bytes]], object],
    *,
    mode: int | None = 0o644,
    durable: bool = False,
    make_dir: bool = True,
) -> None:
    """Write a file beside ``path``, then move it there: readers see the old or the new one, whole.

    Args:
        path: Where the file is to be.
        content: Its bytes, its text (stored as UTF-8), or what writes it into an open file.
        mode: Who may read and write it, whatever the umask says; None leaves that to the umask.
        durable: Whether it is on disk, and not only with the kernel, before it stands there.
        make_dir: Whether a directory that is not there is made.

    Raises:
        OSError: The directory is gone, not writable or out of space; what stood there before is unharmed.
    """
    if make_dir:
        path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(draft, flags, 0o666 if mode is None else mode & 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _fill(file, content)
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)  # it is there still where it could not be written or put in place


def sweep_drafts(directory: Path) -> None:
    """Remove the drafts that `write_atomic` left in a directory when it was killed."""
    with suppress(OSError), os.scandir(directory) as found:
        for entry in found:
            if _DRAFT.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                _remove_stale(entry)


def _remove_stale(entry: os.DirEntry[str]) -> None:
    with suppress(OSError):
        if time.time() - entry.stat(follow_symlinks=False).st_mtime > _STALE_S:
            Path(entry.path).unlink()


def _fill(file: IO[bytes], content: str | bytes | Callable[[IO[bytes]], object]) -> None:
    if isinstance(content, str):
        file.write(content.encode("utf-8", "backslashreplace"))
    elif isinstance(content, bytes):
        file.write(content)
    else:
        content(file)


def fitting(study_dir: Path, wanted: str, job: int) -> str:
    """Return the directory that a job is to have, each name in it short enough for the file system.

    A name that is too long is cut; a hash of the whole name, and at the end the job's number, keep it apart
    from others. The same job gets the same directory in every process.

    Args:
        study_dir: The study's directory.
        wanted: What ``hydra.sweep.subdir`` says, relative to it.
        job: Number of the job.
    """
    limit = _name_bytes(study_dir) - SPARE_BYTES
    *above, last = wanted.rstrip("/").split("/") if wanted.rstrip("/") else [wanted]
    fitted = "/".join([*(_short(name, limit) for name in above), _short(last, limit, f"-{job}")])
    if len(os.fsencode(study_dir.absolute() / fitted)) <= PATH_BYTES:
        return wanted if fitted == wanted.rstrip("/") else fitted
    return _short(wanted.replace("/", "_"), limit, f"-{job}")


def _short(name: str, limit: int, end: str = "") -> str:
    """A name of at most so many bytes of UTF-8; one that has more is cut and ends with its hash."""
    encoded = name.replace("\0", "_").encode("utf-8", "backslashreplace")
    if len(encoded) <= limit:
        return encoded.decode()
    end = f"-{hashlib.sha256(encoded).hexdigest()[:8]}{end}"
    return encoded[: limit - len(end)].decode("utf-8", "ignore").rstrip(" .") + end


def _name_bytes(study_dir: Path) -> int:
    """How many bytes a file's name may have there."""
    there = next((path for path in (study_dir, *study_dir.absolute().parents) if path.exists()), Path())
    try:
        limit = os.pathconf(there, "PC_NAME_MAX")
    except (OSError, ValueError, AttributeError):
        limit = 0
    return limit if limit > 2 * SPARE_BYTES else NAME_BYTES


def make_job_dir(study_dir: Path, wanted: str, job: int, study: Study) -> str:
    """Make a job's directory, under a fresh name that the file system takes, and return it.

    Where none can be made, whatever its name, nothing is raised: what is written there next tells why.

    Args:
        study_dir: The study's directory.
        wanted: What ``hydra.sweep.subdir`` says, relative to it.
        job: Number of the job.
        study: The record of the jobs that have a directory already.

    Returns:
        The directory, relative to the study's.
    """
    fitted = fitting(study_dir, wanted, job)
    try:
        return _made(study_dir, fitted, job, study)
    except OSError as error:
        if error.errno not in _REFUSED_NAMES:
            return fitted
    with suppress(OSError):
        return _made(study_dir, str(job), job, study)
    return str(job)


def _made(study_dir: Path, wanted: str, job: int, study: Study) -> str:
    run_dir = fresh_dir(study_dir, wanted, job, study)
    (study_dir / run_dir).mkdir(parents=True, exist_ok=True)
    return run_dir


def fresh_dir(study_dir: Path, wanted: str, job: int, study: Study) -> str:
    """Return the directory for a job: the wanted one, or one beside it where that is in use or holds files.

    Args:
        study_dir: The study's directory.
        wanted: What ``hydra.sweep.subdir`` says, relative to it.
        job: Number of the job.
        study: The record of the jobs that have a directory already.
    """
    used = study.tally.run_dirs
    if not _lies_in(study_dir, (study_dir / wanted).parent):
        wanted = str(job)
    candidate, count = wanted, 1
    while candidate in used or _holds_files(study_dir / candidate):
        stem = f"{wanted.rstrip('/')}_{job}" if Path(wanted).name else str(job)
        candidate = stem if count == 1 else f"{stem}_{count}"
        count += 1
    return candidate


def _holds_files(path: Path) -> bool:
    return path.is_symlink() or (path.exists() and (not path.is_dir() or any(path.iterdir())))
