"""W&B in a process that runs one job after another: each job finds it as new, and leaves its files whole."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from types import ModuleType

log = logging.getLogger("autoloop")


def close_wandb(exit_code: int = 0) -> None:
    """Finish the run that is open and end W&B in this process; the next ``wandb.init`` begins it anew.

    W&B reads the environment once, when it begins: without this every later job of the process would write
    into the directory of the first, or into a run that the one before left open. It also waits until the file
    of each run is whole, which may be some time after ``finish``. A W&B that nobody imported, or that belongs
    to the process this one was forked from, is left alone. What goes wrong is logged: it costs at
    most the last rows, not the job.

    Args:
        exit_code: What is recorded as the end of a run that the job left open.
    """
    wandb = sys.modules.get("wandb")
    if wandb is None or not _is_ours(wandb):
        return
    run = getattr(wandb, "run", None)
    if run is not None:
        _try("finish the run that was left open", lambda: run.finish(exit_code=exit_code))
        wandb.run = None  # type: ignore[attr-defined]  # one that could not be finished is no later job's either
    _try("end", getattr(wandb, "teardown", lambda: None))


def _is_ours(wandb: ModuleType) -> bool:
    """Whether what W&B keeps belongs to this process; it asks the same of itself after a fork."""
    setup = sys.modules.get(f"{wandb.__name__}.sdk.wandb_setup")
    older = getattr(getattr(setup, "_WandbSetup", None), "_instance", None)  # up to 0.18
    kept = getattr(setup, "_singleton", None) or older
    return getattr(kept, "_pid", os.getpid()) == os.getpid()


def _try(what: str, call: Callable[[], object]) -> None:
    try:
        call()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the border of a job; W&B exits on a failed service
        message = f"{type(error).__name__}: {error}"
        log.warning("W&B could not %s: %s; the last rows of this job's curves may be missing", what, message)
