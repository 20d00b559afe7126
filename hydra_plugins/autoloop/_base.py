"""What our launchers share. Hydra does not scan this file, and does not register a class that is abstract."""

from abc import abstractmethod
from collections.abc import Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from hydra.core.config_store import ConfigStore
from hydra.core.object_type import ObjectType
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

if TYPE_CHECKING:
    from autoloop.engine.execute import Outcome
    from autoloop.engine.execute.values import Placed
    from autoloop.engine.launching import SetUp


def offer(group: str, name: str, node: DictConfig) -> None:
    """Register a config for ``group=name``, unless one is there already.

    In a worker of another launcher the main process's configs have arrived before the plugins are imported.

    Args:
        group: As ``hydra/launcher``.
        name: Name in the group.
        node: The settings and their defaults.
    """
    store, entry = ConfigStore.instance(), f"{name}.yaml"
    if not (store.get_type(group) is ObjectType.GROUP and entry in store.list(group)):
        store.store(group=group, name=name, node=node, provider="autoloop")


class StreamingLauncher(Launcher):
    """A launcher that reports each job as it ends; see `autoloop.engine.launchers.Streams`.

    Attributes:
        name: As in ``hydra/launcher=<name>``.
        settings: Its settings.
    """

    name: ClassVar[str]

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.settings = settings
        self._given: tuple[HydraContext, TaskFunction, DictConfig] | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take over what the sweep consists of.

        Raises:
            LauncherError: A setting was given on the command line that the launcher does not have.
        """
        from autoloop.engine import launching

        launching.warn_left_aside(self.name, config)
        self._given = (hydra_context, task_function, config)

    @property
    def config(self) -> DictConfig | None:
        """The sweep's own config; None before `setup`."""
        return self._given[2] if self._given else None

    @property
    def given(self) -> "SetUp":
        """What the sweep consists of."""
        from autoloop.engine.launching import SetUp

        if self._given is None:
            raise RuntimeError("the launcher was not set up")
        return SetUp(*self._given)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run a batch of jobs and return their results in order; a failed job fails alone.

        Args:
            job_overrides: The overrides of each job.
            initial_job_idx: Number of the first job.
        """
        from autoloop.engine import launching

        return launching.launch(self.stream, job_overrides, initial_job_idx)

    @abstractmethod
    def stream(
        self, jobs: "Iterable[tuple[int, Sequence[str]]]"
    ) -> "Generator[Outcome | Placed, None, None]":
        """Run jobs and report each.

        Args:
            jobs: Pairs of job number and overrides. One pair is taken whenever there is room; the iterable
                runs in a thread of its own and may block.
        """
