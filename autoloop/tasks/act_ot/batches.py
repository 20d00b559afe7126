"""Demonstrations as tensors, and the batches drawn from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autoloop.tasks.act_ot.demos import EPISODE_FRAMES, Episodes
from autoloop.tasks.act_ot.pairing import Pairing
from autoloop.tasks.act_ot.policy import Windows
from autoloop.tasks.act_ot.settings import OtSettings


def as_windows(episodes: Episodes, chunk_size: int, device: torch.device) -> Windows:
    """Return every frame with its future chunk, in row ``episode * EPISODE_FRAMES + frame``."""
    chunks = np.lib.stride_tricks.sliding_window_view(episodes.actions, chunk_size, axis=1)
    chunks = np.swapaxes(chunks[:, :EPISODE_FRAMES], 2, 3)
    return Windows(
        *(
            torch.from_numpy(np.array(block).reshape(-1, *block.shape[2:])).to(device)
            for block in (episodes.images, episodes.proprio, chunks)
        )
    )


def image_statistics(*windows: Windows) -> tuple[Tensor, Tensor]:
    """Return the mean picture and what pictures are divided by: their spread, kept away from 0."""
    images = torch.cat([block.images for block in windows])
    return images.mean(0), images.std(0) + 0.1


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step trains on.

    Attributes:
        cloning: Windows of both domains for behaviour cloning, (batch_size rows).
        src: Source windows of the pairs; None without transport.
        tgt: Target windows, row i the partner of row i of ``src``.
    """

    cloning: Windows
    src: Windows | None = None
    tgt: Windows | None = None


class BatchSampler:
    """Draws batches; equal seeds draw equal batches, whatever the device."""

    def __init__(self, src: Windows, tgt: Windows, pairing: Pairing, seed: int) -> None:
        """Draw from the windows of both domains (as :func:`as_windows` orders them) and their pairing."""
        self._src, self._tgt, self._pairing = src, tgt, pairing
        self._all = Windows(*(torch.cat(parts) for parts in zip(src, tgt, strict=True)))
        self._rng = np.random.default_rng(seed)

    @property
    def position(self) -> dict[str, Any]:
        """Where the drawing has come to, as JSON has it; setting it goes on from there."""
        return dict(self._rng.bit_generator.state)

    @position.setter
    def position(self, position: dict[str, Any]) -> None:
        self._rng.bit_generator.state = position

    def draw(self, batch_size: int, ot: OtSettings) -> Batch:
        """Draw the windows of one step, with pairs when the transport loss is in use."""
        cloning = _rows(self._all, self._cloning_rows(batch_size, ot.bc_src_weight))
        if not uses_transport(ot):
            return Batch(cloning)
        src_rows, tgt_rows = self._pair_rows(max(2, int(batch_size * ot.batch_ratio)), ot.window_size)
        return Batch(cloning, _rows(self._src, src_rows), _rows(self._tgt, tgt_rows))

    def _cloning_rows(self, n: int, src_share: float) -> NDArray[np.int64]:
        from_src = self._rng.random(n) < src_share
        src_rows = self._rng.integers(0, len(self._src.proprio), n)
        tgt_rows = self._rng.integers(0, len(self._tgt.proprio), n)
        return np.where(from_src, src_rows, tgt_rows + len(self._src.proprio))

    def _pair_rows(self, n: int, window: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        tgt_rows = self._rng.integers(0, len(self._tgt.proprio), n)
        episodes, frames = np.divmod(tgt_rows, EPISODE_FRAMES)
        partners = self._rng.integers(0, self._pairing.episodes.shape[1], n)
        offsets = self._rng.integers(-window, window + 1, n)
        matched = self._pairing.frames[episodes, partners, frames] + offsets
        src_episodes = self._pairing.episodes[episodes, partners]
        return src_episodes * EPISODE_FRAMES + matched.clip(0, EPISODE_FRAMES - 1), tgt_rows


def uses_transport(ot: OtSettings) -> bool:
    """Tell whether the transport loss has any part in the training."""
    return ot.enable and ot.lambda_ot > 0


def _rows(windows: Windows, rows: NDArray[np.int64]) -> Windows:
    index = torch.from_numpy(rows).to(windows.proprio.device)
    return Windows(*(block[index] for block in windows))
