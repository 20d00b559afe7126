"""Every local run below a directory, whatever its layout and whoever logged it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path

from joblib import Parallel, cpu_count, delayed

from autoloop.curves.metrics import Metrics
from autoloop.history import read_history
from autoloop.history.find import sources
from autoloop.history.series import History
from autoloop.history.source import Source
from autoloop.history.wandb.kinds import WANDB
from autoloop.views.analysis.runs import AnalysedRun, Look, analyse

WANDB_DIRS = ("wandb", ".wandb")
_FEW = 64  # so many runs are read sooner than worker processes start


@dataclass(frozen=True, slots=True)
class LocalRun:
    """Where the files of one run are.

    Attributes:
        key: Its run dir relative to the directory that was searched: the directory that holds ``wandb/``
            where that holds one run only, else the run's own directory.
        files: Its history files, oldest first; several where it was resumed. The directory of a job that
            several trackers logged.
    """

    key: str
    files: tuple[Path, ...]


def find_local_runs(top: Path, limit: int | None = None, job_dirs: Collection[str] = ()) -> list[LocalRun]:
    """Return the runs below a directory, newest first.

    Args:
        top: The directory, or one history file.
        limit: At most so many runs, the newest; None for all.
        job_dirs: Directories of a study's jobs; a run that is alone in one has its name.
    """
    groups: dict[tuple[Path, str], list[Source]] = {}
    jobs, others = _by_job(sources(top), top, job_dirs)
    for source in others:
        run_dir = source.run_dir
        groups.setdefault((run_dir.parent, source.run_id or f"{source.path}{source.part}"), []).append(source)
    together = Counter(parent for parent, _ in groups)
    runs = [
        LocalRun(_key(parts[0], top, together[parent] == 1), tuple(part.path for part in reversed(parts)))
        for (parent, _), parts in groups.items()
    ]
    return [*jobs, *_named_by_jobs(runs, job_dirs)][:limit]


def _by_job(found: list[Source], top: Path, job_dirs: Collection[str]) -> tuple[list[LocalRun], list[Source]]:
    """Return the jobs of which anything but W&B tells, one run each, and the sources of all others."""
    places, homes = {top / job_dir: job_dir for job_dir in job_dirs}, dict[str, list[Source]]()
    for source in found:
        home = next((places[at] for at in (source.path, *source.path.parents) if at in places), "")
        homes.setdefault(home, []).append(source)
    ours = [home for home, own in homes.items() if home and any(s.tracker != WANDB for s in own)]
    newest = sorted(ours, key=lambda home: homes[home][0].started, reverse=True)
    others = [source for home, own in homes.items() if home not in ours for source in own]
    others.sort(key=lambda source: (source.started, str(source.path)), reverse=True)
    return [LocalRun(home, (top / home,)) for home in newest], others


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
    """Analyse the runs below a directory, newest first; many are read in several processes.

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
    return analyse(run.key, reduce(History.then, _histories(run, look.metrics)), look)


def _histories(run: LocalRun, metrics: Metrics) -> Iterator[History]:
    names, lines = metrics.objective_names, metrics.lines
    return (read_history(file, objective=names, lines=lines) for file in run.files)
