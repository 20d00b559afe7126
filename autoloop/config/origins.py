"""Where the value of a setting came from, so that an error about it leads to the line to change."""

from __future__ import annotations

import re
from typing import Any

from omegaconf import DictConfig, OmegaConf

from autoloop.config.knobs import SECTION, TOP_KEY
from autoloop.errors import SettingError

_ASKED = re.compile(r"\$\{oc\.select:" + SECTION + r"\.(?P<name>\w+),.*\}")


def where(error: SettingError, config: DictConfig, owner: str) -> str:
    """The message of an error about a setting, as its user wrote it or with the place it came from.

    Args:
        error: About a setting of a plugin.
        config: The whole config of the sweep.
        owner: Whose setting it is: ``hydra.sweeper`` or ``hydra.launcher``.
    """
    raw: Any = OmegaConf.to_container(config, resolve=False)
    head, dot, rest = error.setting.partition(".")
    written = raw["hydra"][owner.removeprefix("hydra.")].get(head)
    section = raw.get(SECTION)
    came_from = ""
    if isinstance(written, str) and _ASKED.fullmatch(written) and isinstance(section, dict):
        top = TOP_KEY.fullmatch(str(section.get(head)))
        if top:
            return f"{top[1]}{dot}{rest}{error.shown}{error.problem}"
        came_from = f" (from {SECTION}.{error.setting} in your config)" if head in section else ""
    return f"{owner}.{error.setting}{error.shown}{came_from}{error.problem}"


def typed_of_hydra(config: DictConfig) -> list[str]:
    """The overrides of the command line for Hydra's own config, as they were typed.

    Hydra notes its ``-m`` among them, as ``hydra.mode=MULTIRUN``, where no config file says so.

    Args:
        config: The whole config of the sweep.
    """
    overrides: Any = OmegaConf.to_container(config.hydra.overrides.hydra, resolve=False)
    return [str(text) for text in overrides]
