"""Knobs at the top of an app's config: the app's own, unless the app was written for autoloop."""

from __future__ import annotations

from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from autoloop.config.knobs import SECTION, SHARED


def is_written_for_us(config: DictConfig) -> bool:
    """Whether an app's config files choose our sweeper and have a section for it.

    A sweeper that was chosen on the command line says nothing of the app.

    Args:
        config: The whole config of the sweep.
    """
    typed = OmegaConf.to_container(config.hydra.overrides.hydra, resolve=False)
    assert isinstance(typed, list)
    chosen = config.hydra.runtime.choices.get("hydra/sweeper") == "autoloop"
    by_files = not any(str(word).startswith("hydra/sweeper=") for word in typed)
    return chosen and by_files and isinstance(config.get(SECTION), DictConfig)


def take_top_keys(config: DictConfig) -> bool:
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
