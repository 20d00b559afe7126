"""Run log: one ``.wandb`` file, read once or followed while it grows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from autoloop.history import records
from autoloop.history.columns import Columns
from autoloop.history.find import LOG
from autoloop.history.framing import Framer, Records
from autoloop.history.series import INTERNAL, History, RunRecord
from autoloop.history.split import Split
from autoloop.history.summary import summary_of
from autoloop.history.wire import WireError, fields

_DEFAULT_SERVER = "https://wandb.ai"
_DAMAGE_SHOWN = 3
_TEXTS = {1: "run_id", 2: "entity", 3: "project", 6: "group", 7: "job_type", 8: "name", 9: "notes"}
_TAG, _CONFIG, _START, _BRANCH = 10, 4, 17, 23  # other fields of RunRecord


class RunLog:
    """What a ``.wandb`` file holds, as far as it has been read.

    Args:
        path: The file.
        keys: Names and patterns of the metrics to keep; None keeps all.
    """

    def __init__(self, path: Path, keys: Iterable[str] | None = None) -> None:
        self.path = path
        self.columns = Columns(keys)
        self._keys = keys
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

    def read(self, final: bool = True) -> None:
        """Read what is new since the last call; see :meth:`Framer.read` for ``final``."""
        try:
            with self.path.open("rb") as file:
                for found in self._framer.read(file, final):
                    self._take(found)
        except OSError as error:
            self._error = f"{self.path} cannot be read: {error.strerror or error}"

    def _take(self, found: Records) -> None:
        """Put records where they belong."""
        split = Split(found.batch())
        rows = split.messages(records.HISTORY)
        if len(rows):
            self.columns.add_rows(rows)
        for kind, message in split.others():
            self._take_other(kind, message)

    def _take_other(self, kind: int, message: bytes) -> None:
        """Take a record of which a run has one or a few."""
        take = {
            records.RUN: self._take_run,
            records.CONFIG: self._take_config,
            records.EXIT: self._take_exit,
            records.METRIC: self._take_metric,
            records.UNREADABLE: self._take_unreadable,
        }.get(kind)
        try:
            if take:
                take(message)
        except WireError:
            self._take_unreadable(message)

    def _take_unreadable(self, _: bytes) -> None:
        self._unreadable += 1

    def _take_config(self, message: bytes) -> None:
        records.update(message, self._config)

    def _take_exit(self, message: bytes) -> None:
        self._exit_code = records.exit_code(message)

    def _take_metric(self, message: bytes) -> None:
        name, over = records.step_metric(message)
        if over and over != "_step":
            self._step_metrics[name] = over

    def _take_run(self, message: bytes) -> None:
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
        with suppress(OSError), self.path.open("rb") as file:
            for record in chain.from_iterable(Framer().read(file)):
                kind, message = records.split(record)
                if kind != records.HISTORY:
                    continue
                with suppress(WireError):
                    known, pairs, _ = records.row(message)
                    step = step + 1 if known is None else known
                    leaves = (leaf for name, value in pairs for leaf in records.leaves(name, value))
                    yield from ((step, value) for name, value in leaves if name == key)

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
        series = self.columns.series(fresh)
        internal = {name: series.pop(name) for name in INTERNAL if name in series}
        internal.pop("_step", None)
        return History(
            series,
            self.problem(),
            run=self.run_record(),
            summary=partial(summary_of, self.path, self._keys, self.offset),
            exit_code=self._exit_code,
            finished=self._exit_code is not None,
            skipped=self.columns.skipped(),
            internal=internal,
            step_metrics=self._step_metrics,
            rows=self.columns.rows,
            source=LOG,
            path=self.path,
        )

    def problem(self) -> str:
        """Return what could not be read, in words; empty if nothing."""
        damage = self._framer.damage
        texts = [self._error] if self._error else []
        if damage:
            lost = sum(piece.stop - piece.start for piece in damage)
            shown = "; ".join(map(str, damage[:_DAMAGE_SHOWN]))
            more = f"; and {len(damage) - _DAMAGE_SHOWN} more places" if len(damage) > _DAMAGE_SHOWN else ""
            texts.append(f"{self.path}: {lost} bytes could not be read ({shown}{more})")
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
