"""An app whose model is best at lr = 0.4; ``returns`` says what it hands back, ``logs`` if it tells W&B."""

from __future__ import annotations

import os
from typing import Any

import hydra
import numpy as np
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

ConfigStore.instance().store(
    name="app", node={"lr": 0.1, "returns": "none", "logs": False, "optimized_metric": None}
)


@hydra.main(version_base="1.3", config_path=None, config_name="app")
def main(cfg: DictConfig) -> Any:
    """Return the accuracy in the wanted form."""
    OmegaConf.register_new_resolver("told_by_task", str, replace=True)
    accuracy = 1 - abs(cfg.lr - 0.4)
    if cfg.logs:
        os.environ["WANDB_MODE"] = "offline"
        import wandb

        with wandb.init(project="p") as run:
            for epoch in range(2):  # too few for a trend: here no rule finds a better one still
                run.log({"val/acc": accuracy * (epoch + 1) / 2, "train/loss": 2.0 - epoch / 2, "lr": cfg.lr})
    forms = {"number": np.float32(accuracy), "dict": {"val": {"acc": accuracy}, "loss": 1 - accuracy}}
    return {**forms, "tuple": (accuracy, 1), "none": None}[cfg.returns]


if __name__ == "__main__":
    main()
