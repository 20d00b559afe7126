"""The built-in task, replayed from a table of measured curves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import act_ot_table as table
import numpy as np

from autoloop.history.series import History, Series
from contest.task import Floats, Task


class ActOt(Task):
    """The built-in task, replayed from a table of measured curves (`act_ot_table`) with interpolation."""

    name = "act_ot"
    about = "the built-in task: the transport plan has no mass, and the learning rate is too low"
    objective = "eval/offline_eval/avg_l1"
    rules = "act_ot"
    config: Mapping[str, Any] = {
        "policy": {"optimizer_lr": 3e-4},
        "ot": {
            "lambda_ot": 0.1,
            "loss_config": {
                "reg": 0.02,
                "tau_src": 0.015,
                "tau_tgt": 0.015,
                "heuristic": True,
                "features": [
                    {"term_name": "img_third_person", "weight_embed": 0.05},
                    {"term_name": "img_ee", "weight_embed": 0.05},
                ],
            },
        },
        "seed": 0,
    }
    bounds: Mapping[str, tuple[float, float]] = {
        "policy.optimizer_lr": (1e-4, 1e-2),
        "ot.lambda_ot": (0.02, 1.0),
        "ot.loss_config.reg": (0.01, 4.0),
        "ot.loss_config.tau_src": (0.01, 4.0),
        "ot.loss_config.tau_tgt": (0.01, 4.0),
    }

    steps, first_result = table.STEPS, table.EVAL_FREQ

    def __init__(self) -> None:
        with np.load(table.FILE) as stored:
            self._curves = stored["curves"]

    def train(self, config: Mapping[str, Any], steps: int | None = None) -> History:
        loss = config["ot"]["loss_config"]
        total = loss["reg"] + loss["tau_src"] + loss["tau_tgt"]
        curves = self._curves[:, :, :, int(config["seed"]) % len(table.SEEDS)].astype(np.float64)
        for knots, value in (
            (table.SUMS, total),
            (table.LAMBDAS, config["ot"]["lambda_ot"]),
            (table.RATES, config["policy"]["optimizer_lr"]),
        ):
            curves = _between(curves, np.log(knots), math.log(value))
        return self._history(curves)

    def _history(self, curves: Floats) -> History:
        """Curves of all metrics, float64 (metrics, rows), as they would be read."""
        series: dict[str, Series] = {}
        for number, metric in enumerate(table.METRICS):
            every = table.EVAL_FREQ if metric.startswith("eval/") else table.LOG_FREQ
            count = self.steps // every
            series[metric] = Series(np.arange(1, count + 1) * every, curves[number, :count])
        mass = series["train/ot_log_pi_sum"]
        series["train/ot_pi_sum"] = Series(mass.steps, np.exp(mass.values))
        return History(series)

    def known_best(self) -> float:
        """The best of the grid: what is interpolated between its points is never better than these."""
        last = self._curves[..., table.METRICS.index(self.objective), self.steps // table.EVAL_FREQ - 1]
        return float(np.exp(np.log(last).mean(axis=-1)).min())

    def fresh_seeds(self, seed: int) -> tuple[int, ...]:
        """The others of the few seeds that were measured."""
        return tuple(other for other in table.SEEDS if other != seed % len(table.SEEDS))


def _between(curves: Floats, knots: Floats, value: float) -> Floats:
    """Interpolate the first axis linearly at ``value``, and keep to the ends."""
    place = float(np.clip(np.interp(value, knots, np.arange(len(knots))), 0, len(knots) - 1))
    below = min(int(place), len(knots) - 2)
    share = place - below
    return np.asarray((1 - share) * curves[below] + share * curves[below + 1])
