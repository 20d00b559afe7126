"""The sweeper's work, apart from the file that Hydra scans at every start."""

from __future__ import annotations

from collections.abc import Sequence

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn
from omegaconf import DictConfig

from autoloop.config.origins import where
from autoloop.config.settings import Settings, resolved
from autoloop.errors import AutoloopError, CompositionError, ConfigError, SettingError
from autoloop.runner.study_runner import StudyRunner
from autoloop.store.redact import tell
from hydra_plugins.autoloop.sweeper import AutoloopSweeper


def sweep(sweeper: AutoloopSweeper, arguments: Sequence[str]) -> list[Sequence[JobReturn]]:
    """Run the sweeper's study; a user's mistake is told in one message, with exit code 2.

    Raises:
        HydraException: A config does not compose; Hydra shows it and exits with 1.
    """
    assert sweeper.config is not None and sweeper.hydra_context is not None and sweeper.launcher is not None
    HydraConfig.instance().set_config(sweeper.config)  # for ${hydra:...} in hydra.sweep.dir
    try:
        settings = _settings(sweeper, sweeper.config)
        return StudyRunner(settings, sweeper.hydra_context, sweeper.config, sweeper.launcher).run(arguments)
    except CompositionError as error:
        tell(error)  # in our words, which know the nearest name
        of_hydra = error.__cause__ or error
    except AutoloopError as error:
        tell(error)
        raise SystemExit(error.exit_code) from error
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    raise of_hydra  # it ends as it would under Hydra's own sweeper


def _settings(sweeper: AutoloopSweeper, config: DictConfig) -> Settings:
    try:
        return Settings.read(resolved(sweeper.settings))
    except SettingError as error:
        raise ConfigError(where(error, config, "hydra.sweeper")) from None
