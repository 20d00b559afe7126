"""The door's two readers: a whole history at once, and a history while it grows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from autoloop.history import find, wandb
from autoloop.history.choice import choose
from autoloop.history.find import Tracker
from autoloop.history.outside import describe_outside
from autoloop.history.run_notes import RunNotes
from autoloop.history.series import History
from autoloop.history.source import Source, Tail
from autoloop.history.text.loglines import KNOWN, LINES
from autoloop.history.wandb.kinds import LOG, SUMMARY, WANDB
from autoloop.history.wandb.runlog import RunLog

_WORTH_PROCESSES_BYTES = 64 << 20  # less is read by one process sooner than several start

#: Patterns of log lines that are looked for where nothing is said.
LINES_KNOWN = tuple(KNOWN)

_NOT_THERE = "there is no such file or directory"


def read_history(
    run_dir: str | os.PathLike[str],
    keys: Iterable[str] | None = None,
    objective: Sequence[str] = (),
    lines: Sequence[str] = LINES_KNOWN,
) -> History:
    """Return the history of a run in or under a directory, or written elsewhere by that directory's job.

    If several trackers logged, the one that has the objective is read, and of several such the one with the
    most points; lines of a log are read only if there is nothing else. If there are several runs of one
    tracker, the newest that logged the objective is read, and ``note`` says that there are more; without an
    objective, or if none logged it, the newest that logged a metric. If one run was resumed into several
    files, they are joined in order of time, and the later file wins. Damaged files never raise an error:
    ``problem`` says what was lost.

    Args:
        run_dir: A job's directory, a ``wandb`` directory, one run's directory or a tracker's file.
        keys: Names of the metrics to read, or patterns with ``*``; None reads all.
        objective: Names of the metric that decides which of several runs is read; they are among ``keys``.
        lines: Patterns of lines in logs, see `autoloop.history.text.loglines`.

    Returns:
        The history; if nothing was found, without metrics and with a ``problem``.

    Raises:
        ConfigError: One of ``lines`` is not a valid pattern.
    """
    path = Path(run_dir)
    asked = [keys] if isinstance(keys, str) else None if keys is None else list(keys)
    histories = _histories(path, asked, objective, find.TRACKERS)
    if not any(any(_points(history, objective)[: 1 if objective else 2]) for history in histories.values()):
        printed = _histories(path, asked, objective, [find.lines_tracker(lines)])
        histories |= {name: history for name, history in printed.items() if history.rows}
    if not histories:
        what = f"no {find.looked_for()} in it{_also_looked_in(path)}" if path.exists() else _NOT_THERE
        hints = describe_outside(path) if path.is_dir() else ""
        return History(problem="; ".join(filter(None, [f"no history at {path}: {what}", hints])), path=path)
    return histories[choose({name: _points(history, objective) for name, history in histories.items()})]


def _histories(
    path: Path, asked: list[str] | None, objective: Sequence[str], trackers: Sequence[Tracker]
) -> dict[str, History]:
    """Return what each tracker logged, in their order; those that have no file are left out."""
    groups = _by_tracker(find.sources(path, trackers), trackers)
    return {
        tracker.name: _of_tracker(tracker, _runs(groups[tracker.name]), asked, objective)
        for tracker in trackers
        if tracker.name in groups
    }


def _by_tracker(found: list[Source], trackers: Sequence[Tracker]) -> dict[str, list[Source]]:
    """Return the sources of each tracker, in their order, newest first."""
    groups = {tracker.name: [s for s in found if s.tracker == tracker.name] for tracker in trackers}
    return {name: group for name, group in groups.items() if group}


def _points(history: History, objective: Sequence[str]) -> tuple[int, int]:
    """Return how many points of the objective there are, and how many of all metrics."""
    name = next((name for name in objective if name in history), None)
    return 0 if name is None else len(history[name]), sum(map(len, history.values()))


def _of_tracker(
    tracker: Tracker, runs: list[list[Source]], asked: list[str] | None, objective: Sequence[str]
) -> History:
    """Return the history of the run that counts of one tracker's."""
    histories: Iterable[History] = (_read_run(tracker, parts, asked) for parts in runs)
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
    if len(logged) > 1 and history.source != LINES:
        run_id = history.run.run_id if history.run else history.path
        what = "W&B runs" if history.source in (LOG, SUMMARY) else f"{history.source} runs"
        history.note = f"{len(logged)} {what} logged {name}: the one that started last counts, {run_id}"
    return history


