"""Files that anybody may have put where one of ours is looked for: nobody waits for what is no file."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

#: Bytes of a note that is read whole; ours have some kilobytes.
MOST_BYTES = 16 << 20

#: Of more files of one form in a directory only those with a usual name are opened: the others are data.
MOST_FILES = 100
_USUAL = re.compile(
    r"(?i)(metrics?|progress|logs?|history|stats|results?|scalars|train(ing)?|evaluation|eval|validation|valid|val|test)\b.*"
)


def is_usual(name: str) -> bool:
    """Tell whether a file has a name that logs of numbers often have."""
    return _USUAL.fullmatch(name) is not None


def worth_opening(names: Sequence[str]) -> Sequence[str]:
    """Return which files of one form in a directory are worth a look at what they hold."""
    return names if len(names) <= MOST_FILES else [name for name in names if is_usual(name)]


class NotAFileError(OSError):
    """Something else stands where a file is looked for: a directory, a FIFO, a socket, a device."""


def regular(path: Path) -> os.stat_result | None:
    """Return the status of a file, or of the file that a link leads to; None of anything else or nothing."""
    try:
        status = path.stat()
    except (OSError, ValueError):  # no such file, a circle of links; a name with a zero byte
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def open_regular(path: Path) -> BinaryIO:
    """Open a file to be read; of anything else nothing is read, and nobody waits for it.

    Raises:
        OSError: It cannot be opened, or is no file.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise NotAFileError(f"{path} is not a file")
    return os.fdopen(handle, "rb")


def identity(status: os.stat_result) -> tuple[int, int]:
    """Return what tells a file from another one of its name."""
    return status.st_dev, status.st_ino


def read_note(path: Path, most: int = MOST_BYTES) -> str:
    """Return the text of a file of at most so many bytes; what is no UTF-8 is replaced.

    Raises:
        OSError: It cannot be read, is no regular file, or has more bytes.
    """
    with open_regular(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"more than {most} bytes", str(path))
    return data.decode("utf-8", errors="replace")


def end_of_file(path: Path, size: int) -> str:
    """The last ``size`` bytes of a file as text; empty if it cannot be read."""
    try:
        with open_regular(path) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - size))
            return file.read(size).decode("utf-8", errors="replace")
    except OSError:
        return ""
