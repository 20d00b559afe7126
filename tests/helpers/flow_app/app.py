"""A Hydra app for tests of whole studies: a curve with a known best learning rate, logged as W&B would."""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.helpers import wandb_file

BEST_LR = 0.32


class Log:
    """A ``.wandb`` file that grows row by row."""

    def __init__(self, directory):
        self.records = [wandb_file.run()]
        self.path = wandb_file.log(directory, self.records)
        self.written = self.path.stat().st_size

    def row(self, step, **values):
        self.records.append(wandb_file.row(step, values))
        data = wandb_file.frame(self.records)
        with self.path.open("ab") as file:
            file.write(data[self.written :])
        self.written = len(data)


class Table:
    """A CSV file that is written anew with every row, as some loggers do, and later has another column."""

    def __init__(self, directory):
        self.path = directory / "csv_logs" / "metrics.csv"
        self.path.parent.mkdir()
        self.rows = []

    def row(self, step, **values):
        self.rows.append({"step": step, **values, "late": step if step > 3 else ""})
        names = [name for name in self.rows[-1] if name != "late" or step > 3]
        lines = [names, *([str(row[name]) for name in names] for row in self.rows)]
        self.path.write_text("".join(",".join(line) + "\n" for line in lines))


def loss_at(cfg, share):
    """Return the loss after this share of the steps; the seed shifts all curves alike."""
    if cfg.diverge_above is not None and cfg.lr > cfg.diverge_above and share > 0.2:
        return math.nan
    level = 0.1 + abs(math.log10(cfg.lr / BEST_LR)) ** 2
    luck = 1 + 0.05 * math.sin(17 * cfg.seed)
    luck *= 1 - cfg.dropout * (0.02 if cfg.seed == 5 else 0.2)
    luck *= 1 - cfg.fluke * (1 if cfg.seed == 5 else -1)
    return luck * (level + (2 - level) * math.exp(-6 * share))


@hydra.main(version_base="1.3", config_path=None, config_name="flow")
def main(cfg):
    tracker = Table if cfg.get("tracker") == "csv" else Log
    log = tracker(Path(HydraConfig.get().runtime.output_dir))
    loss = math.nan
    for step in range(1, cfg.steps + 1):
        loss = loss_at(cfg, step / cfg.steps)
        log.row(step, **{"loss": loss, "eval/loss": loss})
        time.sleep(cfg.pause_s)
    return loss


from hydra.core.config_store import ConfigStore  # noqa: E402

ConfigStore.instance().store(
    name="flow",
    node={
        "lr": 0.01,
        "momentum": 0.9,  # has no effect
        "dropout": 0.0,  # helps, but next to nothing at seed 5
        "fluke": 0.0,  # helps at seed 5 alone
        "seed": 5,
        "steps": 20,
        "pause_s": 0.0,
        "diverge_above": None,
    },
)

if __name__ == "__main__":
    main()
