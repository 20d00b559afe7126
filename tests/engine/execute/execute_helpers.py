"""What the tests of processes share."""

import time
from pathlib import Path

from autoloop.store.lock import start_time


def wait_until(condition, limit_s=30.0):
    """Wait until ``condition()`` holds; fail if it never does."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def is_gone(pid):
    """Whether process ``pid`` has ended (a zombie that nobody has collected yet has ended)."""
    if start_time(pid) is None:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def pids_in(path):
    """Return the pids that a job wrote to ``path``."""
    return [int(word) for word in Path(path).read_text().split()]
