"""The work of our own launchers; apart from them, because Hydra imports those at every start."""

from __future__ import annotations

import logging
import os
import textwrap
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import joblib
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, configure_log, filter_overrides, setup_globals
from hydra.errors import CompactHydraException
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from autoloop.config.foreign import OURS, left_aside
from autoloop.config.kinds import is_any_number
from autoloop.config.origins import where
from autoloop.curves.aims import WATCHED
from autoloop.engine.execute import JobLimits, Outcome, Request
from autoloop.engine.execute.gpus import MemoryWait, detect_gpus
from autoloop.engine.execute.hydra_job import SharedSweep, request_call
from autoloop.engine.execute.pool import Pool, PoolSettings
from autoloop.engine.execute.values import Placed
from autoloop.engine.other_launchers import Due
from autoloop.engine.slots import plan_slots
from autoloop.engine.streams import open_standard_streams, outlive_readers
from autoloop.errors import AutoloopError, ConfigError, SettingError, counted
from autoloop.store.redact import logger, redact

log: logging.Logger = logger(__name__)

#: How many characters of an error the terminal gets.
_ERROR_WIDTH = 300

_PACKAGE = Path(__file__).resolve().parents[1]

#: Programs of which that was said.
_warned_main_only: set[str] = set()


class LauncherError(ConfigError, CompactHydraException):
    """Settings of the launcher that cannot be used; Hydra shows such errors without a traceback."""


class JobFailedError(RuntimeError):
    """A job that left no exception to raise: killed, timed out, exited.

    Attributes:
        outcome: How it ended.
    """

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(describe(outcome))
        self.outcome = outcome


def make_pool(settings: Mapping[str, Any], config: DictConfig | None) -> Pool:
    """Build the pool that ``hydra.launcher``'s settings describe.

    Args:
        settings: The settings.
        config: The sweep's own config, which tells where a setting came from.

    Raises:
        LauncherError: A setting that cannot be used.
    """
    try:
        return Pool(_pool_settings(settings, watched_by(config)))
    except AutoloopError as error:
        raise refusal(error, config) from None


def warn_left_aside(name: str, config: DictConfig) -> None:
    """Say what an app's config has for other launchers than ours of this name.

    Raises:
        LauncherError: A setting was given on the command line that it does not have.
    """
    try:
        if aside := left_aside(OURS[name], config):
            log.warning("%s", aside)
    except ConfigError as error:
        raise LauncherError(str(error)) from None


def refusal(error: AutoloopError, config: DictConfig | None) -> LauncherError:
    """What Hydra shows of an error in the settings: where they came from is said."""
    if isinstance(error, SettingError) and config is not None:
        return LauncherError(where(error, config, "hydra.launcher"))
    return LauncherError(str(error))


def watched_by(config: DictConfig | None) -> tuple[str, ...]:
    """What the sweep's objectives and constraints want measured of a job while it runs."""
    found: set[str] = set()
    for name in ("objectives", "constraints"):
        with suppress(OmegaConfBaseException):  # the sweeper tells what is wrong with it
            asked = None if config is None else OmegaConf.select(config, f"hydra.sweeper.{name}")
            found |= set(asked) if isinstance(asked, Mapping | DictConfig) else set()
    return tuple(name for name in WATCHED if name in found)


def _pool_settings(settings: Mapping[str, Any], watched: tuple[str, ...] = ()) -> PoolSettings:
    chosen = {name: plain(value) for name, value in settings.items()}
    chosen["n_jobs"] = None if is_any_number(chosen["n_jobs"]) else chosen["n_jobs"]
    cores = joblib.cpu_count()
    visible = detect_gpus(os.environ)
    slots = plan_slots(
        chosen["gpus"],
        chosen["n_jobs"],
        visible=visible,
        cores=cores,
        jobs_per_gpu=chosen["jobs_per_gpu"],
        gpus_per_job=chosen["gpus_per_job"],
    )
    if visible is None and any(slot.gpus for slot in slots):
        log.warning("gpus=%s is taken as it is: no GPU can be seen on this machine", chosen["gpus"])
    limits = JobLimits(
        timeout_s=limit_s(chosen, "timeout_min"),
        stall_s=limit_s(chosen, "stall_min"),
        grace_s=number(chosen, "grace_s"),
        watched=watched,
    )
    min_free_gb = chosen["min_free_mem_gb"]
    memory = None if min_free_gb is None else MemoryWait(number(chosen, "min_free_mem_gb"))
    preload = chosen["preload"] or ()
    return PoolSettings(
        slots=slots,
        to_fill=chosen["n_jobs"] is not None or any(slot.gpus for slot in slots),
        cores=cores,
        limits=limits,
        stagger_s=number(chosen, "stagger_s"),
        preload=(preload,) if isinstance(preload, str) else tuple(preload),
        wait_for_gpus=memory,
        gpus_left=memory.left if memory else lambda gpus: None,
    )


class SetUp(NamedTuple):
    """What a launcher gets once, before the first job.

    Attributes:
        context: Hydra's loader and callbacks.
        task: What each job runs.
        config: The sweep's own config.
    """

    context: HydraContext
    task: TaskFunction
    config: DictConfig

    @property
    def sweep_dir(self) -> Path:
        """Where jobs have their directories."""
        return Path(str(self.config.hydra.sweep.dir))


