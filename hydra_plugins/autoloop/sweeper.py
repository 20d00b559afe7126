"""The sweeper plugin ``hydra/sweeper=autoloop``.

What it does lives in `autoloop.runner.study_runner`, imported when it runs.
"""

from typing import Any

from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from autoloop.config.schema import SWEEPER_NODE
from hydra_plugins.autoloop._base import offer


class AutoloopSweeper(Sweeper):
    """Runs a study: rounds of jobs, each round chosen by rules from the curves of the one before."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.config: DictConfig | None = None
        self.launcher: Launcher | None = None
        self.hydra_context: HydraContext | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what the study needs and make the launcher."""
        from hydra.core.plugins import Plugins

        from autoloop.engine.inside.body import JobBody

        from ._sweep import settle_config

        self.settings = dict(settle_config(config, self.settings))
        self.config = config
        self.hydra_context = hydra_context
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=JobBody(task_function), config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Run the study and return the batches of job returns."""
        from ._sweep import sweep

        assert self.config is not None and self.hydra_context is not None and self.launcher is not None
        return sweep(self.settings, self.hydra_context, self.config, self.launcher, arguments)


offer("hydra/sweeper", "autoloop", SWEEPER_NODE)
