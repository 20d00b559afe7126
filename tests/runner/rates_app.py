"""A Hydra app that returns a success rate (0 at lr 1, 0.3 at 2, 0.6 at 4), or hides that it diverged."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.helpers import wandb_file

RATES = {1: 0.0, 2: 0.3, 4: 0.6}


@hydra.main(version_base="1.3", config_path=None, config_name="rates")
def main(cfg):
    broken = cfg.lr > 4
    norms = [1.0, math.inf, 1.0] if not broken else [1.0, math.nan, math.nan]
    losses = [2.0, 1.5, 1.2] if not broken else [2.0, 0.0, 0.0]
    rows = [
        wandb_file.row(step, {"train/loss": loss, "train/grad_norm": norm})
        for step, (loss, norm) in enumerate(zip(losses, norms, strict=True))
    ]
    directory = Path(HydraConfig.get().runtime.output_dir)
    wandb_file.log(directory, [wandb_file.run(), *rows, wandb_file.exit_record()])
    return losses[-1] if cfg.returns == "loss" else RATES[cfg.lr]


ConfigStore.instance().store(name="rates", node={"lr": 1, "returns": "rate", "seed": 1})

if __name__ == "__main__":
    main()
