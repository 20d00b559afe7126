"""Other people's launchers: what each can do, in words, and jobs one by one through those that allow it.

A Hydra launcher takes a list of jobs and returns when all of them have ended. Where its ``launch`` may be
called from several threads, each job gets a call of its own: then its end is known at once, one that fails
hides no other, and a free place is filled again inside a round.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeAlias

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from omegaconf import OmegaConf

from autoloop.engine.execute.gpus import detect_gpus
from autoloop.errors import ConfigError

log = logging.getLogger("autoloop")

#: A job that is due: its number and its overrides.
Due: TypeAlias = tuple[int, Sequence[str]]

#: Ray's store of shared objects: jobs return a number each, and Ray's own default is 30 % of the memory.
_OBJECT_STORE_BYTES = 75 << 20


@dataclass(frozen=True, slots=True)
class Kind:
    """What is known of a launcher.

    Attributes:
        name: As in ``hydra/launcher=<name>``.
        singly: Whether its ``launch`` may be called from several threads, once for each job.
        batch: Jobs that are handed to it at once, at most; None for no limit but ``n_jobs``.
        cannot: What it cannot do, in plain words.
    """

    name: str
    singly: bool = False
    batch: int | None = None
    cannot: str = ""


KINDS = {
    "BasicLauncher": Kind(
        "basic",
        batch=1,
        cannot="runs one job at a time in this process: a job that crashes the process ends the study (give "
        "the same command again to continue), and only Ctrl-C can end a job",
    ),
    "JoblibLauncher": Kind(
        "joblib",
        cannot="reports jobs in batches: a free slot stays empty until the whole batch has ended; if a job "
        "is killed, its batch is lost and runs again job by job; it assigns no GPUs",
    ),
    "LocalLauncher": Kind(
        "submitit_local",
        singly=True,
        cannot="gives every job that asks for a GPU (hydra.launcher.gpus_per_node) GPU 0, and every other "
        "job none; it starts all jobs of a round at once unless n_jobs is set",
    ),
    "SlurmLauncher": Kind(
        "submitit_slurm",
        singly=True,
        cannot="waits forever for a job that was killed if the cluster has no accounting (sacct); "
        "hydra/launcher=slurm does not",
    ),
    "RayLauncher": Kind(
        "ray",
        singly=True,
        cannot="ends its jobs with this process, and they run again when the study continues; it has no time "
        "limit of its own (timeout_min is checked inside the job)",
    ),
}
"""Name of the launcher's class -> what is known of it."""


def kind_of(launcher: Launcher) -> Kind:
    """What is known of a launcher; of an unknown one the least that Hydra promises."""
    name = type(launcher).__name__
    return KINDS.get(name) or Kind(name, cannot="reports jobs in batches, as far as is known")


@dataclass(frozen=True, slots=True)
class Returned:
    """What came back from the launcher of one job.

    Attributes:
        index: Number of the job.
        value: What the job returned; None if nothing came back.
        broken: What the launcher raised instead.
        ended_by: Always None: the job itself says more, in its directory.
    """

    index: int
    value: JobReturn | None = None
    broken: BaseException | None = None
    ended_by: None = None


def stream_singly(launcher: Launcher, jobs: Iterable[Due]) -> Generator[Returned, None, None]:
    """Give each job a call of ``launch`` in a thread of its own, and yield their returns as they end.

    Args:
        launcher: A launcher whose kind is ``singly``.
        jobs: Pairs of job number and overrides; the iterable runs in a thread of its own and may block.

    Raises:
        BaseException: What ``jobs`` raised, after the end of all jobs that were started.
    """
    ends: SimpleQueue[Returned | None] = SimpleQueue()
    feed = _Feed(launcher, jobs, ends)
    feed.start()
    ended, fed = 0, False
    while not fed or ended < feed.started:
        returned = ends.get()
        if returned is None:
            fed = True
        else:
            ended += 1
            yield returned
    if feed.error is not None:
        raise feed.error


