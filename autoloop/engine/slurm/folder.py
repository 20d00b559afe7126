"""The folder of one SLURM job: what it is asked to run, and what becomes of each of its starts.

Everything is JSON but one file, the pickled sweep (task function, configs): that is loaded only by jobs, and
only if nobody but the user that they run as could have written it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from autoloop.engine.execute.values import JobLimits
from autoloop.errors import AutoloopError
from autoloop.history.files import read_note
from autoloop.store.files import write_atomic

#: Directory below the sweep directory that holds the folders of all jobs.
HOME = ".slurm"

_REQUEST = "request.json"
_START = re.compile(r"start_(\d+)\.json")


@dataclass(frozen=True, slots=True)
class SlurmRequest:
    """What a SLURM job is asked to run.

    Attributes:
        index: Number of the job.
        overrides: Its overrides, without secrets.
        sweep: Name of the pickled sweep beside the folder.
        cwd: Working directory.
        argv: ``sys.argv`` of the main process.
        path: ``sys.path`` of the main process.
        limits: How long it may run.
    """

    index: int
    overrides: tuple[str, ...]
    sweep: str
    cwd: str
    argv: tuple[str, ...]
    path: tuple[str, ...]
    limits: JobLimits


class JobFolder:
    """The files of one job below ``<sweep dir>/.slurm``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def make(cls, sweep_dir: Path, index: int) -> JobFolder:
        """A new folder for job ``index``, closed to other users."""
        home = make_home(sweep_dir)
        return cls(Path(tempfile.mkdtemp(dir=home, prefix=f"{index}-")))

    @classmethod
    def of(cls, sweep_dir: Path, index: int) -> list[JobFolder]:
        """The folders that job ``index`` was given, the latest last."""
        found = (sweep_dir / HOME).glob(f"{index}-*")
        return [cls(path) for path in sorted(found, key=lambda path: path.stat().st_mtime)]

    def write_request(self, request: SlurmRequest) -> None:
        """Leave what the job is to run."""
        _write(self.path / _REQUEST, asdict(request))

    def read_request(self) -> SlurmRequest:
        """What the job is to run.

        Raises:
            AutoloopError: The file is not this user's own.
        """
        fields: dict[str, Any] = json.loads(read_private(self.path / _REQUEST))
        limits = fields["limits"]
        fields["limits"] = JobLimits(**{**limits, "watched": tuple(limits.get("watched", ()))})
        for name in ("overrides", "argv", "path"):
            fields[name] = tuple(fields[name])
        return SlurmRequest(**fields)

    def read_sweep(self, request: SlurmRequest) -> bytes:
        """The pickled sweep, to be unpickled in the job.

        Raises:
            AutoloopError: The file is not this user's own.
        """
        return read_private(self.path.parent / request.sweep)

    def write_start(self, restarts: int, status: dict[str, object]) -> None:
        """Leave how the job's start number ``restarts`` stands."""
        _write(self.path / f"start_{restarts}.json", status)

    def starts(self) -> dict[int, dict[str, Any]]:
        """How each start of the job stands, by its number; unreadable ones are left out."""
        found: dict[int, dict[str, Any]] = {}
        with contextlib.suppress(OSError):
            for path in self.path.iterdir():
                match = _START.fullmatch(path.name)
                status = _read(path) if match else None
                if match and status is not None:
                    found[int(match[1])] = status
        return found


def make_home(sweep_dir: Path) -> Path:
    """The directory of all folders of a sweep, made if need be, closed to other users."""
    home = sweep_dir / HOME
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.chmod(0o700)
    return home


def keep_sweep(sweep_dir: Path, pickled: bytes) -> str:
    """Write a pickled sweep where only this user can read it; return its name, which its content tells."""
    name = f"sweep-{hashlib.sha256(pickled).hexdigest()[:16]}.pkl"
    path = make_home(sweep_dir) / name
    if not path.exists():
        _write_private(path, pickled)
    return name


def read_private(path: Path) -> bytes:
    """Read a file that only this user can have written.

    Raises:
        AutoloopError: It belongs to somebody else, others may write to it, or it is a link.
        OSError: It cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise AutoloopError(
                f"{path} is not read: it must belong to the user of the job (uid {os.geteuid()}) and be "
                f"closed to others, but it is uid {status.st_uid}'s with mode {status.st_mode & 0o777:o}"
            )
        return file.read()


def _write(path: Path, value: dict[str, Any]) -> None:
    _write_private(path, json.dumps(value, default=str))


def _write_private(path: Path, content: str | bytes) -> None:
    """Write a file that only this user can read."""
    write_atomic(path, content, mode=0o600, durable=True, make_dir=False)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(read_note(path))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
