"""The traceback of a job that raised: what its log shows, and how it reaches the main process."""

from __future__ import annotations

import os
import traceback
from types import TracebackType
from typing import Any

from autoloop.engine.execute.exits import JobExitError
from autoloop.store.redact import redact

#: Modules between the start of a job and the app's own code; their frames tell nothing of a failure.
_BETWEEN = ("hydra.core.utils", "autoloop.engine.execute.", "autoloop.engine.inside.")
#: Characters of what is shown; the rest is a message that nobody reads.
MOST_CHARACTERS = 1 << 18
_BEGIN = "Traceback (most recent call last):"


class JobTraceback(Exception):  # noqa: N818 - the cause of an error, as text
    """The traceback of an exception that was raised in another process; that exception's cause here."""

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}"""'


class Travelling:
    """An exception on its way to another process: unpickled it is itself, caused by its `JobTraceback`."""

    def __init__(self, error: BaseException, text: str) -> None:
        self._error = error
        self._text = text

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrived, (self._error, self._text)


def _arrived(error: BaseException, text: str) -> BaseException:
    error.__cause__ = JobTraceback(text)
    return error


def failure_text(error: BaseException) -> str:
    """What the log of a job shows of the exception that ended it: the app's part of its traceback.

    If it reports the end of another program, only its message, since that program's output is in the log.
    Secrets are taken out.
    """
    if getattr(error, "exit_code", None) is not None and not isinstance(error, JobExitError):
        return redact(f"autoloop: {error}\n", os.environ)
    lines = traceback.format_exception(type(error), error, _of_app(error.__traceback__))
    text = redact("".join(lines), os.environ)
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]} ...\n"


def _of_app(shown: TracebackType | None) -> TracebackType | None:
    """A traceback from the app's first frame on; all of it where the app has none."""
    inner = shown
    while inner is not None and str(inner.tb_frame.f_globals.get("__name__")).startswith(_BETWEEN):
        inner = inner.tb_next
    return inner or shown


def add_traceback(error: Any, log_end: str) -> None:
    """Give an exception that came from another process without its traceback the one that the log shows.

    Args:
        error: What a launcher says that a job returned.
        log_end: The end of the job's log.
    """
    bare = isinstance(error, BaseException) and error.__traceback__ is None and error.__cause__ is None
    begin = log_end.find(_BEGIN)
    if bare and begin >= 0:
        error.__cause__ = JobTraceback(log_end[begin:] + "\n")
