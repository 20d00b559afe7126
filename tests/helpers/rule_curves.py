"""The fixed set of curves on which every shipped rule's decision is recorded.

Shapes and ranges follow what ACT runs with an OT loss log: loss 16 to 0.6 .. 1.0, l1_loss 0.61 to
0.15 .. 0.23, evaluation 0.81 to 0.21 .. 0.31, gradient norm about 49, and the scatter of single values.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autoloop.study.trials import Trial
from autoloop.testing import trial

POINTS = 40  # 2,000 steps, logged every 50
EVALS = 10  # evaluated every 200

FEATURES = [
    {"term_name": "img_third_person", "weight_embed": 0.01, "weight_label": 0.0},
    {"term_name": "action_lbl", "weight_embed": 0.0, "weight_label": 0.0005},
]


def act_ot_config(**ot: Any) -> dict[str, Any]:
    """Return a config of the users' shape; ``ot`` replaces values of ot.loss_config."""
    loss_config = {
        "reg": 0.1,
        "tau_src": 0.05,
        "tau_tgt": 0.05,
        "heuristic": True,
        "features": FEATURES,
        **ot,
    }
    return {
        "policy": {"optimizer_lr": 1e-5, "optimizer_lr_backbone": 1e-5, "optimizer_weight_decay": 1e-4},
        "optimizer": {"lr": 1e-5, "weight_decay": 1e-4},
        "batch_size": 8,
        "ot": {"lambda_ot": 0.1, "window_size": 10, "loss_config": loss_config},
    }


def decay(first: float, last: float, points: int = POINTS, rate: float = 6.0) -> np.ndarray:
    """Return an exponential approach from ``first`` to ``last``: flat at the end for a rate of 6 or more."""
    return last + (first - last) * np.exp(-rate * np.linspace(0, 1, points))


