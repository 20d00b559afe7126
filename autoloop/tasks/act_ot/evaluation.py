"""What a policy is worth: its error on held-out real demonstrations, and its success when it works alone."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from autoloop.tasks.act_ot import world
from autoloop.tasks.act_ot.policy import ActPolicy, Windows

ROLLOUT_FRAMES = 60  # half as many again as a demonstration has
ROLLOUT_TABLES = 64  # a success rate in steps of 1.6 %
_ROLLOUT_SEED = 7  # the same starts and noise for every policy, so that rates are comparable
PREFIX = "eval/offline_eval/"


@torch.no_grad()
def offline_errors(policy: ActPolicy, held_out: Windows, kl_weight: float) -> dict[str, float]:
    """Return the mean errors on demonstrations the policy has not seen.

    Args:
        policy: In evaluation mode.
        held_out: Real windows.
        kl_weight: Weight of the KL term in the loss.

    Returns:
        ``avg_l1``: mean absolute error of the policy's own predictions (latent at the prior's mean).
        ``avg_loss``: the training loss without sampling, so with the latent read off the true actions.
    """
    own = policy.act(held_out.images, held_out.proprio)
    prediction = policy(held_out)
    loss = functional.l1_loss(prediction.actions, held_out.actions) + kl_weight * prediction.kld
    return {
        f"{PREFIX}avg_l1": functional.l1_loss(own, held_out.actions).item(),
        f"{PREFIX}avg_loss": loss.item(),
    }


def success_rate(policy: ActPolicy, domain: world.Domain, n_action_steps: int) -> float:
    """Let the policy work alone on ``ROLLOUT_TABLES`` tables; return the share of objects that reach the bin.

    Args:
        policy: In evaluation mode.
        domain: Where it works.
        n_action_steps: Actions executed of each predicted chunk before the next look.
    """
    rng = np.random.default_rng(_ROLLOUT_SEED)
    device = policy.image_mean.device
    tables = world.reset(ROLLOUT_TABLES, rng)
    for _ in range(0, ROLLOUT_FRAMES, n_action_steps):
        images = torch.from_numpy(world.take_images(tables, domain, rng)).float().to(device)
        proprio = torch.from_numpy(world.read_proprio(tables, domain)).float().to(device)
        chunk = policy.act(images, proprio).cpu().double().numpy()
        for step in range(n_action_steps):
            tables = world.advance(tables, chunk[:, step], domain, rng)
    return float(world.in_bin(tables).mean())
