"""A trainer whose W&B runs lie where ``dir`` says, started by the job itself or by a program of its own."""

from __future__ import annotations

import subprocess
import sys

import hydra
import wandb
from omegaconf import DictConfig


def train(lr: float, place: str | None, **identity: object) -> None:
    with wandb.init(project="p", dir=place, **identity) as run:
        for step in range(1, 6):
            run.log({"eval/loss": lr + 1 / step})


@hydra.main(version_base="1.3", config_path=None)
def main(cfg: DictConfig) -> None:
    for _ in range(cfg.runs):
        if cfg.alone:
            subprocess.run([sys.executable, __file__, str(cfg.lr), cfg.dir], check=True)
        else:
            train(cfg.lr, cfg.dir)


if __name__ == "__main__":
    if "-m" in sys.argv:
        main()
    else:
        own = {"group": "own", "name": "own", "job_type": "own", "notes": "own", "tags": ["own"]}
        train(float(sys.argv[1]), sys.argv[2], **own)