def prepare(launcher: Launcher, n_jobs: int | None) -> None:
    """Do what a launcher needs before jobs are given to it from several threads, and warn of its settings.

    Args:
        launcher: The launcher.
        n_jobs: Jobs that are out at a time, at most; None for no limit.

    Raises:
        ConfigError: Its engine cannot be reached.
    """
    name = kind_of(launcher).name
    if name == "ray":
        _start_ray(launcher)
    if name == "submitit_local":
        asked = getattr(launcher, "params", {}).get("gpus_per_node") or 0
        if caution := local_gpus(asked, n_jobs, detect_gpus(os.environ) or ()):
            log.warning(caution)


def local_gpus(asked: int, n_jobs: int | None, gpus: Sequence[str]) -> str:
    """What will be wrong with the GPUs of submitit's local jobs; empty if nothing.

    Seen in submitit 1.5.4: it sets CUDA_VISIBLE_DEVICES of each job to the first numbers, from 0 up, as many
    as the job asks for, whatever other jobs have and whatever this process sees.

    Args:
        asked: GPUs that each job asks for.
        n_jobs: Jobs that are out at a time, at most; None for no limit.
        gpus: The GPUs of this machine that jobs may be given.
    """
    instead = "hydra/launcher=slots gives each job GPUs of its own"
    if not asked and gpus:
        return (
            f"hydra/launcher=submitit_local hides this machine's GPUs ({', '.join(gpus)}) from every job, "
            f"since hydra.launcher.gpus_per_node is not set; {instead}"
        )
    if asked and n_jobs != 1:
        which = "GPU 0" if asked == 1 else f"the GPUs 0 to {asked - 1}"
        many = "all jobs of a round" if n_jobs is None else f"up to {n_jobs} jobs"
        return (
            f"hydra.launcher.gpus_per_node={asked}: hydra/launcher=submitit_local gives {which} to every "
            f"job, so {many} share what is meant for one; {instead}, and n_jobs=1 runs one job at a time"
        )
    return ""


def _start_ray(launcher: Any) -> None:
    """Start Ray, or connect to a cluster.

    Ray tries a task that was killed again three times, in the same directory; a study tries jobs again by its
    own rules (``retries``), so that is switched off where the config does not ask for it.
    """
    import ray

    launcher.ray_cfg.remote.setdefault("max_retries", 0)
    if ray.is_initialized():
        return
    asked: dict[str, Any] = OmegaConf.to_container(launcher.ray_cfg.init, resolve=True)  # type: ignore[assignment]
    if asked.get("address") is None and "RAY_ADDRESS" not in os.environ:
        asked["address"] = "local"
    if asked.get("address") == "local":
        asked.setdefault("object_store_memory", _OBJECT_STORE_BYTES)
    try:
        ray.init(**asked)
    except Exception as error:  # Ray raises this very class where it cannot start
        first = str(error).strip().splitlines()[0]
        raise ConfigError(
            f"Ray cannot be used with hydra.launcher.ray.init={asked}: {first}; give the address of a "
            "cluster that runs (auto, or head:6379), or null for a Ray of its own on this machine"
        ) from error


class _Feed(threading.Thread):
    """Takes jobs and starts a thread for each; puts None behind the last."""

    def __init__(
        self,
        launcher: Launcher,
        jobs: Iterable[Due],
        ends: SimpleQueue[Returned | None],
    ) -> None:
        super().__init__(name="autoloop-feed", daemon=True)
        self._launcher = launcher
        self._jobs = jobs
        self._ends = ends
        self.started = 0
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            for index, overrides in self._jobs:
                self.started += 1
                name = f"autoloop-job-{index}"
                threading.Thread(target=self._one, args=(index, overrides), name=name, daemon=True).start()
        except BaseException as error:  # noqa: BLE001 - raised again where the ends are read
            self.error = error
        finally:
            self._ends.put(None)

    def _one(self, index: int, overrides: Sequence[str]) -> None:
        try:
            (value,) = self._launcher.launch([list(overrides)], initial_job_idx=index)
            self._ends.put(Returned(index, value))
        except BaseException as error:  # noqa: BLE001 - the border of a job: recorded as its end
            self._ends.put(Returned(index, broken=error))
