"""W&B's files: which files of a directory are its own, and their readers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from autoloop.history.files import regular
from autoloop.history.series import History
from autoloop.history.source import Source, Tail, stamp
from autoloop.history.wandb.kinds import JSONL, LOG, SUMMARY, WANDB
from autoloop.history.wandb.legacy import read_jsonl, read_summary
from autoloop.history.wandb.runlog import RunLog
from autoloop.history.whole import WholeFiles

JSONL_NAME, SUMMARY_NAME = "wandb-history.jsonl", "wandb-summary.json"
#: What was looked for, as messages name it.
LOOKED_FOR = f"run-*.wandb, {JSONL_NAME} or {SUMMARY_NAME}"
_LOG_NAME = re.compile(r"run-(?P<id>.+)\.wandb")
_RUN_DIR_NAME = re.compile(r"(?:offline-run|run|dryrun)-(?P<stamp>\d{8}_\d{6})-(?P<id>.+)")
_OF_PRIMARY = ("wandb-metadata.json", "requirements.txt", "config.yaml")
_RANK = {LOG: 0, JSONL: 1, SUMMARY: 2}  # of several sources in one run dir the first is used


def sources(folder: Path, names: Sequence[str]) -> list[Source]:
    """Return the files of a directory that W&B keeps histories in."""
    ours = (name for name in names if name.endswith(".wandb") or name in (JSONL_NAME, SUMMARY_NAME))
    return [source for name in ours if (source := source_of(folder / name))]


def source_of(path: Path) -> Source | None:
    """Return a file as a source; None if its name is not one that W&B gives to histories."""
    kind = {JSONL_NAME: JSONL, SUMMARY_NAME: SUMMARY}.get(path.name, LOG if path.suffix == ".wandb" else "")
    status = regular(path) if kind else None
    if status is None:
        return None
    changed = status.st_mtime_ns
    beside = path.parent
    run_dir = beside.parent if kind == SUMMARY and beside.name == "files" else beside
    match, named = _LOG_NAME.fullmatch(path.name), _RUN_DIR_NAME.fullmatch(run_dir.name)
    run_id = match["id"] if match else named["id"] if named else ""
    started = named["stamp"] if named else stamp(changed)
    return Source(path, kind, run_id, (started, changed), run_dir, WANDB)


def best_of_each(found: Iterable[Source]) -> list[Source]:
    """Return the best source of each run dir: all logs in it, else the one that holds most."""
    best: dict[tuple[Path, str], Source] = {}
    taken: set[Path] = set()
    for source in sorted(found, key=lambda s: _RANK[s.kind]):
        if source.kind == LOG or source.run_dir not in taken:
            best[source.run_dir, source.run_id] = source
            taken.add(source.run_dir)
    return list(best.values())


def is_primary(run_dir: Path) -> bool:
    """Tell whether the process that wrote a run's directory is the primary of those that log into one run.

    The log does not say it. But W&B has only the primary (``x_primary``, the default) save its own files, and
    none of them is in the directory of another process (seen with wandb 0.28.2, ``mode="shared"``).
    """
    return any(regular(run_dir / "files" / name) for name in _OF_PRIMARY)


def tail(source: Source, keys: Iterable[str] | None = None) -> Tail:
    """Return the reader of one of W&B's files."""
    asked = None if keys is None else list(keys)
    if source.kind == LOG:
        return _Log(source, asked)
    read = read_jsonl if source.kind == JSONL else read_summary
    return WholeFiles(source.path, lambda: [source.path], lambda _: read(source, asked))


class _Log(RunLog):
    """A ``.wandb`` file; where it holds no rows, the last values that lie beside it."""

    def __init__(self, source: Source, keys: list[str] | None) -> None:
        super().__init__(source.path, keys)
        self._run_dir, self._asked = source.run_dir, keys
        self._is_final = False

    def read(self, final: bool = True) -> None:
        super().read(final)
        self._is_final = final

    def history(self, fresh: bool = False) -> History:
        found = super().history(fresh)
        return found if found.rows or not self._is_final else self._summary_instead(found)

    def _summary_instead(self, empty: History) -> History:
        """Return the last values beside a log that holds no rows, or the empty history with a problem."""
        for path in (self._run_dir / "files" / SUMMARY_NAME, self._run_dir / SUMMARY_NAME):
            beside = source_of(path)
            if beside and (found := read_summary(beside, self._asked)):
                found.run = empty.run or found.run
                found.problem = "; ".join(filter(None, [empty.problem, found.problem]))
                return found
        nothing = f"{self.path} holds no history: the run has logged nothing, or not yet"
        empty.problem = empty.problem or nothing
        return empty
