"""A Hydra app whose task logs some rows, waits until it may go on, logs the rest and returns."""

import time
from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

ConfigStore.instance().store(
    name="config",
    node={"lr": 1.0, "steps": 100, "pause_at": 40, "gate": "gate", "fails": False},
)


def wait_for(path):
    """Wait until a file is there."""
    for _ in range(6000):
        if path.exists():
            return
        time.sleep(0.02)
    raise TimeoutError(f"nobody opened {path}")


@hydra.main(version_base="1.3", config_path=None, config_name="config")
def main(cfg: DictConfig):
    from tests.helpers.wandb_file import frame, row, run

    number = HydraConfig.get().job.num
    run_dir = Path(HydraConfig.get().runtime.output_dir, "wandb", f"offline-run-20260101_000000-x{number}")
    run_dir.mkdir(parents=True)
    log = run_dir / f"run-x{number}.wandb"
    began = time.time()
    records = [run(f"x{number}")]
    for step in range(0, cfg.steps + 1, 10):
        values = {"loss": cfg.lr / (1 + step), "_timestamp": began + step / 20}
        records.append(row(step, values))
        with log.open("ab") as file:
            file.write(frame(records)[file.tell() :])
        if step == cfg.pause_at:
            print("to the log of the job", flush=True)
            wait_for(Path(cfg.gate))
    if cfg.fails:
        raise ValueError("no \x1b[31mluck\x1b[0m today")
    return cfg.lr


if __name__ == "__main__":
    main()
