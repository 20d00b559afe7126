"""Stores outside of a job's directory: where a job without a history has logged, and what would change that.

MLflow and trackio may be set to keep the runs of all jobs in one place, and TensorBoard's directory may be
anywhere. Such runs are not read: they do not name the job that they are of, and jobs that run side by side
began at the same time. What is known of the place is said, with the setting that puts it into the job's
directory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from autoloop.history.files import read_note, regular
from autoloop.history.run_notes import RunNotes

_CONFIG = Path(".hydra") / "config.yaml"
_KEYS = {"tracking_uri": "mlruns", "log_dir": "tensorboard", "logdir": "tensorboard"}  # and a name for inside
_OUTPUT = "${hydra:runtime.output_dir}"
_MOST_DEEP = 8  # levels of a config
_EVENTS = "events.out.tfevents"
_FOLDERS = 500  # below a directory that a job began in, at most so many are looked at
_LEVELS = 4


def describe_outside(job_dir: Path, environ: Mapping[str, str] = os.environ) -> str:
    """Say where else a job may have logged and what to set; empty where nothing tells.

    Args:
        job_dir: The job's directory.
        environ: The environment that the job ran in.
    """
    found = (_of_mlflow(job_dir, environ), _of_trackio(job_dir, environ), _of_config(job_dir))
    return "; ".join(chain(*found, _of_tensorboard(job_dir)))


def _of_mlflow(job_dir: Path, environ: Mapping[str, str]) -> Iterator[str]:
    uri = environ.get("MLFLOW_TRACKING_URI", "")
    place = _local(uri)
    if uri and (place is None or not _is_below(place, job_dir)):
        where = "a server" if place is None else str(place)
        yield f"MLFLOW_TRACKING_URI leads to {where}: {_set_variable('MLFLOW_TRACKING_URI', 'mlruns')}"


def _of_trackio(job_dir: Path, environ: Mapping[str, str]) -> Iterator[str]:
    home = environ.get("HF_HOME") or str(Path(environ.get("HOME", "/")) / ".cache" / "huggingface")
    place, notes = Path(environ.get("TRACKIO_DIR") or f"{home}/trackio"), RunNotes.read(job_dir)
    if notes is None or not notes.since or _is_below(place, job_dir):
        return
    with suppress(OSError):
        found = [regular(file) for file in place.iterdir() if file.suffix == ".db"]
        if any(status and status.st_mtime >= notes.since for status in found):
            yield f"trackio wrote into {place}: {_set_variable('TRACKIO_DIR', 'trackio')}"


def _of_tensorboard(job_dir: Path) -> Iterator[str]:
    """Yield where event files were written since the job began, below the directory that it began in.

    ``SummaryWriter()`` writes into ``runs`` of the working directory.
    """
    notes = RunNotes.read(job_dir)
    if notes is None or not notes.since:
        return
    folder = next((found for place in notes.places if (found := _with_events(place, notes.since))), "")
    if folder:
        yield (
            f"TensorBoard wrote into {folder}: a directory of '{_OUTPUT}/tensorboard', or "
            "hydra.job.chdir=true for a relative one, has it in the job's directory"
        )


def _with_events(place: str, since: float) -> str:
    """Return the first directory there with an event file of that time, jobs' own aside; empty for none."""
    for folder, inner, files in islice(os.walk(place), _FOLDERS):
        if ".hydra" in inner:
            inner.clear()
            continue
        is_deep = len(Path(folder).relative_to(place).parts) >= _LEVELS
        inner[:] = [] if is_deep else sorted(name for name in inner if not name.startswith("."))
        events = (regular(Path(folder, name)) for name in files if name.startswith(_EVENTS))
        if any(status is not None and status.st_mtime >= since for status in events):
            return folder
    return ""


def _set_variable(name: str, folder: str) -> str:
    return f"hydra.job.env_set.{name}='{_OUTPUT}/{folder}' has it in the job's directory"


def _config_of(job_dir: Path) -> Any:
    """Return a job's config if it may name a place; None if it cannot be read."""
    try:
        text = read_note(job_dir / _CONFIG)
    except OSError:
        return None
    if not any(key in text for key in _KEYS):
        return None  # reading YAML takes longer than all else that is looked at
    import yaml  # of no use to most readings

    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None


def _of_config(job_dir: Path) -> Iterator[str]:
    for path, value in _texts(_config_of(job_dir), ()):
        folder, place = _KEYS.get(path[-1]), _local(value)
        if "${" in value:  # what a key other than an address stands for is not known
            elsewhere = path[-1] == "tracking_uri" and _OUTPUT not in value
        else:
            elsewhere = place is None or not _is_below(place, job_dir)
        if folder and value and elsewhere:
            shown = "a server" if place is None else value
            key = ".".join(path)
            yield f"{key} leads to {shown}: {key}='{_OUTPUT}/{folder}' has it in the job's directory"


def _texts(config: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the texts of a config with their places."""
    if isinstance(config, Mapping) and len(path) < _MOST_DEEP:
        for key, value in config.items():
            yield from _texts(value, (*path, str(key)))
    elif isinstance(config, str) and path:
        yield path, config


def _local(uri: str) -> Path | None:
    """Return the path that an address leads to; None of a server's."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return Path(uri)
    if parts.scheme == "sqlite":
        return Path(unquote(parts.path).removeprefix("/"))  # sqlite:///a is relative, sqlite:////a is not
    if parts.scheme in ("", "file"):
        return Path(unquote(parts.path))
    return None if "://" in uri else Path(uri)


def _is_below(place: Path, folder: Path) -> bool:
    """Tell whether a place lies in a directory; one that is not absolute may."""
    return not place.is_absolute() or place.resolve().is_relative_to(folder.resolve())
