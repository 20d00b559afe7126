"""The log of a job: its last lines, the cause that it names, the page that it names."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from autoloop.engine.execute.child import LOG_NAME
from autoloop.engine.execute.traces import failure_text
from autoloop.history.files import end_of_file
from autoloop.store.files import plain_file
from autoloop.store.reading import end_of_log
from autoloop.store.redact import one_line, without_controls

EXCEPTION = re.compile(r"^[\w.]+(?:Error|Exception|Warning|Interrupt|Exit)\b")
RUN_URL = re.compile(r"https?://[^\s'\"<>]{1,300}/runs/[\w-]{1,100}")
LOG_LINES = 40  # last lines of a job's log that the journal keeps
LOG_BYTES = 16_384  # bytes at the end of a log that are read for these lines
URL_BYTES = 1 << 20  # a trainer prints the address of its run again when it ends
URL_LINE = 2000  # characters of a line that may contain it


def log_file(run_dir: Path) -> Path | None:
    """The log to show for a job: what the process printed, else what Hydra logged, else one that is empty.

    None if there is none.
    """
    logs = [path for path in (run_dir / LOG_NAME, *sorted(run_dir.glob("*.log"))) if path.is_file()]
    return next((path for path in logs if path.stat().st_size), logs[0] if logs else None)


def leave_traceback(run_dir: Path, error: BaseException) -> None:
    """Write into ``job.log`` why a job failed whose launcher does not; a supervised job prints it there."""
    with (
        suppress(OSError),
        open(run_dir / LOG_NAME, "a", encoding="utf-8", errors="replace", opener=plain_file) as log,
    ):
        log.write(failure_text(error))


def tail(path: Path) -> str:
    """The last lines of a log, without control characters and secrets; empty if it cannot be read."""
    text = end_of_log(path, LOG_BYTES)
    lines = without_controls(text.replace("\r", "\n")).splitlines()
    return "\n".join(line[:500] for line in lines[-LOG_LINES:])


def cause(text: str) -> str:
    """The line of an error text that names the exception, else its last line."""
    lines = [line for line in text.splitlines() if line.strip()]
    named = [line for line in lines if EXCEPTION.match(line)]
    return one_line((named or lines or [""])[-1])


def url_in(log: Path | None) -> str:
    """The page of its W&B run that a trainer printed; empty if it printed none."""
    if log is None:
        return ""
    lines = without_controls(end_of_file(log, URL_BYTES)).splitlines()
    urls = (RUN_URL.findall(line) for line in reversed(lines) if "/runs/" in line and len(line) <= URL_LINE)
    return next((str(found[-1]) for found in urls if found), "")
