"""Studies of the stand-in trainer, run as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, open_dict

from autoloop.store.journal import read_study
from tests.helpers import warm
from tests.helpers.places import DATA, HELPERS, ROOT

BASELINE = DATA / "act_ot_baseline.json"
STANDIN = HELPERS / "standin_lerobot.py"
SHORT = ["steps=60", "log_freq=5", "eval_freq=10"]
PLAIN_START = [f"command.script={STANDIN}", "command.start=python"]


def environment(records: Path, **extra: str) -> dict[str, str]:
    """The environment of a study whose trainers leave records; their W&B files are written without wandb."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("WANDB_", "STANDIN_", "CUDA_"))
    }
    standin = {
        "STANDIN_RECORDS": str(records),
        "STANDIN_WANDB": "file",
        "OMP_NUM_THREADS": "1",
        "WANDB_API_KEY": "0" * 40,
    }
    return {**kept, **standin, "PYTHONPATH": str(ROOT), **extra}


def train(tmp_path: Path, *words: str, only: bool = False, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m autoloop.train`` in ``tmp_path``, with the stand-in as trainer of ``tmp_path/study``.

    With ``only``, of these words alone.
    """
    line = [sys.executable, "-m", "autoloop.train", *words] if only else command_line(*words)
    return warm.run(line, cwd=tmp_path, env=environment(tmp_path, **extra))


@contextmanager
def composed(job_dir: Path, *words: str, only: bool = False) -> Iterator[DictConfig]:
    """The config of one job in ``job_dir``, as the task's function gets it; ``only`` from these words."""
    start = [] if only else [f"base_config={BASELINE}", "task=lerobot_act_ot", *PLAIN_START, *SHORT]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The version_base parameter is deprecated")  # Hydra 1.4
        from autoloop.train import CONF_DIR, hydra_arguments  # importing it chooses the version to imitate

        given = hydra_arguments([*start, *words])
        with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
            config = compose("config", overrides=given, return_hydra_config=True)
    with open_dict(config.hydra):
        config.hydra.runtime.output_dir = str(job_dir)
    HydraConfig.instance().set_config(config)
    try:
        yield config
    finally:
        HydraConfig.instance().cfg = None


def command_line(*words: str) -> list[str]:
    start = [sys.executable, "-m", "autoloop.train", "task=lerobot_act_ot"]
    given = [word.partition("=")[0] for word in words]
    base = [] if "base_config" in given else [f"base_config={BASELINE}"]
    study = ["hydra.sweep.dir=study"] if "-m" in words else ["hydra.run.dir=study"]
    return [*start, *base, *PLAIN_START, *SHORT, *study, *words]


def records(tmp_path: Path, event: str = "start") -> list[dict]:
    lines = (tmp_path / "started.jsonl").read_text().splitlines()
    return [record for record in map(json.loads, lines) if record["event"] == event]


def study_of(tmp_path: Path, name: str = "study"):
    return read_study(tmp_path / name)


def assert_no_gpu_is_shared(begun, ended):
    """Check that no two trainers had one GPU at one time, by the records that each left of itself."""
    ends = {record["pid"]: record["time"] for record in ended}
    spans = [(record["gpus"], record["time"], ends[record["pid"]]) for record in begun]
    assert spans
    for (gpu, start, end), (other, other_start, other_end) in combinations(spans, 2):
        assert gpu != other or end <= other_start or other_end <= start
