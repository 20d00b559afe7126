"""Running the user's command for each message."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import threading
import time
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from autoloop.config.notify import NotifySettings
from autoloop.engine.execute.limited import run_limited
from autoloop.store.files import plain_file
from autoloop.store.redact import redact, redact_all
from autoloop.study.own_words import NAME, WORD, Own
from autoloop.study.record import Event, Study
from autoloop.views.notify.messages import messages
from autoloop.views.report import text

log = logging.getLogger("autoloop")

RECORD = "notifications.jsonl"

_OWN: Own = {
    **dict.fromkeys(("event", "metric", "log", "jobs"), WORD),
    **dict.fromkeys(("name", "task", "best", "study"), NAME),
}

_TAIL = 500  # characters of a command's output that are kept


class Notifier:
    """Runs the user's command for each message, one after the other, in a thread of its own.

    What became of each message is a line in ``notifications.jsonl`` of the study; a command that fails, hangs
    or does not exist is a warning and never more. Leaving waits until all messages are out.

    Args:
        settings: Whom to tell.
        study_dir: The study's directory.
    """

    def __init__(self, settings: NotifySettings, study_dir: Path) -> None:
        self._settings = settings
        self._study_dir = study_dir
        self._messages: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="autoloop notify", daemon=True)

    def __enter__(self) -> Notifier:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._messages.put(None)
        self._thread.join()

    def on_event(self, event: Event, study: Study) -> None:
        """Take an event of the journal; returns at once."""
        try:
            for message in messages(event, study, str(self._study_dir.resolve()), self._settings.failures):
                self._messages.put(message)
        except Exception:  # the border of an onlooker
            log.exception("the %s event could not be told of", event.kind)

    def _run(self) -> None:
        while (message := self._messages.get()) is not None:
            message = redact_all(message, os.environ, _OWN)
            problem = send_message(self._settings, json.dumps(message))
            if problem:
                log.warning("notify.command failed on %s: %s", message["event"], problem)
            self._record({"time": round(time.time(), 3), "problem": problem, "message": message})

    def _record(self, entry: dict[str, Any]) -> None:
        line = json.dumps(entry, ensure_ascii=False) + "\n"
        try:
            path = self._study_dir / RECORD
            with open(path, "a", encoding="utf-8", errors="backslashreplace", opener=plain_file) as file:
                file.write(line)
        except OSError as error:
            log.warning("cannot write %s: %s", self._study_dir / RECORD, error.strerror or error)


def send_message(settings: NotifySettings, line: str) -> str:
    """Run the command with one line on its standard input; return what went wrong, empty if nothing did."""
    try:
        done = run_limited(settings.argv, line + "\n", timeout_s=settings.timeout_s, merged=True)
    except OSError as error:
        return f"{settings.argv[0]}: {error.strerror or error}"
    except subprocess.TimeoutExpired:
        return f"it took longer than {settings.timeout_s:g} s (notify.timeout_s) and was ended"
    return "" if done.returncode == 0 else f"exit code {done.returncode}{_end_of(done.stdout)}"


def _end_of(output: str) -> str:
    """The last characters that a command printed, after a colon; empty if there are none."""
    printed = text.clean(redact(output, os.environ)[-_TAIL:].strip())
    return f": {printed}" if printed else ""
