"""Every local W&B run below a directory, whatever its layout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path

from joblib import Parallel, cpu_count, delayed

from autoloop.history import read_history
from autoloop.history.find import sources
from autoloop.history.series import History
from autoloop.history.source import Source
from autoloop.views.analysis.runs import AnalysedRun, Look, analyse

WANDB_DIRS = ("wandb", ".wandb")
_FEW = 64  # so many runs are read sooner than worker processes start


@dataclass(frozen=True, slots=True)
class LocalRun:
    """Where the files of one run are.

    Attributes:
        key: Its run dir relative to the directory that was searched: the directory that holds ``wandb/``
            where that holds one run only, else the run's own directory.
        files: Its history files, oldest first; several where it was resumed.
    """

    key: str
    files: tuple[Path, ...]


def find_local_runs(top: Path, limit: int | None = None, job_dirs: Collection[str] = ()) -> list[LocalRun]:
    """Return the W&B runs below a directory, newest first.

    Args:
        top: The directory, or one history file.
        limit: At most so many runs, the newest; None for all.
        job_dirs: Directories of a study's jobs; a run that is alone in one has its name.
    """
    groups: dict[tuple[Path, str], list[Source]] = {}
    for source in sources(top):
        run_dir = source.run_dir
        groups.setdefault((run_dir.parent, source.run_id or str(source.path)), []).append(source)
    together = Counter(parent for parent, _ in groups)
    runs = [
        LocalRun(_key(parts[0], top, together[parent] == 1), tuple(part.path for part in reversed(parts)))
        for (parent, _), parts in groups.items()
    ]
    return _named_by_jobs(runs, job_dirs)[:limit]


def _named_by_jobs(runs: Sequence[LocalRun], job_dirs: Collection[str]) -> list[LocalRun]:
    """Give each run that is alone in the directory of a job that directory's name."""
    homes = {run.key: next((d for d in job_dirs if Path(run.key).is_relative_to(d)), None) for run in runs}
    together = Counter(homes.values())
    return [replace(run, key=d) if (d := homes[run.key]) and together[d] == 1 else run for run in runs]


def _key(newest: Source, top: Path, alone: bool) -> str:
    run_dir = newest.run_dir
    home = run_dir.parent.parent if alone and run_dir.parent.name in WANDB_DIRS else run_dir
    for place in (home, run_dir):
        if place.is_relative_to(top):
            return place.relative_to(top).as_posix()
    return newest.path.as_posix()


def analyse_tree(
    top: Path, look: Look, limit: int | None = None, job_dirs: Collection[str] = ()
) -> list[AnalysedRun]:
    """Analyse the W&B runs below a directory, newest first; many are read in several processes.

    Args:
        top: The directory.
        look: What to look for.
        limit: At most so many runs, the newest; None for all.
        job_dirs: Directories of a study's jobs; a run that is alone in one has its name.
    """
    found = find_local_runs(top, limit, job_dirs)
    if len(found) < _FEW:
        return [read_run(run, look) for run in found]
    return list(Parallel(n_jobs=cpu_count())(delayed(read_run)(run, look) for run in found))


def read_run(run: LocalRun, look: Look) -> AnalysedRun:
    """Read and analyse one run."""
    return analyse(run.key, reduce(History.then, _histories(run)), look)


def _histories(run: LocalRun) -> Iterator[History]:
    return (read_history(file) for file in run.files)