def _runs(found: list[Source]) -> list[list[Source]]:
    """Return the sources of each run, newest run first, the sources of one run oldest first."""
    runs: dict[str, list[Source]] = {}
    for source in found:
        runs.setdefault(source.run_id or f"{source.path}/{source.part}", []).append(source)
    return [parts[::-1] for parts in runs.values()]


def _noted(history: History, newer: list[History]) -> History:
    """Return a history whose problem names newer runs that were passed over because they are empty."""
    notes = [f"a newer run was passed over: {other.problem}" for other in newer]
    history.problem = "; ".join(filter(None, [history.problem, *notes]))
    return history


def _read_run(tracker: Tracker, parts: list[Source], keys: list[str] | None) -> History:
    """Return the history of one run from its sources, joined in order."""
    histories = [_read_source(tracker, source, keys) for source in parts]
    whole, counts, notes = histories[0], parts[0], list[str]()
    for source, later in zip(parts[1:], histories[1:], strict=True):
        both = _logged_at_once(whole, later)
        primary = [wandb.is_primary(one.run_dir) for one in (counts, source)] if both else []
        if primary == [True, False]:
            whole = later.then(whole)
        else:
            whole, counts = whole.then(later), source
        if both:
            which = "primary process" if any(primary) and not all(primary) else "one that started last"
            notes.append(
                f"two processes logged {both} into one run at the same time: where both have a step, that of "
                f"the {which} counts, {counts.path}"
            )
    whole.note = "; ".join(filter(None, [whole.note, *notes]))
    return whole


def _logged_at_once(earlier: History, later: History) -> str:
    """Return a metric that both parts of a run have, if their rows were written at the same time; else empty.

    A run that was resumed has one part after the other; W&B's ``mode="shared"`` has them side by side.
    """
    times = [part.internal.get("_timestamp") for part in (earlier, later)]
    if any(one is None or not len(one) for one in times):
        return ""
    (_, end), (start, _) = ((one.values.min(), one.values.max()) for one in times if one is not None)
    return next((name for name in later if name in earlier), "") if start < end else ""


def _read_source(tracker: Tracker, source: Source, keys: list[str] | None) -> History:
    tail = tracker.tail(source, keys)
    tail.read()
    history = tail.history()
    history.sources = ((source.tracker, str(source.path)),)
    return history