def scatter(values: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return the values with a lognormal scatter of ``share`` (0.17 is 17 %)."""
    return values * np.exp(np.random.default_rng(seed).normal(0, share, len(values)))


def healthy() -> dict[str, np.ndarray]:
    """Return the curves of a run that works and has converged."""
    return {
        "train/loss": decay(16.2, 0.8, rate=12),
        "train/l1_loss": decay(0.61, 0.18, rate=12),
        "train/grad_norm": decay(90, 49),
        "train/ot_loss": decay(1.2, 0.3, rate=12),
        "train/ot_pi_sum": decay(0.02, 0.2, rate=12),
        "train/ot_log_pi_sum": np.log(decay(0.02, 0.2, rate=12)),
        "train/ot_cost/img_third_person": decay(40, 10, rate=12),
        "train/ot_cost/action_lbl": np.full(POINTS, 17.0),
        "eval/offline_eval/avg_l1": decay(0.81, 0.21, EVALS, rate=12),
    }


def noisy() -> dict[str, np.ndarray]:
    """Return the healthy curves with the scatter of single logged values."""
    shares = {"train/loss": 0.05, "train/grad_norm": 0.14, "train/l1_loss": 0.17, "train/ot_loss": 0.61}
    shares["train/ot_cost/img_third_person"] = 0.3
    return {
        metric: scatter(values, shares[metric], seed) if metric in shares else values
        for seed, (metric, values) in enumerate(healthy().items())
    }


def collapsed() -> dict[str, np.ndarray]:
    """Return the curves of the users' baseline: the plan is empty, the evaluation flat."""
    return {
        **healthy(),
        "train/ot_loss": np.full(POINTS, 1e-80),
        "train/ot_pi_sum": np.full(POINTS, 1e-85),
        "train/ot_log_pi_sum": np.full(POINTS, -85 * math.log(10)),
        "train/ot_cost/img_third_person": np.full(POINTS, 1200.0),
    }


def diverged() -> dict[str, np.ndarray]:
    """Return what LeRobot logs of a diverged run: NaN losses and a uniform plan of mass 1."""
    broken = np.where(np.arange(POINTS) < 10, decay(16.2, 0.8), np.nan)
    return {
        **healthy(),
        "train/loss": broken,
        "train/l1_loss": broken,
        "train/grad_norm": broken,
        "train/ot_pi_sum": np.ones(POINTS),
        "train/ot_log_pi_sum": np.zeros(POINTS),
    }


def fixed_trials() -> list[Trial]:
    """Return one trial for each curve set, in a fixed order, with their parents among them."""
    config = act_ot_config()
    ok = healthy()
    general = {"train/loss": decay(2.3, 0.5, rate=12), "train/grad_norm": np.full(POINTS, 1.0)}
    rising = np.concatenate([decay(2.3, 0.5, 20), np.linspace(0.5, 0.9, 20)])
    spiky = np.where(np.arange(POINTS) % 11 == 10, 9.0, 1.0)
    simple = {"lr": 0.01, "batch_size": 32, "weight_decay": 0.0}
    overfit = np.concatenate([decay(2.4, 0.9, 5), np.linspace(0.9, 1.3, 5)])
    improving = {
        "train/l1_loss": decay(0.61, 0.18, rate=3),
        "eval/offline_eval/avg_l1": decay(0.81, 0.21, EVALS, 3),
    }
    step = (("ot.loss_config.reg", 0.1, 0.12),)
    jump = (("ot.loss_config.tau_src", 0.05, 5.0), ("ot.window_size", 10, 20))
    return [
        trial("healthy", history=ok, config=config, objective=0.21),
        trial("noisy", history=noisy(), config=config, objective=0.21),
        trial("collapsed", history=collapsed(), config=config, objective=0.22),
        trial("collapsed_to_zero", history={**ok, "train/ot_pi_sum": np.zeros(POINTS)}, config=config),
        trial("mass_too_high", history={**ok, "train/ot_pi_sum": np.full(POINTS, 183.0)}, config=config),
        trial("still_improving", history={**ok, **improving}, config=config, objective=0.25),
        trial(
            "cost_stuck",
            history={**ok, "train/ot_cost/img_third_person": np.full(POINTS, 40.0)},
            config=config,
        ),
        trial(
            "high_mass_stuck",
            history={
                **ok,
                "train/ot_pi_sum": np.full(POINTS, 0.9),
                "train/ot_cost/img_third_person": np.full(POINTS, 40.0),
            },
            config=config,
        ),
        trial("never_learned", history={**ok, "train/l1_loss": np.full(POINTS, 0.61)}, config=config),
        trial("large_gradients", history={**ok, "train/grad_norm": np.full(POINTS, 400.0)}, config=config),
        trial("loss_rises", history={**ok, "train/loss": rising}, config=config),
        trial("spikes", history={**ok, "train/grad_norm": spiky}, config=config),
        trial("diverged", history=diverged(), config=config),
        trial("short", history={metric: values[:3] for metric, values in ok.items()}, config=config),
        trial("one_point", history={metric: values[:1] for metric, values in ok.items()}, config=config),
        trial("no_history", config=config),
        trial(
            "small_step_worse",
            history=ok,
            config=config,
            objective=0.23,
            parent="healthy",
            changes=step,
            round=2,
        ),
        trial(
            "large_step_worse",
            history=ok,
            config=config,
            objective=0.23,
            parent="healthy",
            changes=jump,
            round=2,
        ),
        trial(
            "second_try_worse",
            history=ok,
            config=config,
            objective=0.23,
            parent="healthy",
            changes=step,
            round=3,
            rule="back_to_parent",
        ),
        trial(
            "slightly_worse",
            history=ok,
            config=config,
            objective=0.212,
            parent="healthy",
            changes=step,
            round=2,
        ),
        trial(
            "out_of_memory", config=config, state="INFEASIBLE", error="CUDA out of memory. Tried to allocate"
        ),
        trial("failed", history=ok, config=config, state="FAILED", error="exit code 1"),
        trial(
            "stopped",
            history=collapsed(),
            config=config,
            state="STOPPED",
            error="ot_pi_sum < 1e-6 at step 300",
        ),
        trial("plain", history=general, config=simple),
        trial("plain_rising", history={**general, "train/loss": rising}, config=simple),
        trial("plain_spiky", history={**general, "train/grad_norm": spiky}, config=simple),
        trial(
            "plain_growing", history={**general, "train/grad_norm": np.linspace(1, 9, POINTS)}, config=simple
        ),
        trial(
            "plain_overfit",
            history={**general, "train/loss": decay(2.3, 0.1, rate=4), "eval/loss": overfit},
            config=simple,
        ),
        trial("plain_improving", history={"loss": decay(2.3, 0.5, rate=3)}, config={"model": {"lr": 0.01}}),
        trial("plain_no_knobs", history={"loss": decay(2.3, 0.5, rate=3)}, config={"depth": 3}),
    ]
