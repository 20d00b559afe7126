"""A Hydra job in its own process: composed once, there, and run as Hydra's launchers run it."""

from __future__ import annotations

import contextlib
import functools
import pickle
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from autoloop.execute.child import EXIT_FAILED, enter_job_dir, last_line
from autoloop.execute.values import Reply
from autoloop.execute.zygote import shared


@dataclass(frozen=True)
class Batch:
    """What all jobs of a sweep have in common. Unpickling one installs Hydra's singletons.

    Attributes:
        hydra_context: Config loader and callbacks of the sweep.
        config: Config of the sweep, which a job's own is composed from.
        task_function: What each job runs.
        singletons: State of Hydra's singletons and OmegaConf's resolvers.
    """

    hydra_context: HydraContext
    config: DictConfig
    task_function: TaskFunction
    singletons: Any

    def __reduce__(self) -> tuple[Any, ...]:
        return _install, (self.singletons, self.hydra_context, self.config, self.task_function)


def _install(singletons: Any, hydra_context: HydraContext, config: DictConfig, task: TaskFunction) -> Batch:
    setup_globals()
    Singleton.set_state(singletons)
    batch = Batch(hydra_context, config, task, None)
    with contextlib.suppress(Exception):  # a config that needs overrides cannot be composed without
        _warm_up(batch)
    return batch


def _warm_up(batch: Batch) -> None:
    """Fill the caches of Hydra's and OmegaConf's parsers once for all jobs."""
    OverridesParser.create().parse_overrides(["+a.b=1.5", "c=text", "d='x y'", "e=[1,{f:null}]", "~g"])
    _compose(batch, 0, ())


class JobExitError(RuntimeError):
    """A job called ``sys.exit`` with a code other than 0.

    Attributes:
        exit_code: The exit code of the job's process.
    """

    def __init__(self, exit_code: int, text: str) -> None:
        super().__init__(exit_code, text)
        self.exit_code = exit_code

    def __str__(self) -> str:
        return str(self.args[1])


def run(index: int, overrides: Sequence[str]) -> Reply:
    """Compose and run job ``index`` of the shared `Batch`; for a job's process only."""
    batch: Batch = shared()
    try:
        config = _compose(batch, index, overrides)
        enter_job_dir(_job_dir(config))
        job_return = run_job(
            hydra_context=batch.hydra_context,
            task_function=_without_exit(batch.task_function),
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )
    except Exception as error:  # noqa: BLE001  the border of a job: its failure is its outcome
        job_return = JobReturn(overrides=list(overrides), status=JobStatus.FAILED)
        job_return.return_value = error
    return _reply(job_return)


def _compose(batch: Batch, index: int, overrides: Sequence[str]) -> DictConfig:
    config = batch.hydra_context.config_loader.load_sweep_config(batch.config, list(overrides))
    with open_dict(config):
        config.hydra.job.id = str(index)
        config.hydra.job.num = index
    HydraConfig.instance().set_config(config)
    return config


def _job_dir(config: DictConfig) -> str:
    return str(Path(str(OmegaConf.select(config, "hydra.sweep.dir"))) / str(config.hydra.sweep.subdir))


def _without_exit(task: TaskFunction) -> TaskFunction:
    """Let ``sys.exit()`` end a task well, and ``sys.exit(n)`` fail it, with Hydra's callbacks run."""

    @functools.wraps(task)
    def call(config: Any) -> Any:
        try:
            return task(config)
        except SystemExit as error:
            if error.code in (None, 0):
                return None
            code = error.code if isinstance(error.code, int) else EXIT_FAILED
            raise JobExitError(code, f"SystemExit: {error.code}") from error

    return call


def _reply(job_return: JobReturn) -> Reply:
    """Make a job's return ready for the way back to the main process."""
    if job_return.status is JobStatus.COMPLETED:
        job_return.return_value = _portable_value(job_return._return_value)
        return Reply(job_return)
    error = job_return._return_value
    traceback.print_exception(type(error), error, error.__traceback__)
    exit_code = error.exit_code if isinstance(error, JobExitError) else EXIT_FAILED
    text = last_line(error) if not isinstance(error, JobExitError) else str(error)
    job_return.return_value = _portable_error(error)
    return Reply(job_return, text, exit_code)


def _portable_value(value: Any) -> Any:
    """Return ``value``, or None with a warning in the log where it cannot be pickled."""
    problem = _travel_problem(value)
    if problem is None:
        return value
    print(f"autoloop: the return value {value!r:.200} is lost: {problem}", file=sys.stderr)
    return None


def _portable_error(error: BaseException) -> BaseException:
    """Return ``error``, or a RuntimeError that reads the same where it cannot be pickled."""
    return error if _travel_problem(error) is None else RuntimeError(last_line(error))


def _travel_problem(value: Any) -> str | None:
    """Return why ``value`` would not survive the way to another process, None if it would."""
    try:
        pickle.loads(cloudpickle.dumps(value))
    except Exception as problem:  # noqa: BLE001  pickling runs foreign code
        return f"{type(problem).__name__}: {problem}"
    return None


def request_call(index: int, overrides: Sequence[str]) -> Callable[[], Reply]:
    """Return the call of a job's `Request`."""
    return functools.partial(run, index, tuple(overrides))