def read_histories(
    run_dirs: Iterable[str | os.PathLike[str]], keys: Iterable[str] | None = None, workers: int | None = None
) -> Iterator[History]:
    """Yield the history of each run, in order; many or large runs are read by several processes.

    Args:
        run_dirs: Paths as :func:`read_history` takes them.
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
    """Return everything that a W&B run logged under a name, numbers or not: ``(step, value)`` in file order.

    For texts, histograms and media, which a history leaves out; parts of a media value that newer files hold
    under names of their own (``image._type``, ``image.path``) have to be asked for by these. Slower than
    :func:`read_history`, and of several runs in a directory the newest is read.
    """
    runs = _runs([source for source in find.sources(Path(run_dir)) if source.tracker == WANDB])
    logs = [RunLog(source.path, keys=[]) for source in (runs[0] if runs else []) if source.kind == LOG]
    return [pair for log in logs for pair in log.values(key)]


#: Tracker, path and part of a source.
_Name = tuple[str, Path, str]


class HistoryReader:
    """Follows one run while it is written: each update costs as much as the bytes that are new.

    Where there are several, that is the one ``read_history`` would read, as far as they have come: the newest
    which has logged the objective; without an objective, the newest there was when the first file appeared.

    Args:
        path: What ``read_history`` takes. The file may not exist yet.
        keys: Names of the metrics to read, or patterns with ``*``; None reads all.
        objective: As for ``read_history``.
        lines: As for ``read_history``.

    Attributes:
        runs: How many runs have been followed.

    Raises:
        ConfigError: One of ``lines`` is no pattern.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        keys: Iterable[str] | None = None,
        objective: Sequence[str] = (),
        lines: Sequence[str] = LINES_KNOWN,
    ) -> None:
        self.runs = 0
        self._path = Path(path)
        self._keys = [keys] if isinstance(keys, str) else None if keys is None else list(keys)
        self._objective = tuple(objective)
        self._last_resort = find.lines_tracker(lines)
        self._tails: dict[_Name, Tail] = {}
        self._followed: _Name | None = None

    @property
    def restarts(self) -> int:
        """How often a file was found shorter than before, or replaced, and read from its start."""
        return sum(tail.restarts for tail in self._tails.values())

    def update(self) -> History:
        """Read what is new and return it: only the points that no earlier update returned.

        An end that is not yet readable, as a writer leaves it between two writes, waits for the next update.
        """
        if self._followed is None or self._reads_on(self._tails[self._followed]):
            self._look_around()
        return self._history(fresh=True)

    def history(self) -> History:
        """Return all that has been read so far."""
        return self._history()

    def _history(self, fresh: bool = False) -> History:
        if self._followed is None:
            return History(problem=f"no {find.looked_for()} under {self._path} yet", path=self._path)
        history = self._tails[self._followed].history(fresh)
        history.sources = ((self._followed[0], str(self._followed[1])),)
        return history

    def _reads_on(self, tail: Tail) -> bool:
        """Read on; tell whether it is worth a walk through the directory to look for another run."""
        before = tail.logged()
        tail.read(final=False)
        if not self._objective:
            return not tail.logged()
        is_idle = tail.logged() == before
        return is_idle or tail.has_ended or not tail.logged(self._objective) or self._has_rivals()

    def _has_rivals(self) -> bool:
        """Whether another tracker may come to have more; of a last resort any other may."""
        trackers = {tracker for tracker, _, _ in self._tails} - {LINES}
        return len(trackers) > 1 or (self._followed is not None and self._followed[0] == LINES)

    def _look_around(self) -> None:
        """Choose the run to follow."""
        newest = self._newest_of(find.TRACKERS)
        if not any(self._has_logged(self._tails[name]) for name in newest.values()):
            newest |= self._newest_of([self._last_resort])
        if not newest:
            return
        counts = {tracker: self._counts(self._tails[name]) for tracker, name in newest.items()}
        best = newest[choose(counts, self._followed[0] if self._followed else "")]
        if best != self._followed:
            self.runs += 1
            self._followed = best

    def _newest_of(self, trackers: Sequence[Tracker]) -> dict[str, _Name]:
        """Return which run to follow of each tracker that has one; all have been read as far as they are."""
        found = [source for source in find.sources(self._path, trackers) if source.kind != SUMMARY]
        groups = _by_tracker(found, trackers)
        return {
            tracker.name: self._newest([self._read(tracker, source) for source in groups[tracker.name]])
            for tracker in trackers
            if tracker.name in groups
        }

    def _read(self, tracker: Tracker, source: Source) -> _Name:
        """Return the name of a source's tail, which has read what there is."""
        name = (source.tracker, source.path, source.part)
        if name not in self._tails:
            self._tails[name] = tracker.tail(source, self._keys)
        if name != self._followed:
            self._tails[name].read(final=False)
        return name

    def _newest(self, names: list[_Name]) -> _Name:
        """Return which of one tracker's runs to follow; they are given newest first."""
        logged = (name for name in names if self._tails[name].logged(self._objective))
        return next(logged, self._followed if self._followed in names else names[0])

    def _has_logged(self, tail: Tail) -> bool:
        return bool(tail.logged(self._objective or None))

    def _counts(self, tail: Tail) -> tuple[int, int]:
        return tail.logged(self._objective), tail.logged()
