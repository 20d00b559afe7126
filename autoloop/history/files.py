"""Reading files that a trainer, or a stranger, may have put where one of ours is looked for."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

#: Bytes of a note that is read whole; ours have some kilobytes.
MOST_BYTES = 16 << 20


def open_file(path: Path) -> BinaryIO:
    """Open a regular file for reading; what else stands there could keep its reader waiting for ever.

    Raises:
        OSError: It cannot be opened, or is a pipe, a device or the like.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return file


def read_note(path: Path, most: int = MOST_BYTES) -> str:
    """Return the text of a file of at most so many bytes; what is no UTF-8 is replaced.

    Raises:
        OSError: It cannot be read, is no regular file, or has more bytes.
    """
    with open_file(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"more than {most} bytes", str(path))
    return data.decode("utf-8", errors="replace")


def end_of_file(path: Path, size: int) -> str:
    """The last ``size`` bytes of a file as text; empty if it cannot be read."""
    try:
        with open_file(path) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - size))
            return file.read(size).decode("utf-8", errors="replace")
    except OSError:
        return ""
