"""Telling that the kernel ended a process because memory ran out: to the process it is a plain SIGKILL."""

from __future__ import annotations

import re
from pathlib import Path

#: What a job's error says where the kernel's OOM killer has struck.
OUT_OF_MEMORY = "out of memory: the kernel's OOM killer ended a process when this job died"

_COUNTERS = Path("/proc/vmstat")
_KILLS = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)

#: Seconds before a job's end within which a kill counts as its cause: the count is the whole machine's.
_WINDOW_S = 3.0


class MemoryKills:
    """Watches the kernel's count of processes it ended for lack of memory.

    Args:
        counters: The file that holds the count; if it is missing, nothing is ever reported.
    """

    def __init__(self, counters: Path = _COUNTERS) -> None:
        self._counters = counters
        self._count = self._read()
        self._last_kill = float("-inf")

    def look(self, now: float) -> None:
        """Take note of kills since the last look; ``now`` is in seconds of any one clock."""
        count = self._read()
        if count > self._count:
            self._last_kill = now
        self._count = count

    def happened(self, now: float) -> bool:
        """Return whether there was a kill within the last seconds."""
        self.look(now)
        return now - self._last_kill <= _WINDOW_S

    def _read(self) -> int:
        try:
            found = _KILLS.search(self._counters.read_text())
        except OSError:
            return 0
        return int(found[1]) if found else 0
