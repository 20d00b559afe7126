"""Which source frames belong to which target frame: dynamic time warping over the true states."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PARTNERS = 4  # nearest source episodes that each target episode is paired with


@dataclass(frozen=True, slots=True)
class Pairing:
    """Partners of every target frame, for ``e`` target episodes of ``t`` frames and ``p`` partners each.

    Attributes:
        episodes: Source episode of each partner, nearest first, (e, p) int64.
        frames: Its frame for each target frame, never going back in time, (e, p, t) int64.
    """

    episodes: NDArray[np.int64]
    frames: NDArray[np.int64]


def pair_episodes(src_states: NDArray[np.float32], tgt_states: NDArray[np.float32]) -> Pairing:
    """Align every target episode with its nearest source episodes.

    Args:
        src_states: States of the source episodes, (s, t, d).
        tgt_states: States of the target episodes, (e, t, d).

    Returns:
        The ``min(PARTNERS, s)`` source episodes with the lowest cost of alignment for each target episode.
    """
    partners = min(PARTNERS, len(src_states))
    episodes, frames = [], []
    for states in tgt_states:
        costs = (
            ((states[None, :, None] - src_states[:, None, :]) ** 2).sum(-1).astype(np.float64)
        )  # (s, t, t)
        total = _accumulate(costs)
        nearest = np.argsort(total[:, -1, -1], kind="stable")[:partners]
        episodes.append(nearest)
        frames.append([_walk_back(total[episode]) for episode in nearest])
    return Pairing(np.array(episodes, np.int64), np.array(frames, np.int64))


def _accumulate(costs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the least cost of reaching each pair of frames from the first pair, (s, t, t)."""
    total = np.full((costs.shape[0], costs.shape[1] + 1, costs.shape[2] + 1), np.inf)
    total[:, 0, 0] = 0.0
    for row in range(1, total.shape[1]):
        for column in range(1, total.shape[2]):
            before = np.minimum(total[:, row - 1, column - 1], total[:, row - 1, column])
            total[:, row, column] = costs[:, row - 1, column - 1] + np.minimum(
                before, total[:, row, column - 1]
            )
    return total[:, 1:, 1:]


def _walk_back(total: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the source frame of each target frame on the cheapest path; the earliest of several."""
    row, column = total.shape[0] - 1, total.shape[1] - 1
    frames = np.zeros(total.shape[0], np.int64)
    frames[row] = column
    while row > 0 or column > 0:
        steps = [(row - 1, column - 1), (row - 1, column), (row, column - 1)]
        row, column = min((step for step in steps if min(step) >= 0), key=lambda step: total[step])
        frames[row] = column
    return frames
