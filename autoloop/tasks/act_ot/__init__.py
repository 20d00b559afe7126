"""The built-in task: an ACT policy from many simulated and few real demonstrations, with optimal transport.

A small, complete version of sim-and-real co-training (after "Generalizable Domain Adaptation for Sim-and-Real
Policy Co-Training", arXiv 2509.18631): behaviour cloning on both domains plus an unbalanced optimal-transport
loss that pulls the image embeddings of paired windows together. Needs the ``act-ot`` extra; torch is imported
when a training starts, not with this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    """
    from autoloop.tasks.act_ot.settings import read_settings
    from autoloop.tasks.act_ot.training import train_policy

    return train_policy(read_settings(cfg))


def run(cfg: Mapping[str, Any]) -> float:
    """Train once and return the objective: the final L1 error on held-out real episodes (lower is better)."""
    return train(cfg)[OBJECTIVE]


__all__ = ["OBJECTIVE", "run", "train"]
