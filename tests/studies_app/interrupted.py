"""Runs the app and sends its own process a signal at one line of the journal.

The line is counted from 1 over all processes of the study. Words of the environment say which one
(``TEST_SIGNAL_LINE``), whether ``before`` or ``after`` it is written (``TEST_SIGNAL_WHEN``), and what to send
(``TEST_SIGNAL``, by default SIGKILL).
"""

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import app

from autoloop.journal import Journal

LINE = int(os.environ["TEST_SIGNAL_LINE"])
WHEN = os.environ["TEST_SIGNAL_WHEN"]
SIGNAL = signal.Signals[os.environ.get("TEST_SIGNAL", "SIGKILL")]

write = Journal.append


def append(journal, kind, **fields):
    """Write one line, with the signal before or after it where it is the one."""
    with journal.lock:
        line = len(journal.path.read_bytes().splitlines()) + 1
        if line == LINE and WHEN == "before":
            os.kill(os.getpid(), SIGNAL)
        event = write(journal, kind, **fields)
        if line == LINE and WHEN == "after":
            os.kill(os.getpid(), SIGNAL)
        return event


Journal.append = append

if __name__ == "__main__":
    app.main()
