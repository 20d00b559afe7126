"""A Hydra app whose config refuses some values at composition: frozen, typed, resolved from others."""

from dataclasses import dataclass, field
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf


def half(number):
    """Return half of an even number."""
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number // 2


OmegaConf.register_new_resolver("half", half)


@dataclass(frozen=True)
class Optimizer:
    """What nobody may change."""

    lr: float = 0.1


@dataclass
class Config:
    """The app's config."""

    optimizer: Optimizer = field(default_factory=Optimizer)
    alias: Any = "${optimizer}"
    heads: int = 8
    size: int = "${half:${heads}}"  # type: ignore[assignment]
    x: float = 1.0
    label: str = "short"
    where: str = "runs"
    fast: bool = False


ConfigStore.instance().store(name="config", node=Config)


@hydra.main(version_base="1.3", config_path=None, config_name="config")
def main(cfg):
    return abs(cfg.x - 0.3) + cfg.size / 100


if __name__ == "__main__":
    main()
