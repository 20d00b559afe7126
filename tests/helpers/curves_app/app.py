"""A Hydra app that logs to W&B itself; its curves tell which job logged them.

``log`` says how a job treats its run: ``well`` finishes it, ``open`` leaves that to the end of the process,
``raises`` fails in the middle, ``thrice`` begins a new run twice, ``bereaved`` loses W&B's service. With
TEST_WANDB_SETUP in the environment W&B begins when the main program is loaded. ``x`` is what studies change.
"""

import os
import signal

import hydra
import wandb
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig

from autoloop.engine.execute.processes import descendants

STEPS = 5
CONFIG = {
    "defaults": ["_self_", {"override hydra/sweeper": "autoloop"}],
    "rounds": 2,
    "n_jobs": 2,
    "x": 1.0,
    "log": "well",
    "autoloop": {
        "rounds": "${rounds}",
        "n_jobs": "${n_jobs}",
        "variants": {f"times_{tenths}": {"x@mul": tenths / 10} for tenths in range(5, 10)},
        "strategy": "rules",
        "stop_rules": "none",
        "metrics": {"objective": "loss", "finite": ["loss"]},
        "rules": {"step": {"_target_": "autoloop.rules.Fallback", "edits": ["x@mul=0.95"]}},
    },
}
ConfigStore.instance().store(name="curves", node=CONFIG)


def log_rows(run, cfg):
    """Log a curve: its loss is the job's own, as are the number of the job and ``x``."""
    for step in range(1, STEPS + 1):
        run.log({"loss": cfg.x * (1 + 1 / step), "x": cfg.x, "job": int(HydraConfig.get().job.num)})


def well(cfg):
    with wandb.init() as run:
        log_rows(run, cfg)


def leave_open(cfg):
    log_rows(wandb.init(), cfg)


def fail(cfg):
    leave_open(cfg)
    raise ValueError("in the middle")


def thrice(cfg):
    for _ in range(3):
        log_rows(wandb.init(reinit=True), cfg)


def lose_service(cfg):
    leave_open(cfg)
    for pid in descendants(os.getpid()):
        os.kill(pid, signal.SIGKILL)


WAYS = {"well": well, "open": leave_open, "raises": fail, "thrice": thrice, "bereaved": lose_service}


@hydra.main(version_base="1.3", config_path=None, config_name="curves")
def main(cfg):
    WAYS[cfg.log](cfg)
    return cfg.x


if os.environ.get("TEST_WANDB_SETUP"):
    wandb.setup()

if __name__ == "__main__":
    main()
