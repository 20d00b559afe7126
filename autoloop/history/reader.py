"""The door's two readers: a whole history at once, and a history while it grows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from autoloop.history import find
from autoloop.history.find import Source
from autoloop.history.legacy import read_jsonl, read_summary
from autoloop.history.run_notes import RunNotes
from autoloop.history.runlog import RunLog
from autoloop.history.series import History

_WORTH_PROCESSES_BYTES = 64 << 20  # less is read by one process sooner than several start
_LOOKED_FOR = f"{find.LOG_PATTERN}, {find.JSONL_NAME} or {find.SUMMARY_NAME}"

_NOT_THERE = "there is no such file or directory"


def read_history(
    run_dir: str | os.PathLike[str], keys: Iterable[str] | None = None, objective: Sequence[str] = ()
) -> History:
    """Return the history of the W&B run in or under a directory, or that a job in it wrote elsewhere.

    Where several runs are found, the newest that has logged the objective is read, and ``note`` says if
    there are more such; without an objective, or where none has logged it, the newest that has logged a
    metric. Where one run was resumed into several files, they are joined in order of time and the later file
    wins. Damage never raises: what is lost is told in ``problem``.

    Args:
        run_dir: A job's directory, a ``wandb`` directory, one run's directory or a ``.wandb`` file.
        keys: Names of the metrics to read, or patterns with ``*``; None reads all.
        objective: Names of the metric that tells which of several runs is meant; they are among ``keys``.

    Returns:
        The history; without metrics, and with a ``problem``, where nothing was found.
    """
    path = Path(run_dir)
    asked = [keys] if isinstance(keys, str) else None if keys is None else list(keys)
    found = find.sources(path)
    if not found:
        what = f"no {_LOOKED_FOR} in it{_also_looked_in(path)}" if path.exists() else _NOT_THERE
        return History(problem=f"no W&B history at {path}: {what}", path=path)
    runs = _runs(found)
    histories: Iterable[History] = (_read_run(parts, asked) for parts in runs)
    if objective and len(runs) > 1:
        histories = list(histories)
        logged = [history for history in histories if any(name in history for name in objective)]
        if logged:
            return _chosen(logged, next(name for name in objective if name in logged[0]))
    tried: list[History] = []
    for history in histories:
        if history.rows:
            return _noted(history, tried)
        tried.append(history)
    return tried[0]


def _also_looked_in(path: Path) -> str:
    """Say where else the runs of a job were looked for; empty where it noted no place."""
    notes = RunNotes.read(path)
    places = notes.places if notes else []
    return f", nor one of this job in {' or '.join(f'{place}/wandb' for place in places)}" if places else ""


def _chosen(logged: list[History], name: str) -> History:
    """Return the newest of the runs that have logged the objective, saying so where there are several."""
    history = logged[0]
    if len(logged) > 1:
        run_id = history.run.run_id if history.run else history.path
        history.note = f"{len(logged)} W&B runs logged {name}: the one that started last counts, {run_id}"
    return history


def _runs(found: list[Source]) -> list[list[Source]]:
    """Return the sources of each run, newest run first, the sources of one run oldest first."""
    runs: dict[str, list[Source]] = {}
    for source in found:
        runs.setdefault(source.run_id or str(source.path), []).append(source)
    return [parts[::-1] for parts in runs.values()]


def _noted(history: History, newer: list[History]) -> History:
    """Return a history whose problem tells of newer runs that were passed over because they are empty."""
    notes = [f"a newer run was passed over: {other.problem}" for other in newer]
    history.problem = "; ".join(filter(None, [history.problem, *notes]))
    return history


def _read_run(parts: list[Source], keys: list[str] | None) -> History:
    """Return the history of one run from its sources, joined in order."""
    histories = [_read_source(source, keys) for source in parts]
    whole = histories[0]
    for later in histories[1:]:
        whole = whole.then(later)
    return whole


def _read_source(source: Source, keys: list[str] | None) -> History:
    if source.kind == find.JSONL:
        return read_jsonl(source, keys)
    if source.kind == find.SUMMARY:
        return read_summary(source, keys)
    log = RunLog(source.path, keys)
    log.read()
    history = log.history()
    return history if history.rows else _summary_instead(source, history, keys)


def _summary_instead(source: Source, empty: History, keys: list[str] | None) -> History:
    """Return the last values beside a log that holds no rows, or the empty history with a problem."""
    for path in (source.run_dir / "files" / find.SUMMARY_NAME, source.run_dir / find.SUMMARY_NAME):
        beside = find.source_of(path)
        if beside and (found := read_summary(beside, keys)):
            found.run = empty.run or found.run
            found.problem = "; ".join(filter(None, [empty.problem, found.problem]))
            return found
    empty.problem = empty.problem or f"{source.path} holds no history: the run has logged nothing, or not yet"
    return empty


def read_histories(
    run_dirs: Iterable[str | os.PathLike[str]], keys: Iterable[str] | None = None, workers: int | None = None
) -> Iterator[History]:
    """Yield the history of each run, in order, read by several processes where there is much to read.

    Args:
        run_dirs: What :func:`read_history` takes, several times.
        keys: As for :func:`read_history`.
        workers: Processes; as many as there are cores if None. With 1, and for less than 64 MB, this process
            reads alone. A script that starts others needs the usual ``if __name__ == "__main__"``.
    """
    paths = [Path(run_dir) for run_dir in run_dirs]
    read = partial(
        read_history, keys=[keys] if isinstance(keys, str) else None if keys is None else list(keys)
    )
    count = workers or len(os.sched_getaffinity(0))
    if count == 1 or len(paths) < 2 or _is_little(paths):
        yield from map(read, paths)
        return
    from concurrent.futures import ProcessPoolExecutor  # as long to import as all the rest
    from multiprocessing import get_context

    with ProcessPoolExecutor(min(count, len(paths)), get_context("forkserver")) as pool:
        yield from pool.map(read, paths, chunksize=max(1, len(paths) // (8 * count)))


def _is_little(paths: list[Path]) -> bool:
    """Tell whether one process reads all runs as fast as several would start."""
    size = 0
    for path in paths:
        size += sum(source.path.stat().st_size for source in find.sources(path))
        if size >= _WORTH_PROCESSES_BYTES:
            return False
    return True


def read_values(run_dir: str | os.PathLike[str], key: str) -> list[tuple[int, Any]]:
    """Return everything a run has logged under one name, numbers or not, as ``(step, value)`` in file order.

    For texts, histograms and media, which a history leaves out; parts of a media value that newer files hold
    under names of their own (``image._type``, ``image.path``) have to be asked for by these. Slower than
    :func:`read_history`, and of several runs in a directory the newest is read.
    """
    runs = _runs(find.sources(Path(run_dir)))
    logs = [RunLog(source.path, keys=[]) for source in (runs[0] if runs else []) if source.kind == find.LOG]
    return [pair for log in logs for pair in log.values(key)]


class HistoryReader:
    """Follows one run while it is written: each update costs as much as the bytes that are new.

    Where there are several, that is the newest which has logged the objective; without an objective, the
    newest there was when the first file appeared.

    Args:
        path: What ``read_history`` takes. The file may not exist yet.
        keys: Names of the metrics to read, or patterns with ``*``; None reads all.
        objective: As for ``read_history``.

    Attributes:
        restarts: How often the file was found shorter than before, or replaced, and read from its start.
        runs: How many runs have been followed.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        keys: Iterable[str] | None = None,
        objective: Sequence[str] = (),
    ) -> None:
        self.restarts = 0
        self.runs = 0
        self._path = Path(path)
        self._keys = [keys] if isinstance(keys, str) else None if keys is None else list(keys)
        self._objective = tuple(objective)
        self._logs: dict[Path, RunLog] = {}
        self._log: RunLog | None = None
        self._identity: tuple[int, int] = (0, 0)

    def update(self) -> History:
        """Read what is new and return it: only the points that no earlier update returned.

        An end that is not yet readable, as a writer leaves it between two writes, waits for the next update.
        """
        if self._log is not None:
            if self._replaced(self._log):
                self.restarts += 1
                self._log = self._logs[self._log.path] = RunLog(self._log.path, self._keys)
            self._log.read(final=False)
        if self._log is None or self._may_change(self._log):
            self._look_around()
        return self._nothing() if self._log is None else self._log.history(fresh=True)

    def history(self) -> History:
        """Return all that has been read so far."""
        return self._nothing() if self._log is None else self._log.history()

    def _nothing(self) -> History:
        return History(problem=f"no {find.LOG_PATTERN} under {self._path} yet", path=self._path)

    def _may_change(self, log: RunLog) -> bool:
        """Whether another run may be the one to follow: looking for it is a walk through the directory."""
        return bool(self._objective) and (log.has_ended or not log.has_logged(self._objective))

    def _look_around(self) -> None:
        """Choose the run to follow."""
        found = [source.path for source in find.sources(self._path) if source.kind == find.LOG]
        if not self._objective:
            found = found[:1]
        logs = [self._logs.setdefault(path, RunLog(path, self._keys)) for path in found]
        for log in logs:
            if log is not self._log:
                log.read(final=False)
        best = next((log for log in logs if log.has_logged(self._objective)), None)
        best = best or self._log or next(iter(logs), None)
        if best is not None and best is not self._log:
            self.runs += 1
            self._log, self._identity = best, _identity(best.path)

    def _replaced(self, log: RunLog) -> bool:
        """Tell whether the file is another one than at the last update, or shorter than what was read."""
        try:
            size = log.path.stat().st_size
        except OSError:
            return False
        known, self._identity = self._identity, _identity(log.path)
        return known not in ((0, 0), self._identity) or size < log.offset


def _identity(path: Path) -> tuple[int, int]:
    """Return what tells a file from another one of its name; zeros where there is none."""
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return status.st_dev, status.st_ino
