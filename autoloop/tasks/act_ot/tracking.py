"""The run's record in W&B, and the window means that go into it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from torch import Tensor

from autoloop.tasks.act_ot.settings import ActOtSettings, WandbSettings

INTERRUPTED = 130  # exit code of a run that was stopped by SIGINT


class Recorder(Protocol):
    """What the training needs of a run; a W&B run has it."""

    def log(self, data: dict[str, Any], step: int | None = None) -> None:
        """Add one row at ``step``."""

    def log_artifact(self, artifact: Any) -> Any:
        """Store a W&B artifact with the run."""


class WindowMeans:
    """Means of metrics since the last row; a NaN or infinity in the window stays visible in its mean."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor | float] = {}
        self._count = 0

    def add(self, metrics: Mapping[str, Tensor | float]) -> None:
        """Add the values of one step; tensors stay on their device until the window ends."""
        for name, value in metrics.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1

    def pop(self) -> dict[str, float]:
        """Return the means and begin a new window."""
        means = {name: float(total) / self._count for name, total in self._sums.items()}
        self._sums, self._count = {}, 0
        return means


class _NoRecord:
    def log(self, data: dict[str, Any], step: int | None = None) -> None:
        """Drop the row: recording is off."""

    def log_artifact(self, artifact: Any) -> Any:
        """Drop the artifact: recording is off."""


@contextmanager
def recording(settings: ActOtSettings) -> Iterator[Recorder]:
    """Open the run's record and close it properly however the training ends.

    An exception, KeyboardInterrupt among them, is passed on after the record is complete on disk; the record
    then carries exit code 1, or 130 for an interrupt. W&B's service of this process ends with the run.
    """
    if not settings.wandb.enable:
        yield _NoRecord()
        return
    run = _start(settings)
    exit_code = 1
    try:
        yield run
        exit_code = 0
    except KeyboardInterrupt:
        exit_code = INTERRUPTED
        raise
    finally:
        run.finish(exit_code=exit_code)
        _import_wandb().teardown(
            exit_code
        )  # waits until the file is whole, also in a forked job that skips atexit


def store_checkpoint(run: Recorder, directory: Path, settings: WandbSettings) -> None:
    """Store a checkpoint as the run's model artifact, unless that is switched off."""
    if not settings.enable or settings.disable_artifact:
        return
    artifact = _import_wandb().Artifact("act_ot-policy", type="model")
    artifact.add_dir(str(directory))
    run.log_artifact(artifact)


def _start(settings: ActOtSettings) -> Any:
    wandb = _import_wandb()
    given = asdict(settings.wandb)
    identity = ("entity", "project", "group", "job_type", "name", "id", "dir", "notes", "tags")
    arguments = {name: given[name] for name in identity if given[name] is not None}
    mode = settings.wandb.mode or os.environ.get("WANDB_MODE", "offline")
    return wandb.init(mode=mode, config=_config(settings), settings=_quiet(wandb), **arguments)


def _config(settings: ActOtSettings) -> dict[str, Any]:
    """The run's configuration and, in a study, where it comes from: parent, edits and evidence."""
    lineage_file = os.environ.get("AUTOLOOP_LINEAGE")
    if not lineage_file:
        return dict(settings.config)
    lineage = json.loads(Path(lineage_file).read_text(encoding="utf-8"))
    shown = {key: lineage[key] for key in ("name", "parent", "edits", "evidence")}
    return {**settings.config, "autoloop": {**settings.config.get("autoloop", {}), "lineage": shown}}


def _import_wandb() -> ModuleType:
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # read on import
    import wandb

    module: ModuleType = wandb
    return module


def _quiet(wandb: ModuleType) -> Any:
    """Return settings without console capture and machine statistics, in the spelling this wandb knows."""
    known = wandb.Settings()
    wanted = {
        "silent": True,
        "console": "off",
        "disable_git": True,
        "disable_code": True,
        "disable_job_creation": True,
        "x_disable_stats": True,
        "_disable_stats": True,
        "x_disable_meta": True,
        "_disable_meta": True,
    }
    return wandb.Settings(**{name: value for name, value in wanted.items() if hasattr(known, name)})
