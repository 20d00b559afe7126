"""A Hydra app whose settings change places with the length of a run, and that goes on from checkpoints."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.helpers import wandb_file


def loss_at(cfg, step):
    """A quick learner stops falling early: at 10 steps speed 10 leads, at 1,000 the baseline does."""
    if cfg.breaks_at is not None and step >= cfg.breaks_at:
        return math.nan
    return cfg.floor + math.exp(-cfg.speed * step / 100)


@hydra.main(version_base="1.3", config_path=None, config_name="climb")
def main(cfg):
    directory = Path(HydraConfig.get().runtime.output_dir)
    first = 0
    if cfg.get("resume_from"):
        first = json.loads(Path(cfg.resume_from).read_text())["step"]
    (directory / "trained.json").write_text(json.dumps({"from": first, "to": cfg.steps}))
    marks = sorted({*range(first + max(1, cfg.steps // 10), cfg.steps, max(1, cfg.steps // 10)), cfg.steps})
    rows = [wandb_file.row(step, {"loss": loss_at(cfg, step)}) for step in marks if step > first]
    wandb_file.log(directory, [wandb_file.run(), *rows, wandb_file.exit_record()])
    if cfg.save:
        (directory / "last.json").write_text(json.dumps({"step": cfg.steps}))
    return loss_at(cfg, cfg.steps)


ConfigStore.instance().store(
    name="climb",
    node={"steps": 7, "speed": 1.0, "floor": 0.0, "seed": 1, "save": False, "breaks_at": None},
)

if __name__ == "__main__":
    main()
