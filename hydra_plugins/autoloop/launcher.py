"""``hydra/launcher=slots``: one fresh child process per job, each in a slot with its own GPUs."""

import weakref
from collections.abc import Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from autoloop.config.schema import SlotsLauncherConf

if TYPE_CHECKING:
    from autoloop.engine.execute import Outcome
    from autoloop.engine.execute.pool import Pool
    from autoloop.engine.slots import Places

ConfigStore.instance().store(
    group="hydra/launcher", name="slots", node=SlotsLauncherConf, provider="autoloop"
)


class SlotsLauncher(Launcher):
    """Runs the jobs of a sweep in slots; see `autoloop.config.schema.SlotsLauncherConf` for its settings."""

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.settings = settings
        self.config: DictConfig | None = None
        self.hydra_context: HydraContext | None = None
        self.task_function: TaskFunction | None = None
        self._pool: Pool | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take over what the sweep consists of."""
        self.hydra_context = hydra_context
        self.task_function = task_function
        self.config = config

    @property
    def pool(self) -> "Pool":
        """The pool that runs the jobs; made when first asked for and closed with this launcher."""
        from hydra_plugins.autoloop import _launch

        if self._pool is None:
            self._pool = _launch.make_pool(self.settings)
            weakref.finalize(self, self._pool.close)
        return self._pool

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run a batch of jobs and return their results in order; a failed job fails alone.

        Args:
            job_overrides: The overrides of each job.
            initial_job_idx: Number of the first job.
        """
        from hydra_plugins.autoloop import _launch

        return _launch.launch(self, job_overrides, initial_job_idx)

    def stream(self, jobs: "Iterable[tuple[int, Sequence[str]]]") -> "Generator[Outcome, None, None]":
        """Run jobs and yield their outcomes as they end.

        Args:
            jobs: Pairs of job number and overrides. One pair is taken whenever a slot is free; the
                iterable runs in a thread of its own and may block.
        """
        from hydra_plugins.autoloop import _launch

        return _launch.stream(self, jobs)

    def places(self) -> "Places":
        """The slots; what the settings say of them is read when they are first asked for."""
        from autoloop.engine.slots import Places

        return Places(self.pool.slots, self.pool.to_fill)

    def stop(self, index: int) -> bool:
        """End the running job ``index``, politely first; return whether it was running."""
        return self.pool.stop(index)
