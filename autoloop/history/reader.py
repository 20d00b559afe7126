"""The door's two readers: a whole history at once, and a history while it grows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from autoloop.history import find
from autoloop.history.find import Source
from autoloop.history.legacy import read_jsonl, read_summary
from autoloop.history.runlog import RunLog
from autoloop.history.series import History

_WORTH_PROCESSES_BYTES = 64 << 20
_LOOKED_FOR = f"{find.LOG_PATTERN}, {find.JSONL_NAME} or {find.SUMMARY_NAME}"


def read_history(run_dir: str | os.PathLike[str], keys: Iterable[str] | None = None) -> History:
    """Return the history of the W&B run in or under a directory.

    Where several runs are found, the newest that has logged a metric is read; where one run was resumed
    into several files, they are joined in order of time and the later file wins. Damage never raises: what
    is lost is told in ``problem``.

    Args:
        run_dir: A job's directory, a ``wandb`` directory, one run's directory or a ``.wandb`` file.
        keys: Names of the metrics to read, or patterns with ``*``; None reads all.

    Returns:
        The history; without metrics, and with a ``problem``, where nothing was found.
    """
    path = Path(run_dir)
    asked = [keys] if isinstance(keys, str) else None if keys is None else list(keys)
    found = find.sources(path)
    if not found:
        what = "there is no such file or directory" if not path.exists() else f"no {_LOOKED_FOR} in it"
        return History(problem=f"no W&B history at {path}: {what}", path=path)
    runs = _runs(found)
    histories = (_read_run(parts, asked) for parts in runs)
    tried: list[History] = []
    for history in histories:
        if history.rows:
            return _noted(history, tried)
        tried.append(history)
    return tried[0]


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

    Args:
        path: What ``read_history`` takes. The file may not exist yet; the newest run is followed from the
            moment its file appears.
        keys: Names of the metrics to read, or patterns with ``*``; None reads all.

    Attributes:
        restarts: How often the file was found shorter than before, or replaced, and read from its start.
    """

    def __init__(self, path: str | os.PathLike[str], keys: Iterable[str] | None = None) -> None:
        self.restarts = 0
        self._path = Path(path)
        self._keys = [keys] if isinstance(keys, str) else None if keys is None else list(keys)
        self._log: RunLog | None = None
        self._identity: tuple[int, int] = (0, 0)

    def update(self) -> History:
        """Read what is new and return it: only the points that no earlier update returned.

        An end that is not yet readable, as a writer leaves it between two writes, waits for the next update.
        """
        if self._log is None:
            newest = next((s for s in find.sources(self._path) if s.kind == find.LOG), None)
            if newest is None:
                return History(problem=f"no {find.LOG_PATTERN} under {self._path} yet", path=self._path)
            self._log = RunLog(newest.path, self._keys)
            self._identity = (0, 0)
        if self._replaced(self._log):
            self.restarts += 1
            self._log = RunLog(self._log.path, self._keys)
        self._log.read(final=False)
        return self._log.history(fresh=True)

    def history(self) -> History:
        """Return all that has been read so far."""
        if self._log is None:
            return History(problem=f"no {find.LOG_PATTERN} under {self._path} yet", path=self._path)
        return self._log.history()

    def _replaced(self, log: RunLog) -> bool:
        """Tell whether the file is another one than at the last update, or shorter than what was read."""
        try:
            status = log.path.stat()
        except OSError:
            return False
        known, self._identity = self._identity, (status.st_dev, status.st_ino)
        return known not in ((0, 0), self._identity) or status.st_size < log.offset
