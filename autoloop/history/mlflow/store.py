"""MLflow's file store (``mlruns``, its default until 3.6): a directory for a run, a file for a metric."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from autoloop.history.files import open_regular
from autoloop.history.mlflow.database import MLFLOW, TIMESTAMP
from autoloop.history.points import Gathered
from autoloop.history.series import INTERNAL, History, RunRecord
from autoloop.history.source import Source, stamp
from autoloop.history.text.follow import LineFollower

META = "meta.yaml"
_FACT = re.compile(r"(?m)^(run_id|run_uuid|run_name|start_time|status|experiment_id): *'?([^'\n]*)'?$")
_META_BYTES = 1 << 16
_ENDED = ("3", "4", "5")  # finished, failed, killed
_COLUMNS = (2, 3, 5)  # of a line: time, value, then the step, then a dataset's name and digest
_MOST_STEP = 1 << 63


def sources(folder: Path, names: Sequence[str]) -> list[Source]:
    """Return the run whose directory this is."""
    facts = _facts(folder) if META in names else {}
    run_id = facts.get("run_id") or facts.get("run_uuid", "")
    if not run_id or "status" not in facts or not (folder / "metrics").is_dir():
        return []
    start = facts.get("start_time", "")
    began = int(start) * 10**6 if start.isascii() and start.isdigit() and len(start) <= 13 else 0
    return [Source(folder, MLFLOW, run_id, (stamp(began), began), folder, MLFLOW)]


def _facts(folder: Path) -> dict[str, str]:
    """Return what the file beside a run's metrics records of it."""
    try:
        with open_regular(folder / META) as file:
            return dict(_FACT.findall(file.read(_META_BYTES).decode("utf-8", "replace")))
    except OSError:
        return {}


class StoreTail:
    """What the files of one run have said so far; see `autoloop.history.source.Tail`.

    Args:
        path: The run's directory.
        keys: Names and patterns of the metrics to keep; None keeps all.
    """

    def __init__(self, path: Path, keys: Iterable[str] | None = None) -> None:
        self.path = path
        self._asked = None if keys is None else list(keys)
        self._metrics: dict[str, _Metric] = {}
        self._facts: dict[str, str] = {}
        self._is_final = True

    @property
    def restarts(self) -> int:
        """How often a file was read from its start again."""
        return sum(metric.file.restarts for metric in self._metrics.values())

    @property
    def has_ended(self) -> bool:
        """Whether MLflow recorded the end of the run."""
        return self._facts.get("status") in _ENDED

    def read(self, final: bool = True) -> None:
        """Read what is new; see `Tail.read`."""
        self._is_final, self._facts = final, _facts(self.path)
        for name, path in _files(self.path / "metrics"):
            if name not in self._metrics:
                self._metrics[name] = _Metric(name, path, self._asked)
        for metric in self._metrics.values():
            metric.read(final)

    def logged(self, names: Iterable[str] | None = None) -> int:
        """Return how many values these metrics have, or all that were asked for."""
        asked = self._metrics if names is None else names
        return sum(self._metrics[name].points.logged([name]) for name in asked if name in self._metrics)

    def history(self, fresh: bool = False) -> History:
        """Return what has been read; see `Tail.history`."""
        whole = History()
        for metric in self._metrics.values():
            whole = whole.then(metric.history(fresh))
        problem = whole.problem
        if not self._metrics and self._is_final:
            problem = f"{self.path} has no metrics: the run has logged nothing, or not yet"
        return History(
            dict(sorted(whole.items())),
            problem,
            run=self._run_record(),
            finished=self.has_ended,
            internal=whole.internal,
            rows=whole.rows,
            source=MLFLOW,
            path=self.path,
        )

    def _run_record(self) -> RunRecord | None:
        run_id, start = self._facts.get("run_id", ""), self._facts.get("start_time", "")
        began = int(start) / 1000 if start.isascii() and start.isdigit() else None
        name, project = self._facts.get("run_name", ""), self._facts.get("experiment_id", "")
        return RunRecord(run_id, project=project, name=name, start_time=began) if run_id else None


def _files(top: Path) -> Iterator[tuple[str, Path]]:
    """Yield the metrics that have a file, and the files."""
    for folder, inner, names in os.walk(top):
        inner.sort()
        for path in (Path(folder) / name for name in sorted(names)):
            yield path.relative_to(top).as_posix(), path


class _Metric:
    """One metric's file."""

    def __init__(self, name: str, path: Path, keys: list[str] | None) -> None:
        self.points = Gathered(keys)
        self.file = LineFollower(path)
        self._name = name
        self._bad = 0
        self._is_final = True

    def read(self, final: bool) -> None:
        if not self.points.wants(self._name):
            return
        self._is_final = final
        for lines in self.file.read():
            if lines.is_start:
                self._bad = 0
                self.points.restart()
            rows = [_row(line) for line in lines.data.splitlines() if line.strip()]
            good = [row for row in rows if row is not None]
            self._bad += len(rows) - len(good)
            self.points.rows += len(good)
            if good:
                times, values, steps = zip(*good, strict=True)
                self.points.add(self._name, steps, values)
                self.points.add(TIMESTAMP, steps, times)

    def history(self, fresh: bool) -> History:
        found = self.points.series(fresh)
        internal = {name: found.pop(name) for name in INTERNAL if name in found}
        return History(found, self._problem(), internal=internal, rows=self.points.rows)

    def _problem(self) -> str:
        texts = [self.file.error] if self.file.error else []
        if self._bad:
            texts.append(f"{self.file.path}: {self._bad} lines are not MLflow's")
        if self.file.lost:
            texts.append(f"{self.file.path}: {self.file.lost} bytes in lines that are too long are left out")
        if self.file.rest and self._is_final:
            texts.append(f"{self.file.path}: its last line has no end and is left out")
        return "; ".join(texts)


def _row(line: bytes) -> tuple[float, float, int] | None:
    """Return time in seconds, value and step of a line; None if it is none of MLflow's."""
    parts = line.split()
    if len(parts) not in _COLUMNS or b"_" in line:
        return None
    try:
        time, value, step = int(parts[0]) / 1000, float(parts[1]), int(parts[2]) if len(parts) > 2 else 0
    except (ValueError, OverflowError):
        return None
    return (time, value, step) if abs(step) < _MOST_STEP else None
