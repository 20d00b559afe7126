"""An ordinary Hydra app that knows nothing of autoloop: it fits a line by SGD and logs its loss to W&B.

Run it once:              python train.py
Let autoloop tune it:     python train.py -m hydra/sweeper=autoloop hydra.sweeper.rounds=3 \
                              'hydra.sweeper.variants={faster:{optimizer.lr@mul:3}}'
"""

import hydra
import numpy as np
import wandb
from omegaconf import DictConfig, OmegaConf


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def train(cfg: DictConfig) -> float:
    rng = np.random.default_rng(cfg.seed)
    inputs = rng.normal(size=(256, 3))
    targets = inputs @ np.array([1.0, -2.0, 0.5]) + 0.1 * rng.normal(size=256)
    weights = np.zeros(3)
    loss = float("nan")
    with wandb.init(config=OmegaConf.to_container(cfg, resolve=True)) as run:
        for step in range(cfg.steps):
            batch = rng.integers(0, len(inputs), cfg.batch_size)
            error = inputs[batch] @ weights - targets[batch]
            weights -= cfg.optimizer.lr * inputs[batch].T @ error / cfg.batch_size
            loss = float(np.mean((inputs @ weights - targets) ** 2))
            run.log({"loss": loss}, step=step)
    return loss


if __name__ == "__main__":
    train()
