"""Noting a job's W&B runs in its directory: those of its own process as they start, others at its end."""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from autoloop.history.run_notes import LINK, NOTES, RunNotes, is_run_dir, note

#: Directories of the jobs that this process is in: the last is the one that runs, the others started it.
_jobs: list[Path] = []
_listening = False


class RunNoter:
    """Notes the runs of one job, between `begin` and `end`, in the job's process.

    Every version of W&B opens ``logs/debug.log`` in a run's directory in the process that called
    ``wandb.init``, which Python's audit events report, without a hand in W&B itself and however it was
    imported.

    Args:
        job_dir: The job's directory.
    """

    def __init__(self, job_dir: Path) -> None:
        self._job_dir = job_dir.resolve()
        self._mark = secrets.token_hex(8)

    def begin(self, cache: Path, places: Sequence[Path]) -> Path:
        """Begin to note.

        Args:
            cache: W&B's cache directory, which the jobs share.
            places: Where a trainer in a process of its own may write its runs.

        Returns:
            The cache directory to give to the job: it leads to ``cache`` and has the job's mark. Where the
            file system knows no links, ``cache`` itself.
        """
        global _listening
        link = self._job_dir / f"{LINK}{self._mark}"
        asked = [str(place.absolute()) for place in places]
        with suppress(OSError):  # a full disk or one without links costs the notes, not the job
            note(self._job_dir, mark=self._mark, places=asked, since=time.time())
            cache.mkdir(parents=True, exist_ok=True)
            link.symlink_to(os.path.relpath(cache, self._job_dir))
        _jobs.append(self._job_dir)
        if not _listening:
            sys.addaudithook(_on_event)
            _listening = True
        return link if link.is_symlink() else cache

    def end(self) -> None:
        """Note the runs with the job's mark, and no more after that."""
        if self._job_dir not in _jobs:
            return
        _jobs.remove(self._job_dir)
        with suppress(OSError):  # a directory that is gone must not fail the job
            (self._job_dir / f"{LINK}{self._mark}").unlink(missing_ok=True)
            notes = RunNotes.read(self._job_dir)
            for run in notes.marked() if notes else ():
                note(self._job_dir, run=str(run))
            note(self._job_dir, closed=True)


def may_write_in(place: Path) -> None:
    """Note a directory that a trainer in a process of its own may give W&B."""
    if _jobs:
        with suppress(OSError):
            note(_jobs[-1], place=str(place.absolute()))


def _on_event(event: str, args: tuple[Any, ...]) -> None:
    """Note the run whose log this process opens. Called for every audit event, so that it looks at few."""
    if event != "open" or not _jobs or not isinstance(args[0], str) or not args[0].endswith("debug.log"):
        return
    run = Path(args[0]).resolve().parent.parent
    if is_run_dir(run.name) and _is_writing(args[1]):
        with suppress(OSError):  # what is lost is a note; the log that W&B wants to open must be opened
            _note_run(run, _jobs[-1])


def _note_run(run: Path, job_dir: Path) -> None:
    """Note a run that does not lie below its job's directory; also that it is not the one's it lies below."""
    if run.is_relative_to(job_dir):
        return
    note(job_dir, run=str(run))
    for above in run.parents:
        if (above / NOTES).exists():
            note(above, foreign=str(run))


def _is_writing(mode: object) -> bool:
    return isinstance(mode, str) and any(letter in mode for letter in "wax")
