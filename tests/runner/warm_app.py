"""A Hydra app whose training has a state, which checkpoints keep: it falls at a rate, to a floor."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.helpers import wandb_file


def started(cfg):
    """Where the training begins: its step and its state."""
    if not cfg.get("resume_from"):
        return 0, 1.0
    found = json.loads(Path(cfg.resume_from).read_text())
    if found["width"] != cfg.width:
        raise ValueError(f"the checkpoint has width {found['width']}, not {cfg.width}")
    return found["step"], found["state"]


@hydra.main(version_base="1.3", config_path=None, config_name="warm")
def main(cfg):
    directory = Path(HydraConfig.get().runtime.output_dir)
    first, state = started(cfg)
    (directory / "trained.json").write_text(json.dumps({"from": first, "to": cfg.steps, "state": state}))
    every, rows = cfg.get("save_freq"), []
    for step in range(first + 1, cfg.steps + 1):
        state *= 1 - 0.1 * cfg.rate
        if step % 2 == 0:
            rows.append(wandb_file.row(step, {"loss": state + 0.01 * cfg.rate / cfg.width}))
        if every and step % every == 0:
            (directory / f"step_{step:03}.json").write_text(
                json.dumps({"step": step, "state": state, "width": cfg.width})
            )
    wandb_file.log(directory, [wandb_file.run(), *rows, wandb_file.exit_record()])
    return state + 0.01 * cfg.rate / cfg.width


ConfigStore.instance().store(name="warm", node={"steps": 20, "rate": 0.5, "width": 1, "seed": 1})

if __name__ == "__main__":
    main()
