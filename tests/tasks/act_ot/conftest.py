from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SMALL_DATASET = {"src_episodes": 6, "tgt_episodes": 2, "eval_episodes": 3}


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The config of a training of a second; W&B writes below tmp_path only."""
    for name in ("DIR", "CACHE_DIR", "DATA_DIR", "CONFIG_DIR", "ARTIFACT_DIR"):
        (tmp_path / name.lower()).mkdir()
        monkeypatch.setenv(f"WANDB_{name}", str(tmp_path / name.lower()))
    for name in ("WANDB_MODE", "WANDB_RUN_GROUP", "WANDB_TAGS", "WANDB_SERVICE"):
        monkeypatch.delenv(name, raising=False)
    return {
        "steps": 20,
        "log_freq": 5,
        "eval_freq": 10,
        "seed": 3,
        "batch_size": 8,
        "dataset": dict(SMALL_DATASET),
        "policy": {"device": "cpu", "optimizer_lr": 1e-3},
        "wandb": {"enable": False},
    }
