"""Knobs at the top of an app's config: the app's own, unless the app was written for autoloop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from autoloop.config.knobs import SECTION, SHARED, TOP_KEY
from autoloop.config.origins import typed_of_hydra

#: Knobs that say how long a study runs, where and how, not what a job does.
OF_STUDY = frozenset(name for name, knob in SHARED.items() if knob.may_change)


def is_written_for_us(config: DictConfig) -> bool:
    """Whether an app's config files choose our sweeper and have a section for it.

    A sweeper that was chosen on the command line says nothing of the app.

    Args:
        config: The whole config of the sweep.
    """
    chosen = config.hydra.runtime.choices.get("hydra/sweeper") == "autoloop"
    by_files = not any(text.startswith("hydra/sweeper=") for text in typed_of_hydra(config))
    return chosen and by_files and isinstance(config.get(SECTION), DictConfig)


def link_top_keys(config: DictConfig) -> bool:
    """Let the section of an app that was written for us refer to the knobs that stand at the config's top.

    Args:
        config: The whole config of the sweep; changed in place.

    Returns:
        Whether there are any.
    """
    if not is_written_for_us(config):
        return False
    section = config[SECTION]
    found = [name for name in SHARED if name in config and name not in section]
    with read_write(section), open_dict(section):
        section.update({name: f"${{{name}}}" for name in found})
    return bool(found)


def top_keys(config: Mapping[str, Any]) -> frozenset[str]:
    """The keys at the top of an app's config to which its section refers for what a study may change.

    Args:
        config: The app's config, unresolved.
    """
    ours = config.get(SECTION)
    if not isinstance(ours, Mapping):
        return frozenset()
    texts = (value for name, value in ours.items() if name in OF_STUDY and isinstance(value, str))
    found = (TOP_KEY.fullmatch(text) for text in texts)
    return frozenset(match[1] for match in found if match and match[1] in config)


def share_n_jobs(config: DictConfig) -> None:
    """Let ``hydra.sweeper.n_jobs`` hold for a launcher of ours that has the setting and was not given any.

    Args:
        config: The whole config of the sweep; changed in place.
    """
    sweeper, launcher = config.hydra.sweeper, config.hydra.launcher
    ours = config.hydra.runtime.choices.get("hydra/launcher") in ("slots", "slurm")
    given = ours and not OmegaConf.is_interpolation(sweeper, "n_jobs") and sweeper.get("n_jobs")
    if given and OmegaConf.is_interpolation(launcher, "n_jobs"):
        with read_write(launcher), open_dict(launcher):
            launcher.n_jobs = given
