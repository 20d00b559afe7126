"""Standard input, output and error of the main process, where they are closed or nobody reads them."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

_NAMES = ("stdin", "stdout", "stderr")


def open_standard_streams() -> None:
    """Open what is closed of the descriptors 0 to 2, as cron and daemons leave them.

    The next file or socket that is opened would get such a number, and a child that is given its standard
    output, or closes it, would overwrite or close that one.
    """
    for number, name in enumerate(_NAMES):
        if not _is_open(number):
            _open_null(number)
        if getattr(sys, name) is None:  # closed when Python began; another file may have the number by now
            setattr(sys, name, Path(os.devnull).open("w" if number else "r"))  # noqa: SIM115  for good


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _open_null(descriptor: int) -> None:
    """Let a descriptor, for children too, lead nowhere."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, descriptor)
    if null != descriptor:
        os.close(null)
    os.set_inheritable(descriptor, True)


def outlive_readers() -> None:
    """Let the handlers of logs go on when nobody reads standard output or error any more (``| head -1``)."""
    for handler in _handlers():
        stream = handler.stream
        if stream is not None and stream in (sys.stdout, sys.stderr) and not stream.isatty():
            handler.setStream(_Lasting(stream))


def _handlers() -> Iterator[logging.StreamHandler[Any]]:
    found = [logging.root, *logging.root.manager.loggerDict.values()]
    for one in (one for one in found if isinstance(one, logging.Logger)):
        yield from (each for each in one.handlers if isinstance(each, logging.StreamHandler))


def show(text: str) -> None:
    """Print a text on standard output, as far as somebody reads it."""
    with _unread(sys.stdout):
        print(text, flush=True)


@contextlib.contextmanager
def _unread(stream: IO[str]) -> Iterator[None]:
    """Where nobody reads a stream any more, or a job has closed it, let it lead nowhere from then on."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.EBADF, errno.EIO):
            raise
        _open_null(stream.fileno())


class _Lasting:
    """A stream whose reader may go away; what is written then is dropped."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write ``text``."""
        with _unread(self._stream):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what is held back."""
        with _unread(self._stream):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __reduce__(self) -> tuple[Any, ...]:
        """The same stream of the process that it goes to."""
        return getattr, (sys, "stdout" if self._stream is sys.stdout else "stderr")
