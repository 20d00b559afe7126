"""Values of the history package: a metric's series, a run's record and the history of a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Columns that W&B adds to every row; they are kept apart from the metrics.
INTERNAL = ("_step", "_runtime", "_timestamp")


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """The values of one metric, sorted by step; NaN and infinities are kept.

    Attributes:
        steps: int64 (n,), strictly increasing as read from a file.
        values: float64 (n,), one per step.
        axis: Name of the logged counter that gives the steps; empty if the tracker has steps of its own or
            the series was made by hand.

    Raises:
        ValueError: If the two are not one-dimensional and equally long.
    """

    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    axis: str = ""

    def __post_init__(self) -> None:
        steps, values = np.asarray(self.steps, dtype=np.int64), np.asarray(self.values, dtype=np.float64)
        if steps.ndim != 1 or steps.shape != values.shape:
            raise ValueError(f"a series needs one step per value, got {steps.shape} and {values.shape}")
        object.__setattr__(self, "steps", steps)
        object.__setattr__(self, "values", values)

    @classmethod
    def of(cls, values: ArrayLike, steps: ArrayLike | None = None) -> Series:
        """Return values as a series; without ``steps`` they count from 0. The last value of a step wins."""
        array = np.asarray(values, dtype=np.float64)
        if steps is None:
            return cls(np.arange(array.size), array)
        return cls(np.asarray(steps, dtype=np.int64), array).in_order()

    def in_order(self) -> Series:
        """Return the series sorted by step, with only the last value of each step."""
        if self.steps.size < 2 or (np.diff(self.steps) > 0).all():
            return self
        order = np.argsort(self.steps, kind="stable")
        steps, values = self.steps[order], self.values[order]
        last = np.append(steps[1:] != steps[:-1], True)
        return Series(steps[last], values[last], self.axis)

    def then(self, later: Series) -> Series:
        """Return both series as one; where both have a step, ``later`` wins."""
        steps = np.concatenate([self.steps, later.steps])
        return Series(steps, np.concatenate([self.values, later.values]), later.axis).in_order()

    def until(self, step: int) -> Series:
        """Return the part up to and including a step."""
        end = int(np.searchsorted(self.steps, step, side="right"))
        return Series(self.steps[:end], self.values[:end], self.axis)

    def at(self, step: int) -> float:
        """Return the value at the last step not beyond ``step``; NaN where there is none."""
        end = int(np.searchsorted(self.steps, step, side="right"))
        return float(self.values[end - 1]) if end else math.nan

    def __len__(self) -> int:
        return self.steps.size

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Series):
            return NotImplemented
        same_values = np.array_equal(self.values, other.values, equal_nan=True)
        return same_values and np.array_equal(self.steps, other.steps)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What W&B recorded about a run itself; a text that was not recorded is empty.

    Attributes:
        run_id: The id in W&B's URLs and file names.
        entity: User or team.
        project: Project.
        name: Display name.
        group: Group.
        job_type: Job type.
        notes: Notes.
        tags: Tags.
        config: The configuration as logged, nested.
        start_time: Seconds since 1970 (UTC), or None.
        forked_from: Where a forked run begins, as ``fork_from`` takes it: ``id?_step=9``; else empty.
        url: Page of the run on the server, or None where the entity is unknown.
    """

    run_id: str
    entity: str = ""
    project: str = ""
    name: str = ""
    group: str = ""
    job_type: str = ""
    notes: str = ""
    tags: tuple[str, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)
    start_time: float | None = None
    forked_from: str = ""
    url: str | None = None


