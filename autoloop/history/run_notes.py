"""Which W&B runs are a job's: what its directory notes of them, wherever they were written.

W&B writes where ``wandb.init(dir=...)`` says, which beats the WANDB_DIR that a job is given; Lightning's
logger says ``.``. Such a run lies beside those of other jobs and of last year. What tells them apart:

- Runs that the job's own process starts are noted as they start, see `autoloop.engine.inside.runs`: any
  directory, any launcher.
- Trainers in processes of their own (a command, torchrun) have the job's mark: it is part of the cache
  directory that the job is given, and W&B (from 0.18 on, before with wandb-core) leaves in every run's
  directory a link to its own log there. Looked for where they may have been written: the directory that the
  job began in, that of its command, that of the study, and the user's WANDB_DIR. In any other directory they
  are noted while they are written, by the job's supervisor (slots, slurm), see
  `autoloop.engine.execute.open_runs`.

A run below the job's directory is the job's, unless it has another job's mark or lies in the directory of
another job, which has notes of its own.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import localtime, strftime
from typing import Any

from autoloop.history.files import read_note

#: File of a job's directory: a line of JSON for each thing noted.
NOTES = "wandb_runs.jsonl"

#: Beginning of the name of a job's link to the cache directory; its mark follows.
LINK = ".wandb_cache_"

_MARK = re.compile(re.escape(f"/{LINK}") + r"([0-9a-f]+)/")
_WANDB_DIRS = ("wandb", ".wandb")
_STAMP = re.compile(r"(?:offline-)?run-(\d{8}_\d{6})-.+")
_LATEST = 1e11  # seconds since the epoch that a calendar still has
_DAY_S = 86_400.0  # what clocks and time zones may differ by


@dataclass(slots=True)
class RunNotes:
    """What a job has noted.

    Attributes:
        job_dir: The job's directory.
        marks: Its mark; more than one where it was started again in the same directory.
        places: Directories that its trainer may have given W&B.
        since: When it began, seconds since the epoch.
        closed: Whether it noted all of its runs at its end.
        runs: Directories of runs outside its own.
        foreign: Directories of runs below its own that other jobs of the same process started.
    """

    job_dir: Path
    marks: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    since: float = 0.0
    closed: bool = False
    runs: list[str] = field(default_factory=list)
    foreign: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, job_dir: Path) -> RunNotes | None:
        """What was noted in a directory; None where nothing was. Unreadable lines are passed over."""
        path = job_dir / NOTES
        if not path.is_file():
            return None
        try:
            lines = read_note(job_dir / NOTES).splitlines()
        except OSError:
            return None
        notes = cls(job_dir)
        for line in lines:
            with suppress(ValueError, RecursionError, TypeError, KeyError, OverflowError):
                notes._add(json.loads(line))
        return notes

    def _add(self, line: Any) -> None:
        if not isinstance(line, dict):
            return
        if "mark" in line:
            self.marks.append(str(line["mark"]))
            self.places += [place for place in map(str, line["places"]) if place not in self.places]
            self.since, self.closed = min(max(0.0, float(line["since"])), _LATEST), False
        if "place" in line and str(line["place"]) not in self.places:
            self.places.append(str(line["place"]))
        if "run" in line and str(line["run"]) not in self.runs:
            self.runs.append(str(line["run"]))
        if "foreign" in line:
            self.foreign.add(str(line["foreign"]))
        self.closed = self.closed or bool(line.get("closed"))

    def outside(self) -> Iterator[Path]:
        """Yield the directories of the job's runs that do not lie below its own."""
        yield from map(Path, self.runs)
        if not self.closed:
            known = set(self.runs)
            yield from (run for run in self.marked() if str(run) not in known)

    def marked(self) -> Iterator[Path]:
        """Yield the runs with the job's mark in the places where its trainer may have written them."""
        earliest = strftime("%Y%m%d_%H%M%S", localtime(self.since - _DAY_S))
        for run in (run for place in self.places for run in _runs_in(Path(place))):
            stamp = _STAMP.fullmatch(run.name)
            if stamp and stamp[1] >= earliest and mark_of(run) in self.marks and not self._holds(run):
                yield run

    def is_own(self, run: Path) -> bool:
        """Whether a run below the job's directory is the job's."""
        return mark_of(run) in ("", *self.marks) and str(run.resolve()) not in self.foreign

    def _holds(self, run: Path) -> bool:
        return run.resolve().is_relative_to(self.job_dir.resolve())


def note(job_dir: Path, **line: Any) -> None:
    """Add a line to a job's notes, whole even where several processes do so at once.

    Raises:
        OSError: It cannot be written.
    """
    data = (json.dumps(line) + "\n").encode()
    handle = os.open(job_dir / NOTES, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o644)
    try:
        os.write(handle, data)
    finally:
        os.close(handle)


def mark_of(run: Path) -> str:
    """The mark of the job that a run was started in; empty where it has none."""
    try:
        found = _MARK.search(str((run / "logs" / "debug-core.log").readlink()))
    except OSError:
        return ""
    return found[1] if found else ""


def mark_in(cache_dir: str) -> str:
    """The mark in a job's WANDB_CACHE_DIR; empty where it is no job's."""
    found = _MARK.search(f"{cache_dir}/")
    return found[1] if found else ""


def is_run_dir(name: str) -> bool:
    """Whether W&B names the directories of runs so."""
    return _STAMP.fullmatch(name) is not None


def _runs_in(place: Path) -> Iterator[Path]:
    for wandb_dir in (place / name for name in _WANDB_DIRS):
        with suppress(OSError):
            yield from sorted(run for run in wandb_dir.iterdir() if not run.is_symlink())
