"""Two optimisers in numpy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from contest.task import Floats


class Momentum:
    """SGD with momentum and decay of the weights towards 0."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._momentum = float(config.get("momentum", 0.9))
        self._speed: list[Floats] = []

    def move(self, weights: list[Floats], slopes: list[Floats], rate: float, decay: float) -> None:
        self._speed = self._speed or [np.zeros_like(weight) for weight in weights]
        for weight, slope, speed in zip(weights, slopes, self._speed, strict=True):
            speed *= self._momentum
            speed += slope + decay * weight
            weight -= rate * speed


class Adam:
    """AdamW."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._means: list[Floats] = []
        self._squares: list[Floats] = []
        self._count = 0

    def move(self, weights: list[Floats], slopes: list[Floats], rate: float, decay: float) -> None:
        self._means = self._means or [np.zeros_like(weight) for weight in weights]
        self._squares = self._squares or [np.zeros_like(weight) for weight in weights]
        self._count += 1
        for weight, slope, mean, square in zip(weights, slopes, self._means, self._squares, strict=True):
            mean += 0.1 * (slope - mean)
            square += 0.01 * (slope**2 - square)
            first, second = mean / (1 - 0.9**self._count), square / (1 - 0.99**self._count)
            weight -= rate * (first / (np.sqrt(second) + 1e-8) + decay * weight)
