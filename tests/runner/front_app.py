"""An app whose front is known (Binh and Korn, 1997): cheap at (0, 0), near what is wanted at (5, 3)."""

from __future__ import annotations

from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig

ConfigStore.instance().store(
    name="app", node={"x": 1.0, "y": 1.0, "seed": 0, "returns": "dict", "megabytes": 1, "group": "a"}
)


@hydra.main(version_base="1.3", config_path=None, config_name="app")
def main(cfg: DictConfig) -> Any:
    """Return cost and distance in the wanted form."""
    taken = bytearray(cfg.megabytes << 20)
    taken[::4096] = b"x" * len(taken[::4096])  # so that the kernel gives its pages
    x, y = cfg.x, cfg.y
    cost, miss, reach = 4 * x * x + 4 * y * y, (x - 5) ** 2 + (y - 5) ** 2, (x - 5) ** 2 + y * y
    forms = {"dict": {"cost": cost, "miss": miss, "reach": reach}, "tuple": (cost, miss), "one": cost}
    return forms[cfg.returns]


if __name__ == "__main__":
    main()
