"""The built-in task: an ACT policy from many simulated and few real demonstrations, with optimal transport.

A small, complete version of sim-and-real co-training (after "Generalizable Domain Adaptation for Sim-and-Real
Policy Co-Training", arXiv 2509.18631): behaviour cloning on both domains plus an unbalanced optimal-transport
loss that pulls the image embeddings of paired windows together. Needs the ``act-ot`` extra; torch is imported
when a training starts, not with this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from autoloop.errors import OutsideError

EXTRA = ("torch", "accelerate", "safetensors")
"""What this task imports of the extra ``act-ot``."""

OBJECTIVE = "eval/offline_eval/avg_l1"


def train(cfg: Mapping[str, Any]) -> dict[str, float]:
    """Train once as ``cfg`` says and return the final value of every metric.

    Args:
        cfg: The composed config, a plain mapping or an omegaconf ``DictConfig``; missing keys take the
            defaults of :mod:`autoloop.tasks.act_ot.settings`, keys of other parts of the app are ignored.

    Returns:
        The last logged value of each metric, by the name it has in W&B.

    Raises:
        ConfigError: A setting of this task is unknown, of the wrong type or out of range.
        OutputDirError: ``output_dir`` exists already.
        DivergedError: The loss became NaN or infinite; the row that shows it is in the history.
        OutsideError: torch or accelerate is not installed.
    """
    check_installed()
    from autoloop.tasks.act_ot.settings import read_settings
    from autoloop.tasks.act_ot.training import train_policy

    return train_policy(read_settings(cfg))


def check_installed() -> None:
    """Find out whether this task can be trained here.

    Raises:
        OutsideError: A package of the extra is missing; the message says how to install it.
    """
    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        raise OutsideError(
            f"the built-in task act_ot needs {', '.join(missing)}, not installed here: "
            "pip install 'autoloop[act-ot]'"
        )


def run(cfg: Mapping[str, Any]) -> float:
    """Train once and return the objective: the final L1 error on held-out real episodes (lower is better)."""
    return train(cfg)[OBJECTIVE]


__all__ = ["OBJECTIVE", "check_installed", "run", "train"]
