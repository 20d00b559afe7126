"""A Hydra app that logs what ACT with optimal transport logs: the mass goes with ``1 / (reg + taus)``."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.helpers import wandb_file

DISTANCE = 0.88  # between matched samples: the baseline's mass is 2e-8
STEPS = 40


@hydra.main(version_base="1.3", config_path=None, config_name="worthy")
def main(cfg):
    loss_config = cfg.ot.loss_config
    mass = math.exp(-DISTANCE / (loss_config.reg + loss_config.tau_src + loss_config.tau_tgt))
    level = 0.2 - 0.05 * mass / (0.05 + mass) + cfg.harm
    records = [wandb_file.run()]
    for step in range(1, STEPS + 1):
        fallen = 1 - math.exp(-8 * step / STEPS)
        l1 = 0.6 + (level - 0.6) * fallen
        values = {
            "train/l1_loss": l1,
            "train/loss": 10 * l1,
            "train/ot_loss": cfg.ot.lambda_ot * mass,
            "train/ot_pi_sum": mass,
            "train/grad_norm": cfg.grad_norm + 20 / step,
            "eval/offline_eval/avg_l1": l1,
        }
        records.append(wandb_file.row(step, values))
    wandb_file.log(Path(HydraConfig.get().runtime.output_dir), records)
    return l1


ConfigStore.instance().store(
    name="worthy",
    node={
        "ot": {"lambda_ot": 0.1, "loss_config": {"reg": 0.02, "tau_src": 0.015, "tau_tgt": 0.015}},
        "policy": {"optimizer_lr": 1e-3},
        "seed": 1,
        "grad_norm": 30.0,
        "harm": 0.0,
    },
)

if __name__ == "__main__":
    main()
