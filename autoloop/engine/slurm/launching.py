"""The SLURM launcher's work; apart from it, because Hydra imports the launcher at every start."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from autoloop.config.kinds import is_any_number
from autoloop.engine.execute import JobLimits, Outcome
from autoloop.engine.execute.values import Placed
from autoloop.engine.launching import (
    LauncherError,
    SetUp,
    begin,
    limit_s,
    logged,
    number,
    plain,
    refusal,
    set_up_process,
    watched_by,
)
from autoloop.engine.other_launchers import Due
from autoloop.errors import AutoloopError, SettingError

if TYPE_CHECKING:
    from autoloop.engine.slurm.engine import Script
    from autoloop.engine.slurm.pool import SlurmPool

#: Settings that are options of sbatch under the same name.
_OPTIONS = ("partition", "account", "qos", "gres", "cpus_per_task", "nodes")

#: Seconds between SLURM's warning and its time limit beside the grace: it warns up to a minute early.
_WARNING_MARGIN_S = 30


def make_pool(given: SetUp, chosen: Mapping[str, Any]) -> SlurmPool:
    """Build the pool that ``hydra.launcher``'s settings describe.

    Args:
        given: What the launcher was set up with.
        chosen: The settings.

    Raises:
        LauncherError: A setting that cannot be used, or SLURM is not there or does not take such jobs.
    """
    try:
        from autoloop.engine.slurm.pool import SlurmPool, SlurmSettings
    except ModuleNotFoundError as error:
        raise LauncherError(
            f"hydra/launcher=slurm needs {error.name}: pip install 'autoloop[slurm]'"
        ) from None
    settings = {name: plain(value) for name, value in chosen.items()}
    try:
        n_jobs = None if is_any_number(settings["n_jobs"]) else settings["n_jobs"]
        if n_jobs is not None and (not isinstance(n_jobs, int) or isinstance(n_jobs, bool) or n_jobs < 1):
            problem = ": expected a whole number of at least 1, or null for any number"
            raise SettingError("n_jobs", n_jobs, problem)
        limits = JobLimits(
            timeout_s=limit_s(settings, "timeout_min"),
            stall_s=limit_s(settings, "stall_min"),
            grace_s=number(settings, "grace_s"),
            watched=watched_by(given.config),
        )
        return SlurmPool(
            SlurmSettings(
                _script(settings, limits),
                limits,
                n_jobs,
                poll_s=number(settings, "poll_s"),
                lost_after_s=number(settings, "lost_after_s"),
            ),
            given.sweep_dir,
        )
    except AutoloopError as error:
        raise refusal(error, given.config) from None


def _script(settings: Mapping[str, Any], limits: JobLimits) -> Script:
    from autoloop.engine.slurm.engine import Script

    options = {name: settings[name] for name in _OPTIONS if settings[name] is not None}
    if settings["mem_gb"] is not None:
        options["mem"] = f"{math.ceil(number(settings, 'mem_gb') * 1024)}MB"
    time_s = limit_s(settings, "time_min")
    if time_s is not None:
        options["time"] = math.ceil(time_s / 60)
    return Script(
        options=options,
        more=dict(settings["sbatch"] or {}),
        setup=tuple(str(line) for line in settings["setup"] or ()),
        requeue=bool(settings["requeue"]),
        python=settings["python"] or shlex.quote(sys.executable),
        warning_s=math.ceil(limits.grace_s) + _WARNING_MARGIN_S,
    )


def stream(
    given: SetUp, make: Callable[[], SlurmPool], jobs: Iterable[Due]
) -> Generator[Outcome | Placed, None, None]:
    """Run ``jobs`` (number, overrides) on SLURM; yield where each was placed and how it ended."""
    set_up_process(given)
    batch = begin(given, "on SLURM")
    yield from make().run(batch, logged(jobs))
