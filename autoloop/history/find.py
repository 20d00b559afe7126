"""Finding runs: which files under a directory hold the history of which run."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from time import localtime, strftime

from autoloop.history.run_notes import NOTES, RunNotes

LOG, JSONL, SUMMARY = "log", "jsonl", "summary"

LOG_PATTERN, JSONL_NAME, SUMMARY_NAME = "run-*.wandb", "wandb-history.jsonl", "wandb-summary.json"
_LOG_NAME = re.compile(r"run-(?P<id>.+)\.wandb")
_RUN_DIR_NAME = re.compile(r"(?:offline-run|run|dryrun)-(?P<stamp>\d{8}_\d{6})-(?P<id>.+)")
_RANK = {LOG: 0, JSONL: 1, SUMMARY: 2}  # of several sources in one run dir the first is used


@dataclass(frozen=True, slots=True)
class Source:
    """A file that holds the history of a run, or a part of it.

    Attributes:
        path: The file.
        kind: ``LOG`` (``.wandb``), ``JSONL`` (``wandb-history.jsonl``) or ``SUMMARY`` (the last values only).
        run_id: The run's id by the names of file and directory; empty where they do not tell.
        started: Sorts sources by the start of their runs: the time in the directory's name, else the
            time of the last change, as ``YYYYmmdd_HHMMSS``; then the last change in nanoseconds.
    """

    path: Path
    kind: str
    run_id: str
    started: tuple[str, int]

    @property
    def run_dir(self) -> Path:
        """The run's directory."""
        parent = self.path.parent
        return parent.parent if self.kind == SUMMARY and parent.name == "files" else parent


def source_of(path: Path) -> Source | None:
    """Return a file as a source; None if its name is not one that W&B gives to histories, or it is none."""
    match = _LOG_NAME.fullmatch(path.name)
    kind = {JSONL_NAME: JSONL, SUMMARY_NAME: SUMMARY}.get(path.name, LOG if path.suffix == ".wandb" else "")
    if not kind:
        return None
    source = Source(path, kind, "", ("", 0))
    named = _RUN_DIR_NAME.fullmatch(source.run_dir.name)
    try:
        found = path.stat()
    except OSError:
        return None
    if not S_ISREG(found.st_mode):  # nobody waits for a pipe
        return None
    changed = found.st_mtime_ns
    run_id = match["id"] if match else named["id"] if named else ""
    stamp = named["stamp"] if named else _stamp(changed)
    return Source(path, kind, run_id, (stamp, changed))


def _stamp(time_ns: int) -> str:
    return strftime("%Y%m%d_%H%M%S", localtime(time_ns / 1e9))


def sources(path: Path) -> list[Source]:
    """Return the sources at a file or anywhere under a directory, the best of each run dir, newest first.

    Links to directories (``latest-run``) are not followed, except ``path`` itself. Runs that a job wrote to
    another place are found by its notes, see `autoloop.history.run_notes`; of a job's directory, those that
    lie in it and are another job's are left out.
    """
    found = [source_of(file) for file in ([path] if path.is_file() else _files(path))]
    best: dict[tuple[Path, str], Source] = {}
    taken: set[Path] = set()
    for source in sorted((s for s in found if s is not None), key=lambda s: _RANK[s.kind]):
        run_dir = source.run_dir
        if source.kind == LOG or run_dir not in taken:
            best[run_dir, source.run_id] = source
            taken.add(run_dir)
    return sorted(best.values(), key=lambda s: (s.started, str(s.path)), reverse=True)


def _files(top: Path) -> Iterator[Path]:
    """Yield the files of all runs below a directory, and of those that the jobs below it wrote elsewhere."""
    notes = RunNotes.read(top)
    for folder, inner, names in os.walk(top):
        if notes and NOTES in names and Path(folder) != top:
            inner.clear()  # another job's
            continue
        yield from (file for file in _histories(Path(folder), names) if not notes or _is_own(notes, file))
        if NOTES in names:
            yield from _elsewhere(Path(folder), top)


def _histories(folder: Path, names: Iterable[str]) -> Iterator[Path]:
    return (folder / n for n in names if n.endswith(".wandb") or n in (JSONL_NAME, SUMMARY_NAME))


def _is_own(notes: RunNotes, file: Path) -> bool:
    return notes.is_own(file.parent.parent if file.parent.name == "files" else file.parent)


def _elsewhere(job_dir: Path, top: Path) -> Iterator[Path]:
    """Yield the files of a job's runs that do not lie below ``top``."""
    notes = RunNotes.read(job_dir)
    for run in notes.outside() if notes else ():
        if not run.resolve().is_relative_to(top.resolve()):
            for folder in (run, run / "files"):
                with suppress(OSError):
                    yield from _histories(folder, sorted(file.name for file in folder.iterdir()))


def find_runs(path: str | os.PathLike[str]) -> list[Path]:
    """Return the W&B runs under a directory, newest first, each as a path that ``read_history`` takes.

    That is the run's directory, or the ``.wandb`` file where several share a directory. A run that was
    resumed has a directory for each time; all are returned.
    """
    found = sources(Path(path))
    sharing = Counter(source.run_dir for source in found)
    return [s.path if sharing[s.run_dir] > 1 else s.run_dir for s in found]
