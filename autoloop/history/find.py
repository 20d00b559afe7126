"""Finding runs: which files under a directory hold the history of which run, whoever wrote them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from autoloop.history import mlflow, tensorboard, trackio, wandb
from autoloop.history.run_notes import NOTES, RunNotes, is_run_dir
from autoloop.history.source import Source, Tail
from autoloop.history.text import csvfiles, jsonrows, loglines, trainerstate
from autoloop.history.wandb.kinds import WANDB

_MOST_LEVELS = 16  # of directories below the one that is searched
_NO_LOGS = frozenset({"__pycache__", ".git", ".hg", ".venv", "node_modules", "site-packages"})


@dataclass(frozen=True, slots=True)
class Tracker:
    """Whose files are read; see `autoloop.history.source`.

    Attributes:
        name: Its name.
        sources: Which files of a directory are its own.
        tail: The reader of a source.
        looked_for: What was looked for, as messages name it.
    """

    name: str
    sources: Callable[[Path, Sequence[str]], list[Source]]
    tail: Callable[[Source, Iterable[str] | None], Tail]
    looked_for: str


#: All trackers. Where several tell the same, the first is believed.
TRACKERS: tuple[Tracker, ...] = (
    Tracker(WANDB, wandb.sources, wandb.tail, wandb.LOOKED_FOR),
    Tracker(tensorboard.TENSORBOARD, tensorboard.sources, tensorboard.tail, tensorboard.LOOKED_FOR),
    Tracker(csvfiles.CSV, csvfiles.sources, csvfiles.tail, csvfiles.LOOKED_FOR),
    Tracker(jsonrows.JSON, jsonrows.sources, jsonrows.tail, jsonrows.LOOKED_FOR),
    Tracker(trainerstate.TRAINER_STATE, trainerstate.sources, trainerstate.tail, trainerstate.LOOKED_FOR),
    Tracker(mlflow.MLFLOW, mlflow.sources, mlflow.tail, mlflow.LOOKED_FOR),
    Tracker(trackio.TRACKIO, trackio.sources, trackio.tail, trackio.LOOKED_FOR),
)


def looked_for() -> str:
    """Say what files a history may be in."""
    *most, last = (tracker.looked_for for tracker in TRACKERS)
    return f"{', '.join(most)} or {last}"


def lines_tracker(patterns: Sequence[str]) -> Tracker:
    """Return the tracker of last resort: lines of logs, read by these patterns.

    Raises:
        ConfigError: See `autoloop.history.text.loglines.compiled`.
    """
    known = loglines.compiled(patterns)
    return Tracker(
        loglines.LINES,
        loglines.sources,
        lambda source, keys: loglines.LinesTail(source.path, known, keys),
        loglines.LOOKED_FOR,
    )


def sources(path: Path, trackers: Sequence[Tracker] = TRACKERS) -> list[Source]:
    """Return the sources at a file or anywhere under a directory, newest first.

    Links to directories (``latest-run``) are not followed, except ``path`` itself. Of W&B's files in one run
    dir the best count. W&B runs that a job wrote to another place are found by its notes, see
    `autoloop.history.run_notes`; of a job's directory, runs in it that are another job's are left out.
    """
    whole = _in_folder(path.parent, [path.name], trackers) if path.is_file() else _below(path, trackers)
    found = dict.fromkeys(whole)
    others = [source for source in found if source.tracker != WANDB]
    best = wandb.best_of_each(source for source in found if source.tracker == WANDB)
    return sorted([*best, *others], key=lambda s: (s.started, str(s.path)), reverse=True)


def _below(top: Path, trackers: Sequence[Tracker]) -> Iterator[Source]:
    """Yield the sources below a directory, and those that the jobs below it wrote elsewhere."""
    notes = RunNotes.read(top)
    for name, inner, names in os.walk(top):
        folder = Path(name)
        if notes and NOTES in names and folder != top:
            inner.clear()  # another job's
            continue
        deep = len(folder.parts) - len(top.parts) >= _MOST_LEVELS
        inner[:] = () if deep else sorted(one for one in inner if one not in _NO_LOGS)
        yield from (
            found
            for found in _in_folder(folder, sorted(names), trackers)
            if not notes or _is_own(notes, found)
        )
        if NOTES in names and any(tracker.name == WANDB for tracker in trackers):
            yield from _elsewhere(folder, top)


def _in_folder(folder: Path, names: Sequence[str], trackers: Sequence[Tracker]) -> Iterator[Source]:
    """Yield the sources in a directory; in that of a W&B run nothing but W&B's own is a history."""
    is_wandb = is_run_dir(folder.name) or is_run_dir(folder.parent.name)
    for tracker in trackers:
        if not is_wandb or tracker.name == WANDB:
            yield from tracker.sources(folder, names)


def _is_own(notes: RunNotes, source: Source) -> bool:
    return source.tracker != WANDB or notes.is_own(source.run_dir)


def _elsewhere(job_dir: Path, top: Path) -> Iterator[Source]:
    """Yield the W&B runs of a job that do not lie below ``top``."""
    notes = RunNotes.read(job_dir)
    for run in notes.outside() if notes else ():
        if not run.resolve().is_relative_to(top.resolve()):
            for folder in (run, run / "files"):
                with suppress(OSError):
                    yield from wandb.sources(folder, sorted(file.name for file in folder.iterdir()))


def find_runs(path: str | os.PathLike[str]) -> list[Path]:
    """Return the runs under a directory, newest first, each as a path that ``read_history`` takes.

    That is the run's directory, or the file where several share a directory. A run that was resumed into
    several directories has each of them returned.
    """
    found = sources(Path(path))
    sharing = Counter(source.run_dir for source in found)
    return [s.path if sharing[s.run_dir] > 1 else s.run_dir for s in found]
