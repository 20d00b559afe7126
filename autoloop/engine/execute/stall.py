"""Noticing a job that has stopped to make progress."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from autoloop.history.run_notes import RunNotes, is_run_dir

#: Files of W&B's histories.
_HISTORY = "run-*.wandb"

#: Names of files that logs and histories are in, whoever writes them.
_GROWING = re.compile(r".+\.(log|out|wandb|csv|tsv|jsonl|ndjson|json|txt|db)|.*tfevents.*")

_WANDB = re.compile(r".+\.wandb")

#: Longest time between two looks at the files, in seconds.
_LOOK_EVERY_S = 10.0


class StallWatch:
    """Notices when a job's logs and histories have not grown for ``stall_s`` seconds.

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
    for path in (*_growing(job_dir), *elsewhere):
        with contextlib.suppress(OSError):
            yield path.stat().st_size


def _growing(job_dir: Path) -> Iterator[Path]:
    """Yield the logs and histories below a job's directory; W&B's own logs grow while a trainer stands."""
    for name, inner, files in os.walk(job_dir):
        folder = Path(name)
        pattern = _GROWING
        if is_run_dir(folder.name):
            inner.clear()
            pattern = _WANDB
        is_store = "mlruns" in folder.parts  # of which the files have names of metrics
        yield from (folder / file for file in files if is_store or pattern.fullmatch(file))
