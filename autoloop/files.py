"""Writing files so that a reader never sees half of one, and directories so that none is used twice."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from autoloop.study import Study

#: What a job's directory holds before it starts: where the job comes from.
LINEAGE_FILE = "lineage.json"
#: And what it is to train, as hashes of its config's values, which the job compares with what it composed.
PLANNED_FILE = "planned.json"


def write_atomic(path: Path, text: str) -> None:
    """Write ``text`` beside ``path``, then move it there in one step; the directory is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        os.chmod(name, 0o644)  # noqa: PTH101 - mkstemp made it 0600
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def fresh_dir(study_dir: Path, wanted: str, job: int, study: Study) -> str:
    """Return the directory for a job: the wanted one, or one beside it where that is in use or holds files.

    Args:
        study_dir: The study's directory.
        wanted: What ``hydra.sweep.subdir`` says, relative to it.
        job: Number of the job.
        study: The record of the jobs that have a directory already.
    """
    used = study.tally.run_dirs
    candidate, count = wanted, 1
    while candidate in used or _holds_files(study_dir / candidate):
        stem = f"{wanted.rstrip('/')}_{job}" if Path(wanted).name else str(job)
        candidate = stem if count == 1 else f"{stem}_{count}"
        count += 1
    return candidate


def _holds_files(path: Path) -> bool:
    return path.exists() and (not path.is_dir() or any(path.iterdir()))