def stream_in_slots(
    given: SetUp, make: Callable[[], Pool], jobs: Iterable[Due]
) -> Generator[Outcome, None, None]:
    """Run ``jobs`` in the slots of a pool and yield their outcomes as they end."""
    set_up_process(given)
    pool = make()
    pool.share(begin(given, f"in {counted(len(pool.slots), 'slot')}"))
    yield from pool.run(_requests(jobs))


def set_up_process(given: SetUp) -> None:
    """Do in this process what Hydra's own launchers do before they start jobs."""
    setup_globals()
    whitelist = getattr(given.context, "execution_whitelist", None)  # hydra 1.4
    extra = {} if whitelist is None else {"execution_whitelist": whitelist}
    configure_log(given.config.hydra.hydra_logging, given.config.hydra.verbose, **extra)
    open_standard_streams()
    outlive_readers()


def begin(given: SetUp, where: str) -> SharedSweep:
    """Say where jobs run, make the sweep's directory, and return what all its jobs share."""
    given.sweep_dir.mkdir(parents=True, exist_ok=True)
    log.info("Launching jobs %s, sweep output dir: %s", where, given.config.hydra.sweep.dir)
    batch = SharedSweep(given.context, given.config, given.task, Singleton.get_state())
    warn_main_only(batch)
    return batch


def launch(
    stream: Callable[[Iterable[Due]], Iterable[Outcome | Placed]],
    job_overrides: Sequence[Sequence[str]],
    initial_job_idx: int,
) -> Sequence[JobReturn]:
    """Run a batch of jobs through a stream and return their results in order."""
    jobs = [(initial_job_idx + place, list(overrides)) for place, overrides in enumerate(job_overrides)]
    results: dict[int, JobReturn] = {}
    for outcome in stream(jobs):
        if isinstance(outcome, Placed):
            continue
        if not outcome.ok:
            log.error(describe(outcome))
        overrides = job_overrides[outcome.index - initial_job_idx]
        results[outcome.index] = job_return(outcome, overrides)
    return [results[index] for index, _ in jobs]


def job_return(outcome: Outcome, overrides: Sequence[str]) -> JobReturn:
    """Return what Hydra expects of a job; ``return_value`` raises for one that did not succeed."""
    if isinstance(outcome.value, JobReturn) and outcome.ended_by is None:
        return outcome.value
    failed = JobReturn(overrides=list(overrides), status=JobStatus.FAILED)
    failed.return_value = JobFailedError(outcome)
    return failed


def describe(outcome: Outcome) -> str:
    """Return in one line how a job ended, and where to read more."""
    if outcome.ended_by:
        how = f"was ended ({outcome.ended_by})"
    elif outcome.signal:
        how = f"was killed by {outcome.signal}"
    elif outcome.exit_code is None:
        how = "did not run"
    else:
        how = f"ended with exit code {outcome.exit_code}"
    error = textwrap.shorten(redact(outcome.error, os.environ), _ERROR_WIDTH, placeholder=" ...")
    parts = [f"job {outcome.index} {how}", error, f"log: {outcome.log}" if outcome.log else ""]
    return "; ".join(part for part in parts if part)


def warn_main_only(batch: SharedSweep) -> None:
    """Say once what the main program does for itself alone, although it may be meant for jobs too."""
    program = batch.program
    if program is None or not program.main_only or program.file in _warned_main_only:
        return
    if Path(program.file).is_relative_to(_PACKAGE):  # autoloop.train: its jobs need none of it
        return
    _warned_main_only.add(program.file)
    log.warning(
        "%s: what is done under if __name__ == '__main__': is done in the main process only, not in jobs: "
        "%s. If jobs need it, move it above that line or into the task function",
        program.file,
        textwrap.shorten("; ".join(program.main_only), _ERROR_WIDTH, placeholder=" ..."),
    )


def _requests(jobs: Iterable[Due]) -> Iterator[Request]:
    for index, overrides in logged(jobs):
        yield Request(index, call=request_call(index, overrides))


def logged(jobs: Iterable[Due]) -> Iterator[Due]:
    """The same jobs, each logged at debug level as it is taken; the study's own log has its start."""
    for index, overrides in jobs:
        log.debug("\t#%s : %s", index, " ".join(filter_overrides(overrides)))
        yield index, overrides


def plain(value: Any) -> Any:
    """The value without OmegaConf's containers."""
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def number(settings: Mapping[str, Any], name: str) -> float:
    """A setting that must be a number of at least 0.

    Raises:
        ConfigError: It is not.
    """
    value = settings[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
        raise SettingError(name, value, ": expected a number of at least 0")
    return float(value)


def limit_s(settings: Mapping[str, Any], name: str) -> float | None:
    """Return a limit given in minutes in seconds, None where there is none."""
    if settings[name] is None:
        return None
    minutes = number(settings, name)
    if minutes == 0:
        raise SettingError(name, 0, ": expected minutes above 0, or null for no limit")
    return minutes * 60
