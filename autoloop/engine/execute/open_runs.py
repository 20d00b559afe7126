"""Noticing W&B runs of a job that its trainer, a program of its own, writes where nobody would look."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from autoloop.engine.execute import processes
from autoloop.history.run_notes import RunNotes, is_run_dir, mark_of, note

#: Seconds between two looks at all open files of a job, which cost some milliseconds.
_LOOK_EVERY_S = 5.0


class OpenRuns:
    """Notes the runs with a job's mark whose files a process below this one has open."""

    def __init__(self) -> None:
        self._next_look = time.monotonic() + _LOOK_EVERY_S
        self._seen: set[Path] = set()

    def look(self, now: float, job_dir: str | None) -> None:
        """Look, where that is due at time ``now``; a job's directory that is not known yet is None."""
        if job_dir is None or now < self._next_look:
            return
        self._next_look = now + _LOOK_EVERY_S
        notes = None
        for run in {file.parent for file in _open_histories()} - self._seen:
            notes = notes or RunNotes.read(Path(job_dir))
            if notes is None or mark_of(run) not in notes.marks:
                continue
            self._seen.add(run)
            if str(run) not in notes.runs and not run.is_relative_to(Path(job_dir).resolve()):
                with suppress(OSError):  # a full disk costs the note, not the job
                    note(Path(job_dir), run=str(run))


def _open_histories() -> Iterator[Path]:
    """Yield the W&B histories that the processes below this one have open."""
    for pid in processes.descendants(os.getpid()):
        with suppress(OSError):  # it ended meanwhile
            for entry in Path(f"/proc/{pid}/fd").iterdir():
                file = Path(_target(entry))
                if file.suffix == ".wandb" and is_run_dir(file.parent.name):
                    yield file


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""
