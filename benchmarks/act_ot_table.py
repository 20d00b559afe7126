"""Measures the built-in task on a grid, so that hundreds of studies of it can be replayed in minutes.

The plan of `ot.loss_config.heuristic=true` depends on reg, tau_src and tau_tgt through their sum alone (see
`autoloop.tasks.act_ot.transport.diagonal_log_plan`), so three knobs span five: that sum, lambda_ot and the
learning rate. Between grid points `strategy_tasks.ActOt` interpolates whole curves in the logarithm of each
knob.

    python benchmarks/act_ot_table.py            # about 30 minutes on one core; goes on where it stopped
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

SUMS = (0.05, 0.2, 0.8, 3.0, 12.0)
LAMBDAS = (0.02, 0.15, 1.0)
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
SEEDS = (0, 1, 2, 3)
STEPS, LOG_FREQ, EVAL_FREQ = 240, 12, 40
METRICS = (
    "train/loss",
    "train/l1_loss",
    "train/grad_norm",
    "train/ot_loss",
    "train/ot_pi_sum",
    "train/ot_log_pi_sum",
    "train/ot_cost_diag/img_third_person",
    "train/ot_cost_diag/img_ee",
    "train/ot_cost/img_third_person",
    "train/ot_cost/img_ee",
    "eval/offline_eval/avg_l1",
)
FILE = Path(__file__).parent / "results" / "act_ot_table.npz"


class Rows:
    """Takes what a training logs."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, float]] = {}

    def log(self, data: dict[str, float], step: int | None = None) -> None:
        self.rows.setdefault(int(step or 0), {}).update(data)

    def log_artifact(self, artifact: object) -> None:
        """No artifacts here."""


def config_of(
    total: float, weight: float, rate: float, seed: int, gap: float = 1.6, steps: int = STEPS
) -> dict[str, Any]:
    """The config of a training; see `train`."""
    loss = {"reg": total / 3, "tau_src": total / 3, "tau_tgt": total / 3, "heuristic": True}
    return {
        "steps": steps,
        "log_freq": LOG_FREQ,
        "eval_freq": EVAL_FREQ,
        "seed": seed,
        "dataset": {"src_episodes": 48, "tgt_episodes": 6, "eval_episodes": 12, "gap": gap},
        "policy": {"optimizer_lr": rate, "device": "cpu"},
        "ot": {"lambda_ot": weight, "loss_config": loss},
        "wandb": {"enable": False},
    }


@contextmanager
def training_of(config: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    """A training of the built-in task that is to begin, and its settings."""
    from autoloop.tasks.act_ot import training as act_ot
    from autoloop.tasks.act_ot.demos import load_demonstrations
    from autoloop.tasks.act_ot.settings import read_settings

    act_ot.success_rate = lambda *policy_and_world: 0.0  # rollouts cost half of an evaluation
    settings = read_settings(config)
    with (
        act_ot._accelerator(settings.policy) as accelerator,
        act_ot._reproducibly(settings.seed, accelerator),
    ):
        demonstrations = load_demonstrations(
            settings.dataset, Path(tempfile.gettempdir()) / "autoloop_act_ot_table"
        )
        yield act_ot.Training(settings, demonstrations, accelerator), settings


def train(
    total: float, weight: float, rate: float, seed: int, gap: float = 1.6, steps: int = STEPS
) -> np.ndarray:
    """Train once; return float32 (metrics, rows), NaN where a metric has no value at a row.

    Args:
        total: Sum of reg, tau_src and tau_tgt.
        weight: lambda_ot.
        rate: The learning rate.
        seed: Of the training.
        gap: Distance of the real domain from the simulated one.
        steps: Steps of the training; it is evaluated every `EVAL_FREQ`.
    """
    from autoloop.tasks.act_ot import training as act_ot
    from autoloop.tasks.act_ot.errors import DivergedError

    recorder = Rows()
    begun = training_of(config_of(total, weight, rate, seed, gap, steps))
    with begun as (training, settings), suppress(DivergedError):
        act_ot._run_loop(training, settings, recorder)  # the rows logged so far stand, the rest is NaN
    rows = [recorder.rows.get(step, {}) for step in range(LOG_FREQ, steps + 1, LOG_FREQ)]
    evals = [recorder.rows.get(step, {}) for step in range(EVAL_FREQ, steps + 1, EVAL_FREQ)]
    table = np.full((len(METRICS), len(rows)), np.nan, dtype=np.float32)
    for number, metric in enumerate(METRICS):
        source = evals if metric.startswith("eval/") else rows
        table[number, : len(source)] = [row.get(metric, np.nan) for row in source]
    return table


def main() -> None:
    """Measure every grid point that the file lacks."""
    shape = (len(SUMS), len(LAMBDAS), len(RATES), len(SEEDS))
    curves = np.full((*shape, len(METRICS), STEPS // LOG_FREQ), np.nan, dtype=np.float32)
    done = np.zeros(shape, dtype=bool)
    if FILE.exists():
        with np.load(FILE) as stored:
            curves, done = stored["curves"], stored["done"]
    todo = [place for place in itertools.product(*map(range, shape)) if not done[place]]
    for count, place in enumerate(sorted(todo, key=lambda place: place[3]), start=1):
        i, j, k, seed = place
        curves[place] = train(SUMS[i], LAMBDAS[j], RATES[k], SEEDS[seed])
        done[place] = True
        if count % 5 == 0 or count == len(todo):
            np.savez_compressed(FILE, curves=curves, done=done)
            print(f"{count}/{len(todo)}", flush=True)


if __name__ == "__main__":
    main()
