"""Hugging Face's ``trainer_state.json``, of a run's directory or of its checkpoints: the newest says all."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from autoloop.history.files import open_regular, regular
from autoloop.history.series import History
from autoloop.history.source import Source, Tail, stamp
from autoloop.history.text.rows import Rows
from autoloop.history.values import as_number
from autoloop.history.whole import WholeFiles

TRAINER_STATE = "trainer_state"
FILE_NAME = "trainer_state.json"
LOOKED_FOR = FILE_NAME
_CHECKPOINT = re.compile(r"checkpoint-\d+")


def sources(folder: Path, names: Sequence[str]) -> list[Source]:
    """Return the directory of the run whose state lies in this directory."""
    status = regular(folder / FILE_NAME) if FILE_NAME in names else None
    if status is None:
        return []
    run_dir = folder.parent if _CHECKPOINT.fullmatch(folder.name) else folder
    changed = max(status.st_mtime_ns, *(one.stat().st_mtime_ns for one in _files(run_dir)))
    return [Source(run_dir, TRAINER_STATE, "", (stamp(changed), changed), run_dir, TRAINER_STATE)]


def _files(run_dir: Path) -> list[Path]:
    """Return the states of a run, newest first."""
    found = []
    for path in (run_dir / FILE_NAME, *run_dir.glob(f"checkpoint-*/{FILE_NAME}")):
        status = regular(path)
        if status is not None:
            found.append((status.st_mtime_ns, path))
    return [path for _, path in sorted(found, reverse=True)]


def tail(source: Source, keys: Iterable[str] | None = None) -> Tail:
    """Return the reader of the states of a run."""
    asked = None if keys is None else list(keys)
    run_dir = source.path
    return WholeFiles(run_dir, lambda: _files(run_dir), lambda paths: load(run_dir, paths, asked))


def load(run_dir: Path, paths: Sequence[Path], keys: Iterable[str] | None = None) -> History:
    """Return the history in the newest of these files that can be read."""
    problems = []
    for path in paths:
        try:
            with open_regular(path) as file:
                state = json.load(file)
            logged = state["log_history"]
            if not isinstance(logged, list):
                raise TypeError("its log_history is not a list")
        except (OSError, ValueError, RecursionError, KeyError, TypeError) as error:
            problems.append(f"{path} cannot be read: {type(error).__name__}: {error}")
            continue
        return _history(path, logged, keys, problems)
    problems = problems or [f"no {FILE_NAME} in {run_dir}"]
    return History(problem="; ".join(problems), path=run_dir)


def _history(path: Path, logged: list[Any], keys: Iterable[str] | None, problems: list[str]) -> History:
    rows = Rows(keys)
    read = [row for row in logged if isinstance(row, dict) and "step" in row]
    for row in read:
        rows.add(_with_hidden_nan(row))
    if len(read) < len(logged):
        problems.append(f"{path}: {len(logged) - len(read)} entries of its log_history have no step")
    return rows.history(False, "; ".join(problems), TRAINER_STATE, path)


def _with_hidden_nan(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with NaN for a loss that was logged as 0 since it was NaN.

    transformers leaves NaN and infinities out of the mean it logs (``logging_nan_inf_filter``); what the
    gradients' norm was is logged as it is.
    """
    norm = as_number(row.get("grad_norm"))
    if row.get("loss") == 0 and norm is not None and not math.isfinite(norm):
        return {**row, "loss": math.nan}
    return row
