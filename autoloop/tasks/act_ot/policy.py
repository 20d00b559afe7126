"""An ACT-like policy: a transformer predicts a chunk of actions, a CVAE explains what the data leave open."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from autoloop.tasks.act_ot.settings import PolicySettings
from autoloop.tasks.act_ot.world import ACTION_DIM, CAMERAS, IMAGE_SIZE, PROPRIO_DIM

_ENCODER_WIDTH = 96  # hidden units of an image's encoder
_LATENT_ENCODER_WIDTH = 48  # hidden units of the encoder of a chunk of actions
_LOG_VARIANCE_LIMIT = 8.0  # either way: a spread between 1/55 and 55 times the prior's


class Windows(NamedTuple):
    """A batch of ``b`` moments with the chunk of actions that followed each.

    Attributes:
        images: Raw pictures, (b, CAMERAS, IMAGE_SIZE).
        proprio: The arm's reading, (b, PROPRIO_DIM).
        actions: The next ``chunk_size`` commands, (b, chunk_size, ACTION_DIM).
    """

    images: Tensor
    proprio: Tensor
    actions: Tensor


class Prediction(NamedTuple):
    """What the policy makes of a batch.

    Attributes:
        actions: Predicted chunks, (b, chunk_size, ACTION_DIM).
        kld: KL divergence of the latent from its prior, mean over the batch; a scalar.
        embeddings: Embeddings of the additional images, (x, CAMERAS, dim_model); x = 0 without any.
    """

    actions: Tensor
    kld: Tensor
    embeddings: Tensor


class ActPolicy(nn.Module):
    """Predicts action chunks from two cameras, the arm's reading and a latent.

    Each camera has an encoder of its own, whose output is layer-normalised: without that, the transport loss
    is best served by shrinking all embeddings to a point. The pictures' mean and spread belong to the policy.
    """

    def __init__(self, settings: PolicySettings, image_mean: Tensor, image_spread: Tensor) -> None:
        """Build the policy.

        Args:
            settings: Sizes.
            image_mean: Mean picture of the training data, (CAMERAS, IMAGE_SIZE).
            image_spread: What pictures are divided by, of the same shape.
        """
        super().__init__()
        width, self.chunk_size, self.latent_dim = settings.dim_model, settings.chunk_size, settings.latent_dim
        self.image_mean: Tensor
        self.image_spread: Tensor
        self.register_buffer("image_mean", image_mean)
        self.register_buffer("image_spread", image_spread)
        self.encoders = nn.ModuleList(_image_encoder(width) for _ in range(CAMERAS))
        self.latent_encoder = nn.Sequential(
            nn.Linear(self.chunk_size * ACTION_DIM + PROPRIO_DIM, _LATENT_ENCODER_WIDTH),
            nn.ReLU(),
            nn.Linear(_LATENT_ENCODER_WIDTH, 2 * self.latent_dim),
        )
        self.from_proprio = nn.Linear(PROPRIO_DIM, width)
        self.from_latent = nn.Linear(self.latent_dim, width)
        self.memory_position = nn.Parameter(0.1 * torch.randn(CAMERAS + 2, width))
        self.queries = nn.Parameter(0.1 * torch.randn(self.chunk_size, width))
        layer = nn.TransformerDecoderLayer(width, settings.n_heads, 2 * width, dropout=0.0, batch_first=True)
        self.decoder = nn.TransformerDecoder(layer, settings.n_decoder_layers)
        self.head = nn.Linear(width, ACTION_DIM)

    def forward(self, windows: Windows, more_images: Tensor | None = None) -> Prediction:
        """Reconstruct the actions of ``windows`` through the latent, and embed ``more_images`` in passing.

        Args:
            windows: A batch with its actions.
            more_images: Pictures that are embedded only, (x, CAMERAS, IMAGE_SIZE).
        """
        images = windows.images if more_images is None else torch.cat([windows.images, more_images])
        embeddings = self.embed(images)
        mean, log_variance = self.latent_encoder(
            torch.cat([windows.actions.flatten(1), windows.proprio], dim=1)
        ).chunk(2, dim=1)
        log_variance = log_variance.clamp(-_LOG_VARIANCE_LIMIT, _LOG_VARIANCE_LIMIT)
        latent = mean
        if self.training:
            latent = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        kld = (-0.5 * (1 + log_variance - mean**2 - log_variance.exp())).sum(1).mean()
        batch = len(windows.proprio)
        return Prediction(self._decode(embeddings[:batch], windows.proprio, latent), kld, embeddings[batch:])

    def embed(self, images: Tensor) -> Tensor:
        """Embed pictures (b, CAMERAS, IMAGE_SIZE) as (b, CAMERAS, dim_model) of norm sqrt(dim_model)."""
        scaled = (images - self.image_mean) / self.image_spread
        return torch.stack([encoder(scaled[:, index]) for index, encoder in enumerate(self.encoders)], dim=1)

    @torch.no_grad()
    def act(self, images: Tensor, proprio: Tensor) -> Tensor:
        """Return the chunks (b, chunk_size, ACTION_DIM) at the latent's prior mean, without true actions."""
        latent = torch.zeros(len(proprio), self.latent_dim, device=proprio.device)
        return self._decode(self.embed(images), proprio, latent)

    def _decode(self, embeddings: Tensor, proprio: Tensor, latent: Tensor) -> Tensor:
        rest = torch.stack([self.from_proprio(proprio), self.from_latent(latent)], dim=1)
        memory = torch.cat([embeddings, rest], dim=1) + self.memory_position
        decoded = self.decoder(self.queries.expand(len(proprio), -1, -1), memory)
        actions: Tensor = self.head(decoded)
        return actions


def _image_encoder(width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(IMAGE_SIZE, _ENCODER_WIDTH),
        nn.ReLU(),
        nn.Linear(_ENCODER_WIDTH, width),
        nn.LayerNorm(width, elementwise_affine=False),
    )
