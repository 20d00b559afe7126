"""The pipe on which a job tells its supervisor where it works and how it ended.

A frame is one byte of kind, eight of length, and the body. The reader never blocks: a job may die,
or be stopped, in the middle of a frame.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator

_HEADER = struct.Struct("!cQ")

#: Kinds of frames: the job's directory, its pickled value, the text of its error, and secrets that its config
#: names, as JSON.
DIRECTORY, VALUE, ERROR, SECRETS = b"D", b"V", b"E", b"S"
_KINDS = (DIRECTORY, VALUE, ERROR, SECRETS)

#: Bytes of the longest frame.
_MOST_BYTES = 64 << 20


class ReportWriter:
    """Writes frames into the pipe, also where the job has closed it or has a file of its own by that number.

    Args:
        fd: The pipe's writing end.
        again: Where the supervisor's end is found, of which the kernel opens another.
    """

    def __init__(self, fd: int, again: str) -> None:
        self._fd = fd
        self._again = again
        self._pipe = os.fstat(fd)

    def send(self, kind: bytes, body: bytes) -> None:
        """Write one frame, waiting for the reader where the pipe is full.

        Raises:
            OSError: The pipe is gone.
        """
        if self._is_pipe(self._fd):
            return _write(self._fd, kind, body)
        opened = os.open(self._again, os.O_WRONLY | os.O_CLOEXEC)
        try:
            if not self._is_pipe(opened):
                raise OSError(errno.EBADF, "the pipe to the supervisor is gone")
            return _write(opened, kind, body)
        finally:
            os.close(opened)

    def _is_pipe(self, fd: int) -> bool:
        try:
            return os.path.samestat(os.fstat(fd), self._pipe)
        except OSError:
            return False


def _write(fd: int, kind: bytes, body: bytes) -> None:
    data = memoryview(_HEADER.pack(kind, len(body)) + body)
    while data:
        data = data[os.write(fd, data) :]


class ReportReader:
    """Collects frames from the reading end of a pipe."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self.open = True
        self._buffer = bytearray()
        self._lost = False  # what came was none of our frames: the rest is thrown away

    def read(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the frames (kind, body) that are complete by now."""
        self._fill()
        while len(self._buffer) >= _HEADER.size:
            kind, length = _HEADER.unpack_from(self._buffer)
            if kind not in _KINDS or length > _MOST_BYTES:
                self._lost = True
                self._buffer.clear()
                return
            end = _HEADER.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_HEADER.size : end])
            del self._buffer[:end]
            yield kind, body

    def _fill(self) -> None:
        while self.open:
            try:
                chunk = os.read(self.fd, 1 << 20)
            except BlockingIOError:
                return
            self.open = bool(chunk)
            self._buffer += b"" if self._lost else chunk
