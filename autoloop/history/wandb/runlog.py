"""Run log: one ``.wandb`` file, read once or followed while it grows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from autoloop.history.axis import FRAMEWORKS, along, choose_axis
from autoloop.history.files import identity, open_regular
from autoloop.history.series import INTERNAL, History, RunRecord, Series
from autoloop.history.values import leaves
from autoloop.history.wandb import records
from autoloop.history.wandb.columns import Columns
from autoloop.history.wandb.framing import Framer, Records
from autoloop.history.wandb.kinds import LOG
from autoloop.history.wandb.split import Split
from autoloop.history.wandb.summary import summary_of
from autoloop.history.wanted import Wanted
from autoloop.history.wire import WireError, fields

_DEFAULT_SERVER = "https://wandb.ai"
_TEXTS = {1: "run_id", 2: "entity", 3: "project", 6: "group", 7: "job_type", 8: "name", 9: "notes"}
_TAG, _CONFIG, _START, _BRANCH = 10, 4, 17, 23  # other fields of RunRecord


class RunLog:
    """What a ``.wandb`` file holds, as far as it has been read.

    Args:
        path: The file.
        keys: Names and patterns of the metrics to keep; None keeps all.

    Attributes:
        restarts: How often the file was found shorter than before, or replaced, and read from its start.
    """

    def __init__(self, path: Path, keys: Iterable[str] | None = None) -> None:
        self.path = path
        self.restarts = 0
        self._identity: tuple[int, int] | None = None
        self._keys = None if keys is None else [keys] if isinstance(keys, str) else list(keys)
        self._wanted = Wanted(self._keys)
        self._axes = set(FRAMEWORKS)  # read beside what is asked for
        self._begin()

    def _begin(self) -> None:
        """Know nothing, and read from the start."""
        self.columns = Columns(None if self._keys is None else [*self._keys, *sorted(self._axes)])
        self._framer = Framer()
        self._run: dict[str, Any] = {}
        self._config: dict[str, Any] = {}
        self._step_metrics: dict[str, str] = {}
        self._exit_code: int | None = None
        self._unreadable = 0
        self._error = ""

    @property
    def offset(self) -> int:
        """Position of the first byte of the file that has not been used."""
        return self._framer.offset

    @property
    def has_ended(self) -> bool:
        """Whether the file has the record of the run's end."""
        return self._exit_code is not None

    def logged(self, names: Iterable[str] | None = None) -> int:
        """Return how many values these metrics have, or all that were asked for."""
        return self.columns.logged(names)

    def read(self, final: bool = True) -> None:
        """Read what is new since the last call; see :meth:`Framer.read` for ``final``."""
        try:
            with open_regular(self.path) as file:
                self._notice(os.fstat(file.fileno()))
                while not self._read_on(file, final):
                    self._begin()
        except OSError as error:
            self._error = f"{self.path} cannot be read: {error.strerror or error}"

    def _notice(self, status: os.stat_result) -> None:
        """Begin anew where the file is another one than at the last call, or shorter than what was read."""
        known, self._identity = self._identity, identity(status)
        if known not in (None, self._identity) or status.st_size < self.offset:
            self.restarts += 1
            self._begin()

    def _read_on(self, file: BinaryIO, final: bool) -> bool:
        """Read on; return False where an axis turned up only after rows that were read without it."""
        return all(self._add(found) for found in self._framer.read(file, final))

    def _add(self, found: Records) -> bool:
        """Put records where they belong; see `_read_on`."""
        split = Split(found.batch())
        for kind, message in split.others():
            self._read_other(kind, message)
        if not self._collect_axes():
            return False
        rows = split.messages(records.HISTORY)
        if len(rows):
            self.columns.add_rows(rows)
        return True

    def _collect_axes(self) -> bool:
        """Have the axes read from here on; return False if rows have been read without one of them."""
        axes = {*self._step_metrics.values(), *FRAMEWORKS}
        if self._keys is None or axes <= self._axes:
            return True
        self._axes |= axes
        if self.columns.rows:
            return False
        self.columns = Columns([*self._keys, *sorted(self._axes)])
        return True

    def _read_other(self, kind: int, message: bytes) -> None:
        """Take a record of which a run has one or a few."""
        read = {
            records.RUN: self._read_run,
            records.CONFIG: self._read_config,
            records.EXIT: self._read_exit,
            records.METRIC: self._read_metric,
            records.UNREADABLE: self._count_unreadable,
        }.get(kind)
        try:
            if read:
                read(message)
        except WireError:
            self._count_unreadable(message)

    def _count_unreadable(self, _: bytes) -> None:
        self._unreadable += 1

    def _read_config(self, message: bytes) -> None:
        records.update(message, self._config)

    def _read_exit(self, message: bytes) -> None:
        self._exit_code = records.exit_code(message)

    def _read_metric(self, message: bytes) -> None:
        name, over = records.step_metric(message)
        if over and over != "_step":
            self._step_metrics[name] = over

    def _read_run(self, message: bytes) -> None:
        tags: list[str] = []
        for number, value in fields(message):
            if not isinstance(value, bytes):
                continue
            if number in _TEXTS:
                self._run[_TEXTS[number]] = value.decode("utf-8", "replace")
            elif number == _TAG:
                tags.append(value.decode("utf-8", "replace"))
            elif number == _CONFIG:
                records.update(value, self._config)
            elif number == _START:
                parts = dict(fields(value))
                self._run["start_time"] = float(parts.get(1, 0)) + float(parts.get(2, 0)) / 1e9
            elif number == _BRANCH:
                self._run["forked_from"] = records.branch(value)
        self._run["tags"] = tuple(tags)

    def values(self, key: str) -> Iterator[tuple[int, Any]]:
        """Yield step and value of everything that was logged as ``key``, or inside a dict of that name."""
        step = -1
        with suppress(OSError), open_regular(self.path) as file:
            for record in chain.from_iterable(Framer().read(file)):
                kind, message = records.split(record)
                if kind != records.HISTORY:
                    continue
                with suppress(WireError):
                    known, pairs, _ = records.row(message)
                    step = step + 1 if known is None else known
                    found = (leaf for name, value in pairs for leaf in leaves(name, value))
                    yield from ((step, value) for name, value in found if name == key)

    def run_record(self) -> RunRecord | None:
        """Return the run's record, or None if the file holds none (yet)."""
        if not self._run.get("run_id"):
            return None
        config = {key: value for key, value in self._config.items() if key != "_wandb"}
        record = RunRecord(**self._run, config=config)
        url = run_url(record)
        return RunRecord(**self._run, config=config, url=url)

    def history(self, fresh: bool = False) -> History:
        """Return what has been read; with ``fresh`` only the points that are new since the last such call."""
        axis, series = self._by_step(self.columns.series(fresh))
        internal = {name: series.pop(name) for name in INTERNAL if name in series}
        internal.pop("_step", None)
        return History(
            series,
            self.problem(),
            run=self.run_record(),
            summary=partial(summary_of, self.path, self._keys, self.offset),
            exit_code=self._exit_code,
            finished=self._exit_code is not None,
            skipped={
                name: count for name, count in self.columns.skipped().items() if self._wanted.name(name)
            },
            internal=internal,
            step_metrics=self._step_metrics,
            axis=axis,
            rows=self.columns.rows,
            source=LOG,
            path=self.path,
        )

    def _by_step(self, by_row: dict[str, Series]) -> tuple[str, dict[str, Series]]:
        """Return the run's axis ("" for its rows), and the series that were asked for with its steps."""
        named = ((name, self.columns.whole(name)) for name in {*self._step_metrics.values(), *FRAMEWORKS})
        axis = choose_axis(named, self.columns.rows)
        asked = {name: series for name, series in by_row.items() if self._wanted.name(name)}
        if axis is None:
            return "", asked
        name, counter = axis
        return name, {metric: along(counter, series, name) for metric, series in asked.items()}

    def problem(self) -> str:
        """Return what could not be read, in words; empty if nothing."""
        texts = list(filter(None, [self._error, self._framer.losses.text(self.path)]))
        unreadable = self._unreadable + self.columns.unreadable
        if unreadable:
            texts.append(f"{self.path}: {unreadable} records or values are not in W&B's format")
        if not texts and self.offset == 0:
            texts.append(f"{self.path} is empty")
        return "; ".join(texts)


def run_url(run: RunRecord) -> str | None:
    """Return the page of a run on its server (WANDB_BASE_URL), or None where the entity is not known."""
    if not (run.entity and run.project and run.run_id):
        return None
    server = os.environ.get("WANDB_BASE_URL", _DEFAULT_SERVER).rstrip("/")
    server = _DEFAULT_SERVER if server == "https://api.wandb.ai" else server
    return f"{server}/{run.entity}/{run.project}/runs/{run.run_id}"
