"""The metric whose value an app returns, as its config names it; light, because every job asks."""

from __future__ import annotations

import logging

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from autoloop.store.redact import logger

log: logging.Logger = logger("autoloop")

NAMED_AT = "optimized_metric"
"""Where apps write down which of their metrics they return."""


def named_in(config: DictConfig) -> str:
    """The metric that an app's config says its task returns.

    Empty where it says none, or one that only the task's own process can read, by a resolver that it
    registers; there it is asked again when the job ends.
    """
    try:
        named = OmegaConf.select(config, NAMED_AT)
    except OmegaConfBaseException as error:
        log.debug("%s tells nothing before the task runs: %s", NAMED_AT, error)
        return ""
    return named if isinstance(named, str) else ""
