"""A Hydra job in its own process: composed once, there, and run as Hydra's launchers run it."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import pickle
import reprlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from autoloop.config.templates import Templates
from autoloop.config.values import written
from autoloop.edits import format_literal
from autoloop.engine.execute import pickling, references
from autoloop.engine.execute.child import (
    EXIT_FAILED,
    MOST_ERROR,
    enter_job_dir,
    hide_secrets_of,
    last_line,
    log_text,
)
from autoloop.engine.execute.exits import without_exit
from autoloop.engine.execute.hydra_run import run_by_hydra
from autoloop.engine.execute.program import Program, enter, run_again, this_program
from autoloop.engine.execute.returns import SmallReturn
from autoloop.engine.execute.traces import Travelling, failure_text
from autoloop.engine.execute.values import Reply
from autoloop.engine.execute.zygote import shared
from autoloop.engine.inside.planned import is_as_planned
from autoloop.store.files import LINEAGE_FILE, PLANNED_FILE
from autoloop.store.redact import redact
from autoloop.study.identity import prints
from autoloop.study.returned import ReturnedValue, plain

log = logging.getLogger(__name__)

#: Bytes of a pickled return value, or of an exception, that go to the main process.
MOST_BYTES = 16 << 20
_WARM = 16  # combinations of a choice sweep that are composed before the first job, for all jobs


@dataclass(frozen=True)
class SharedSweep:
    """What all jobs of a sweep have in common. Unpickling one installs Hydra's singletons.

    Attributes:
        hydra_context: Config loader and callbacks of the sweep.
        config: Config of the sweep, which a job's own is composed from.
        task_function: What each job runs.
        singletons: State of Hydra's singletons and OmegaConf's resolvers.
        program: The main program, which runs again where a batch is unpickled; None if it has no source.
        templates: Composes the jobs' configs, in their processes only.
    """

    hydra_context: HydraContext
    config: DictConfig
    task_function: TaskFunction
    singletons: Any
    program: Program | None = field(default_factory=this_program)
    templates: Templates | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        content = (self.singletons, (self.hydra_context, self.config, self.task_function))
        if self.program is None or not self.program.names_hold:
            return _install, (self.program, None, pickling.dumps(content))
        return _install, (self.program, references.dumps(content), _copied(content))


def _copied(content: Any) -> bytes | None:
    """What goes by name as a copy, for a process where it cannot be found; None if it cannot be copied."""
    try:
        return pickling.dumps(content)
    except Exception as error:  # noqa: BLE001  pickling runs foreign code; the names are enough
        log.debug("the task cannot be copied: %s", error)
        return None


def _install(program: Program | None, by_name: bytes | None, copied: bytes | None) -> SharedSweep:
    setup_globals()
    Plugins.instance()  # a scan after set_state would register the plugins' configs twice, with warnings
    is_main = program is not None and run_again(program)
    singletons, (context, config, task) = _content(by_name if is_main else None, copied)
    Singleton.set_state(singletons)
    templates = Templates(
        context.config_loader, config, checked=False
    )  # each job's is compared with its plan
    batch = SharedSweep(context, config, task, None, program, templates)
    with contextlib.suppress(Exception):  # a config that needs overrides cannot be composed without
        _warm_up(batch)
    return batch


def _content(by_name: bytes | None, copied: bytes | None) -> Any:
    if by_name is not None:
        with contextlib.suppress(AttributeError, ImportError):  # defined where only the main process comes
            return pickle.loads(by_name)
    if copied is None:
        raise LookupError("the task cannot be pickled, nor is it found at the top level of the main program")
    return pickle.loads(copied)


def _warm_up(batch: SharedSweep) -> None:
    """Fill the caches of Hydra's and OmegaConf's parsers once for all jobs."""
    OverridesParser.create().parse_overrides(["+a.b=1.5", "c=text", "d='x y'", "e=[1,{f:null}]", "~g"])
    for overrides in islice(_combinations(batch.config), _WARM):
        prints(written(_compose(batch, 0, overrides)))


def _combinations(master: DictConfig) -> Iterator[tuple[str, ...]]:
    """The overrides of a sweep's jobs, as far as its command line tells them."""
    parsed = OverridesParser.create().parse_overrides(list(master.hydra.overrides.task))
    axes = [
        list(override.sweep_string_iterator())
        if override.is_discrete_sweep()
        else [override.get_value_element_as_str()]
        for override in parsed
    ]
    keys = [override.get_key_element() for override in parsed]
    for values in product(*axes):
        yield tuple(f"{key}={value}" for key, value in zip(keys, values, strict=True))


