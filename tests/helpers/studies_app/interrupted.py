"""Runs the app and kills its own process before or after one line of the journal is written.

The environment says when (``TEST_KILL_WHEN``) and which line (``TEST_KILL_LINE``): ``trial:2`` for the second
line of a kind, counted from 1 over all processes of the study, or ``trial:baseline`` for a job's next one.
"""

import json
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import app

from autoloop.store.journal import Journal

WHEN = os.environ["TEST_KILL_WHEN"]
KIND, _, WHICH = os.environ["TEST_KILL_LINE"].partition(":")

write = Journal.append


def append(journal, event):
    """Write one line, with the kill before or after it where it is the one."""
    with journal.lock:
        kinds = [json.loads(line)["event"] for line in journal.path.read_bytes().splitlines()]
        chosen = event.kind == KIND and WHICH in (str(1 + kinds.count(KIND)), getattr(event, "name", None))
        if chosen and WHEN == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        event = write(journal, event)
        if chosen and WHEN == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return event


Journal.append = append

if __name__ == "__main__":
    app.main()
