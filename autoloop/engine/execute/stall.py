"""Noticing a job that has stopped to make progress."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from autoloop.engine.execute.child import LOG_NAME
from autoloop.history.run_notes import RunNotes

#: Files of W&B's histories.
_HISTORY = "run-*.wandb"

#: Longest time between two looks at the files, in seconds.
_LOOK_EVERY_S = 10.0


class StallWatch:
    """Notices when a job's log and its W&B history have not grown for ``stall_s`` seconds.

    W&B writes its history in blocks, older versions only when 32 KiB are full, so a limit of a few
    minutes is a short one for a job that logs little and prints nothing.

    Args:
        stall_s: The limit, None for no watch.
    """

    def __init__(self, stall_s: float | None) -> None:
        self._stall_s = stall_s
        self._size = -1
        self._grown_at = 0.0
        self._next_look = 0.0

    def is_stalled(self, now: float, job_dir: str | None) -> bool:
        """Return whether the job in ``job_dir`` (None: not known yet) is stalled at time ``now``."""
        if self._stall_s is None or job_dir is None or now < self._next_look:
            return False
        self._next_look = now + min(_LOOK_EVERY_S, self._stall_s / 4)
        size = sum(_sizes(Path(job_dir)))
        if size != self._size:
            self._size, self._grown_at = size, now
        return now - self._grown_at >= self._stall_s


def _sizes(job_dir: Path) -> Iterator[int]:
    """Yield the sizes in bytes of the files that grow while a job makes progress."""
    notes = RunNotes.read(job_dir)
    elsewhere = (file for run in (notes.outside() if notes else ()) for file in run.glob(_HISTORY))
    for path in (job_dir / LOG_NAME, *job_dir.glob(f"**/{_HISTORY}"), *elsewhere):
        with contextlib.suppress(OSError):
            yield path.stat().st_size