def run(index: int, overrides: Sequence[str], restarts: int = 0) -> Reply:
    """Compose and run job ``index`` of the `SharedSweep`; for a job's process only.

    Args:
        index: Number of the job.
        overrides: Its overrides.
        restarts: How often an engine has started it again; each start works in a directory of its own.
    """
    batch: SharedSweep = shared()
    enter(batch.program, batch.task_function)
    try:
        config = _compose(batch, index, overrides)
        config_now, job_dir = written(config), _job_dir(config)
        if not is_as_planned(config_now, job_dir):
            config = _compose(batch, index, overrides, by_hydra=True)
            config_now, job_dir = written(config), _job_dir(config)
        hide_secrets_of(config_now)
        if restarts:
            config = _in_fresh_dir(batch, index, overrides, restarts, config)
            job_dir = _job_dir(config)
        enter_job_dir(job_dir)
        job_return = run_by_hydra(batch.hydra_context, without_exit(batch.task_function), config)
    except Exception as error:  # noqa: BLE001  the border of a job: its failure is its outcome
        job_return = JobReturn(overrides=list(overrides), status=JobStatus.FAILED)
        job_return.return_value = error
    return _reply(job_return)


def _compose(batch: SharedSweep, index: int, overrides: Sequence[str], by_hydra: bool = False) -> DictConfig:
    """Compose a job's config; from what all jobs share, or through Hydra from the config files on."""
    templates = batch.templates
    assert templates is not None
    config = templates.by_hydra(overrides) if by_hydra else templates.compose(overrides)
    with open_dict(config):
        config.hydra.job.id = str(index)
        config.hydra.job.num = index
    OmegaConf.set_readonly(config.hydra, True)
    holder: Any = HydraConfig.instance()
    holder.cfg = SimpleNamespace(hydra=config.hydra)  # to look at; `run_job` sets a copy
    return config


def _in_fresh_dir(
    batch: SharedSweep, index: int, overrides: Sequence[str], restarts: int, config: DictConfig
) -> DictConfig:
    """The config of a job that starts again, in a directory beside the first; its lineage goes along."""
    subdir = f"{str(config.hydra.sweep.subdir).rstrip('/')}_again{restarts}"
    first = Path(_job_dir(config))
    config = _compose(batch, index, [*overrides, f"hydra.sweep.subdir={format_literal(subdir)}"])
    fresh = Path(_job_dir(config))
    fresh.mkdir(parents=True, exist_ok=True)
    for name in (LINEAGE_FILE, PLANNED_FILE):
        if (first / name).is_file():
            shutil.copy(first / name, fresh)
    return config


def _job_dir(config: DictConfig) -> str:
    return str(Path(str(OmegaConf.select(config, "hydra.sweep.dir"))) / str(config.hydra.sweep.subdir))


def _reply(job_return: JobReturn) -> Reply:
    """Make a job's return ready for the way back to the main process."""
    if job_return.status is JobStatus.COMPLETED:
        job_return.return_value = _portable_value(plain(job_return._return_value))
        return Reply(SmallReturn.of(job_return))
    error = job_return._return_value
    exit_code = getattr(error, "exit_code", None)
    shown = failure_text(error)
    log_text(shown)
    text = last_line(error) if exit_code is None else str(error)
    job_return.return_value = Travelling(_portable_error(error), shown)
    exit_code = EXIT_FAILED if exit_code is None else exit_code
    return Reply(SmallReturn.of(job_return), redact(text, os.environ), exit_code)


def _portable_value(value: Any) -> Any:
    """Return ``value``; where it cannot be pickled or is too large, its numbers, and say so in the log."""
    problem = _travel_problem(value)
    if problem is None:
        return value
    shown = reprlib.repr(value)
    log_text(f"autoloop: of the return value {shown} only numbers are passed on: {problem}\n")
    read = ReturnedValue.of(value)
    return dict(read.results) or read.value


def _portable_error(error: BaseException) -> BaseException:
    """Return ``error``, or a RuntimeError that reads the same where it cannot be pickled."""
    return error if _travel_problem(error) is None else RuntimeError(last_line(error)[:MOST_ERROR])


def _travel_problem(value: Any) -> str | None:
    """Return why ``value`` would not survive the way to another process, None if it would."""
    try:
        pickled = pickling.dumps(value)
        if len(pickled) > MOST_BYTES:
            return f"it has {len(pickled)} bytes, and at most {MOST_BYTES} are"
        pickle.loads(pickled)
    except Exception as problem:  # noqa: BLE001  pickling runs foreign code
        return f"{type(problem).__name__}: {problem}"
    return None


def request_call(index: int, overrides: Sequence[str]) -> Callable[[], Reply]:
    """Return the call of a job's `Request`."""
    return functools.partial(run, index, tuple(overrides))
