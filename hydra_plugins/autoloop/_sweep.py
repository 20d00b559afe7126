"""The sweeper's work, apart from the file that Hydra scans at every start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig

from autoloop.config.foreign import OURS, left_aside, without_foreign
from autoloop.config.origins import where
from autoloop.config.peers import adopted
from autoloop.config.sets import with_sets
from autoloop.config.settings import Settings, resolved
from autoloop.config.top_keys import link_top_keys, share_n_jobs
from autoloop.engine.streams import open_standard_streams, outlive_readers
from autoloop.errors import AutoloopError, CompositionError, ConfigError, SettingError
from autoloop.runner.study_runner import StudyRunner
from autoloop.store.journal import beginning_of
from autoloop.store.redact import logger, print_error

log = logger("autoloop")


def settle_config(config: DictConfig, settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Find the knobs of an app that was written for us; leave aside what its files say to other launchers.

    Args:
        config: The sweep's own config; changed in place.
        settings: The sweeper's, as Hydra found them.

    Returns:
        The settings with those knobs.
    """
    if link_top_keys(config):
        settings = {name: value for name, value in config.hydra.sweeper.items() if name in settings}
    share_n_jobs(config)
    try:
        if aside := without_foreign("launcher", config):
            log.warning("%s", aside)
    except ConfigError as error:
        print_error(error)
        raise SystemExit(error.exit_code) from error
    return settings


def sweep(
    chosen: Mapping[str, Any],
    context: HydraContext,
    config: DictConfig,
    launcher: Launcher,
    arguments: Sequence[str],
) -> list[Sequence[JobReturn]]:
    """Run a sweeper's study; a user's mistake is reported in one message, with exit code 2.

    Args:
        chosen: The sweeper's settings.
        context: Hydra's loader and callbacks.
        config: The sweep's own config.
        launcher: What runs the jobs.
        arguments: The overrides of the command line.

    Raises:
        HydraException: A config does not compose; Hydra shows it and exits with 1.
    """
    open_standard_streams()
    outlive_readers()
    HydraConfig.instance().set_config(config)  # for ${hydra:...} in hydra.sweep.dir
    try:
        if aside := left_aside(OURS["autoloop"], config):
            log.warning("%s", aside)
        settings = _settings(chosen, config)
        return StudyRunner(settings, context, config, launcher, arguments).run()
    except CompositionError as error:
        print_error(error)  # in our words, which know the nearest name
        of_hydra = error.__cause__ or error
    except AutoloopError as error:
        print_error(error)
        raise SystemExit(error.exit_code) from error
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    raise of_hydra  # it ends as it would under Hydra's own sweeper


def _settings(chosen: Mapping[str, Any], config: DictConfig) -> Settings:
    option = config.hydra.runtime.choices.get("hydra/sweeper/sampler")
    found = adopted(resolved(chosen), option, find_spec("optuna") is not None)
    for note in found.notes:
        log.warning("%s", note)
    try:
        begun = beginning_of(Path(str(config.hydra.sweep.dir)))
        return Settings.read(with_sets(found.settings, config, begun))
    except SettingError as error:
        raise ConfigError(where(error, config, "hydra.sweeper")) from None
