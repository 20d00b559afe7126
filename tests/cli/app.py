"""A Hydra app whose loss falls the faster the higher its learning rate is."""

import math
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.helpers import wandb_file as w


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def train(cfg):
    out = Path(HydraConfig.get().runtime.output_dir)
    if cfg.luck and cfg.lr > 0.0025 and not (out.parent / cfg.luck).exists():
        raise RuntimeError("no luck today")
    number = int(OmegaConf.select(HydraConfig.get(), "job.num", default=0, throw_on_missing=False) or 0)
    write_run(
        out, cfg.lr, cfg.steps, f"2026010{1 + number % 9}_0000{number:02d}", OmegaConf.to_container(cfg)
    )


def write_run(out, lr, steps, stamp, config):
    """Leave a W&B run below a directory, as a trainer would; return its file."""
    run_id = f"id{stamp[-2:]}"
    rows = [
        w.row(step, {"train/loss": loss(lr, step), "eval/loss": 1.1 * loss(lr, step), "train/lr": lr})
        for step in range(1, steps + 1)
    ]
    path = out / "wandb" / f"offline-run-{stamp}-{run_id}" / f"run-{run_id}.wandb"
    path.parent.mkdir(parents=True)
    started = w.run(run_id, entity="ann", project="toy", name=f"lr {lr}", config=config)
    path.write_bytes(w.frame([started, *rows, w.exit_record(0)]))
    return path


def loss(lr, step):
    """Return the loss at a step."""
    return 0.1 + math.exp(-8 * lr * step)


if __name__ == "__main__":
    train()
