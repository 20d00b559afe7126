"""The transport loss between paired windows: cost terms by feature, one plan, and their metrics."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from autoloop.tasks.act_ot.policy import Windows
from autoloop.tasks.act_ot.settings import ACTION_KEY, CAMERA_KEYS, FeatureSettings, LossSettings
from autoloop.tasks.act_ot.transport import Array, diagonal_log_plan, log_mass, solve_log_plan

Metrics: TypeAlias = dict[str, Tensor | float]


def transport_loss(
    src: Windows, tgt: Windows, embeddings: tuple[Tensor, Tensor], settings: LossSettings
) -> tuple[Tensor, Metrics]:
    """Return the cost of the optimal plan between the windows of both domains.

    The plan is a constant for the gradient: at the optimum its change does not change the objective.

    Args:
        src: Source windows, n rows.
        tgt: Target windows, n rows; row i is the partner of row i of ``src``.
        embeddings: Embeddings of both sides' images, each (n, CAMERAS, dim_model).
        settings: Features and weights of the problem.

    Returns:
        The loss ``<plan, cost>`` and the metrics ``ot_loss``, ``ot_pi_sum``, ``ot_pi_diag``,
        ``ot_log_pi_sum`` (natural logarithm; what is left to read where the sum has underflowed), and per
        term ``ot_cost/<term>`` over all pairs and ``ot_cost_diag/<term>`` over partners, both free of the
        weights.
    """
    cost = torch.zeros(len(src.proprio), len(tgt.proprio), device=src.proprio.device)
    metrics: Metrics = {}
    for feature in settings.features:
        term = _term_cost(feature, src, tgt, embeddings)
        if term is None:
            continue
        cost = cost + term
        distance = term.detach() / (feature.weight_embed * feature.use_learned_embed + feature.weight_label)
        metrics[f"ot_cost/{feature.term_name}"] = distance.mean()
        metrics[f"ot_cost_diag/{feature.term_name}"] = distance.diagonal().mean()
    log_plan = _log_plan(cost.detach().cpu().double().numpy(), settings)
    plan = np.exp(log_plan)
    loss = (torch.from_numpy(plan).to(cost) * cost).sum()
    mass: Metrics = {
        "ot_loss": loss.detach(),
        "ot_pi_sum": float(plan.sum()),
        "ot_pi_diag": float(np.trace(plan)),
        "ot_log_pi_sum": log_mass(log_plan),
    }
    return loss, mass | metrics


def _log_plan(cost: Array, settings: LossSettings) -> Array:
    weights = (settings.reg, settings.tau_src, settings.tau_tgt)
    if settings.heuristic:
        return diagonal_log_plan(cost, *weights)
    # Good enough for a gradient; the mass, which converges much faster than the plan, is off by 1e-6 at most.
    return solve_log_plan(cost, *weights, tolerance=1e-4, max_iter=200)


def _term_cost(
    feature: FeatureSettings, src: Windows, tgt: Windows, embeddings: tuple[Tensor, Tensor]
) -> Tensor | None:
    """Return the weighted cost (n, n) of one feature, or None where all its weights are 0."""
    parts = []
    if feature.use_learned_embed and feature.weight_embed > 0:
        src_camera, tgt_camera = CAMERA_KEYS.index(feature.src_key), CAMERA_KEYS.index(feature.tgt_key)
        distance = _squared_distances(embeddings[0][:, src_camera], embeddings[1][:, tgt_camera])
        parts.append(feature.weight_embed * distance)
    if feature.weight_label > 0:
        distance = _squared_distances(
            _recorded(src, feature.src_key, feature), _recorded(tgt, feature.tgt_key, feature)
        )
        parts.append(feature.weight_label * distance)
    return torch.stack(parts).sum(0) if parts else None


def _recorded(windows: Windows, key: str, feature: FeatureSettings) -> Tensor:
    if key == ACTION_KEY:
        first, last = feature.dim_slice or (None, None)
        return windows.actions[:, :, first:last].flatten(1)
    return windows.images[:, CAMERA_KEYS.index(key)]


def _squared_distances(rows: Tensor, columns: Tensor) -> Tensor:
    return ((rows[:, None].float() - columns[None].float()) ** 2).sum(-1)
