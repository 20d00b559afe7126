"""W&B's own commands for a study: its terminal viewer and its upload. Nothing here runs them."""

from __future__ import annotations

import os
import re
import shlex
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from autoloop.errors import OutsideError
from autoloop.history.find import sources
from autoloop.history.wandb.kinds import LOG
from autoloop.store.files import inside
from autoloop.study.record import Study

#: Directory of a study that holds a link to each W&B run in it: what ``wandb leet`` can browse.
LINKS = "wandb"

_FIRST_WITH_LEET = (0, 28)


def sync_command(top: Path) -> str:
    """Return the shell line that uploads the offline runs below a directory.

    Raises:
        OutsideError: There is no offline run.
    """
    found = [source.run_dir for source in sources(top) if source.kind == LOG]
    offline = [path for path in reversed(found) if path.name.startswith("offline-run-")]
    if not offline:
        raise OutsideError(f"no offline W&B run below {top}: there is nothing to upload")
    pattern = "*/wandb/offline-run-*"
    if len(offline) > 1 and set(top.glob(pattern)) == set(offline):
        return f"wandb sync {shlex.quote(str(top))}/{pattern}"
    return shlex.join(["wandb", "sync", *dict.fromkeys(map(str, offline))])


def leet_command(study_dir: Path) -> str:
    """Return the shell line that browses a study in W&B's terminal viewer.

    Empty where the study has no W&B run yet, or the installed wandb has no such viewer (before 0.28).
    """
    links = study_dir / LINKS
    if not has_leet() or not links.is_dir():
        return ""
    return shlex.join(["wandb", "leet", str(links)])


def wandb_hints(study: Study, study_dir: Path) -> list[str]:
    """Say how to look at the runs of a finished study with W&B's own tools, one line each."""
    RunLinks(study_dir).update(study)
    hints = []
    if leet := leet_command(study_dir):
        hints.append(f"curves in the terminal: {leet}")
    with suppress(OutsideError):
        hints.append(f"upload to W&B: {sync_command(study_dir)}")
    return hints


def has_leet() -> bool:
    """Whether the installed wandb has a terminal viewer."""
    try:
        numbers = re.findall(r"\d+", version("wandb"))[:2]
    except PackageNotFoundError:
        return False
    return tuple(map(int, numbers)) >= _FIRST_WITH_LEET


class RunLinks:
    """Keeps a link to each W&B run of a study in one directory, since the viewer looks into one directory.

    Args:
        study_dir: The study's directory.
    """

    def __init__(self, study_dir: Path) -> None:
        self._study_dir = study_dir
        self._linked: set[int] = set()

    def update(self, study: Study) -> None:
        """Link the runs of jobs that were started since; a job without a run is looked at until it ends."""
        for job in list(study.jobs.values()):
            if job.started and job.run_dir and job.job not in self._linked:
                linked = self._link(job.run_dir)
                if linked or job.state is not None:
                    self._linked.add(job.job)

    def _link(self, run_dir: str) -> bool:
        found = [source for source in sources(inside(self._study_dir, run_dir)) if source.kind == LOG]
        links = inside(self._study_dir, LINKS)
        for source in found:
            link = links / source.run_dir.name
            with suppress(OSError):  # a file system without links, or a link that is there already
                links.mkdir(exist_ok=True)
                link.symlink_to(os.path.relpath(source.run_dir, links))
        return bool(found)