class History(Mapping[str, Series]):
    """The metrics a run has logged, each as a :class:`Series`, and what is known about the run.

    Args:
        series: Metric -> series.
        problem: What could not be read, in words; empty if nothing is amiss.
        **facts: The attributes below.

    Attributes:
        problem: As given.
        run: The run's record, or None where it was not found.
        exit_code: Exit code that W&B recorded, or None. It is not the process's: wandb 0.31 records
            ``sys.exit(n)`` as n also where it was caught, ``raise SystemExit(n)`` as 0 and Ctrl-C as 255.
        finished: Whether W&B recorded the end of the run.
        skipped: Metric -> number of values left out because they are not numbers.
        internal: W&B's own columns (``_runtime`` in seconds since the start of the run, ``_timestamp`` in
            seconds since 1970), as series.
        step_metrics: Metric or glob -> the metric it is drawn over, by ``define_metric``.
        axis: The metric whose values are the steps; empty where W&B's own steps are, which count rows.
        note: What is worth knowing where nothing is amiss: several runs logged the objective; else empty.
        rows: Number of history rows read (rows of a resumed run's files are added up).
        source: Kind of file the series are from: of W&B "log" (``.wandb``), "jsonl" or "summary" (one point
            per metric: its last value), of other trackers "csv", "tensorboard" and so on; "" (made by hand,
            or nothing found).
        sources: Tracker and path of each file that the series are from, oldest first.
        path: File or directory that was read, "" if made by hand.
    """

    def __init__(self, series: Mapping[str, Series] | None = None, problem: str = "", **facts: Any) -> None:
        self._series = dict(series or {})
        self.problem = problem
        self.run: RunRecord | None = facts.pop("run", None)
        self._summary: _Summary = facts.pop("summary", {})
        self.exit_code: int | None = facts.pop("exit_code", None)
        self.finished: bool = facts.pop("finished", False)
        self.skipped: Mapping[str, int] = MappingProxyType(dict(facts.pop("skipped", {})))
        self.internal: Mapping[str, Series] = MappingProxyType(dict(facts.pop("internal", {})))
        self.step_metrics: Mapping[str, str] = MappingProxyType(dict(facts.pop("step_metrics", {})))
        self.axis: str = facts.pop("axis", "")
        self.note: str = facts.pop("note", "")
        self.rows: int = facts.pop("rows", 0)
        self.source: str = facts.pop("source", "")
        self.sources: tuple[tuple[str, str], ...] = facts.pop("sources", ())
        self.path: str = str(facts.pop("path", ""))
        if facts:
            raise TypeError(f"a history has no {', '.join(map(repr, facts))}")

    @classmethod
    def from_values(
        cls, values: Mapping[str, ArrayLike], steps: ArrayLike | None = None, problem: str = ""
    ) -> History:
        """Return a history made by hand: metric -> values, at the same ``steps`` (0, 1, 2... if None)."""
        return cls({name: Series.of(column, steps) for name, column in values.items()}, problem)

    def replace(self, series: Mapping[str, Series]) -> History:
        """Return this history with other series; everything else is kept."""
        return History(series, self.problem, **self._facts())

    def _facts(self) -> dict[str, Any]:
        """Return what was given beside series and problem."""
        facts = {k: dict(v) if isinstance(v, MappingProxyType) else v for k, v in vars(self).items()}
        return {name.removeprefix("_"): facts[name] for name in facts if name not in ("_series", "problem")}

    @property
    def summary(self) -> Mapping[str, Any]:
        """W&B's own summary of the run, nested as logged, as it was when the history was read.

        Few look at it and it costs about as much as the series, so that of a ``.wandb`` file is read when it
        is first looked at. If the file is gone by then it is empty, and ``problem`` says so.
        """
        try:
            self._summary = _made(self._summary)
        except OSError as error:
            gone = f"W&B's summary in {self.path} cannot be read any more: {error.strerror or error}"
            self.problem = "; ".join(filter(None, [self.problem, gone]))
            self._summary = {}
        return self._summary

    def step_metric(self, name: str) -> str | None:
        """Return the metric that ``name`` is drawn over by ``define_metric``, or None for the step."""
        pattern = next(
            (p for p in (name, *self.step_metrics) if p in self.step_metrics and fnmatchcase(name, p)), ""
        )
        return self.step_metrics.get(pattern)

    def against(self, name: str, over: str | None = None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the values of another metric, and of ``name``, at the steps that both have.

        Args:
            name: Metric of the second array.
            over: Metric of the first; by default the one that ``define_metric`` named.

        Raises:
            KeyError: If the history lacks one of them.
        """
        over = over or self.step_metric(name)
        if over is None:
            return self[name].steps.astype(np.float64), self[name].values
        base = self.internal.get(over) or self[over]
        _, left, right = np.intersect1d(base.steps, self[name].steps, assume_unique=True, return_indices=True)
        return base.values[left], self[name].values[right]

    def then(self, later: History) -> History:
        """Return this history continued by a later file of the same run, whose values win."""
        both = [(self._series, later._series), (self.internal, later.internal)]
        series, internal = (
            {**a, **{k: a[k].then(s) if k in a else s for k, s in b.items()}} for a, b in both
        )
        names = self.skipped.keys() | later.skipped.keys()
        return History(
            series,
            "; ".join(filter(None, [self.problem, later.problem])),
            run=later.run or self.run,
            summary=partial(_joined, self._summary, later._summary),
            exit_code=later.exit_code,
            finished=later.finished,
            skipped={name: self.skipped.get(name, 0) + later.skipped.get(name, 0) for name in sorted(names)},
            internal=internal,
            step_metrics={**self.step_metrics, **later.step_metrics},
            axis=later.axis,
            note=later.note or self.note,
            rows=self.rows + later.rows,
            source=later.source,
            sources=self.sources + later.sources,
            path=later.path,
        )

    def select(self, names: Iterable[str]) -> History:
        """Return this history with only the metrics ``names``; absent ones are left out."""
        return self.replace({name: self._series[name] for name in names if name in self._series})

    def until(self, step: int) -> History:
        """Return this history as it was at a step; metrics without a value by then are left out."""
        cut = {name: series.until(step) for name, series in self._series.items()}
        return self.replace({name: series for name, series in cut.items() if len(series)})

    def __getitem__(self, name: str) -> Series:
        return self._series[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._series)

    def __len__(self) -> int:
        return len(self._series)

    def __repr__(self) -> str:
        of = f" of {self.run.run_id}" if self.run else ""
        return f"<History{of}: {len(self)} metrics{f', {self.problem}' if self.problem else ''}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self._series, self.problem, self._facts())


#: A summary, or what reads it.
_Summary = Mapping[str, Any] | Callable[[], Mapping[str, Any]]


def _made(summary: _Summary) -> Mapping[str, Any]:
    """Return a summary, read if it is not yet."""
    return summary() if callable(summary) else summary


def _joined(earlier: _Summary, later: _Summary) -> dict[str, Any]:
    """Return both as one; where both have a name, the later wins."""
    return {**_made(earlier), **_made(later)}


def _restored(series: dict[str, Series], problem: str, facts: dict[str, Any]) -> History:
    """Return a history from the parts it was pickled as."""
    return History(series, problem, **facts)
