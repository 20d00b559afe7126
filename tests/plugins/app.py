"""A Hydra app that knows nothing of autoloop; its task does what ``do`` says."""

import os
import sys
from multiprocessing import get_context
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig


def ways(cfg):
    """Return what the task can do, by name."""
    return {
        "return": lambda: cfg.x,
        "raise": lambda: {}["missing"],
        "odd_error": lambda: _raise(OddError(1, 2)),
        "exit": lambda: sys.exit(cfg.x),
        "drop": lambda: os._exit(cfg.x),
        "unpicklable": lambda: (number for number in range(3)),
        "look": lambda: {
            "cwd": str(Path.cwd()),
            "id": HydraConfig.get().job.id,
            "env": os.environ.get("FROM_CONFIG"),
            "pid": os.getpid(),
            "argv": sys.argv[1:],
        },
        "spawn": lambda: print("spawned", spawn_worker(cfg.x)),
        "print": lambda: print("printed by the task"),
    }


def double(number):
    """Double a number; named by a worker that imports this script itself."""
    return 2 * number


def spawn_worker(number):
    """Let a process that multiprocessing spawns double ``number``."""
    with get_context("spawn").Pool(1) as workers:
        return workers.map(double, [number])[0]


class OddError(Exception):
    """An exception that cannot be unpickled."""

    def __init__(self, first, second):
        super().__init__(f"odd: {first}, {second}")


def _raise(error):
    raise error


@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(cfg: DictConfig):
    return ways(cfg)[cfg.do]()


if __name__ == "__main__":
    main()
