"""What the held-out trainings share: optimisers by name, the record of a training, data made from a seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Floats = np.ndarray
Curves = dict[str, list[tuple[int, float]]]

STEPS = 60  # of a training
EVERY = 3  # steps between two evaluations
SEEDS = (1_000_001, 1_000_002, 1_000_003, 1_000_004)


class Optimiser:
    """SGD, SGD with momentum, or Adam, chosen by the config's ``optimizer``."""

    def __init__(self, config: Mapping[str, Any], weights: Sequence[Floats]) -> None:
        self._kind = str(config.get("optimizer", "momentum"))
        self._rate, self._decay = float(config["lr"]), float(config.get("weight_decay", 0.0))
        self._clip = float(config.get("clip", math.inf))
        self._warmup = int(config.get("warmup", 0))
        self._first = [np.zeros_like(weight) for weight in weights]
        self._second = [np.zeros_like(weight) for weight in weights]
        self._count = 0

    def move(self, weights: Sequence[Floats], slopes: Sequence[Floats]) -> None:
        self._count += 1
        norm = math.sqrt(sum(float((slope**2).sum()) for slope in slopes))
        scale = min(1.0, self._clip / (norm + 1e-12))
        rate = self._rate * min(1.0, self._count / max(1, self._warmup))
        for weight, slope, first, second in zip(weights, slopes, self._first, self._second, strict=True):
            weight -= rate * (self._step(slope * scale, first, second) + self._decay * weight)

    def _step(self, slope: Floats, first: Floats, second: Floats) -> Floats:
        if self._kind == "sgd":
            return slope
        if self._kind == "momentum":
            first *= 0.9
            first += slope
            return first
        first += 0.1 * (slope - first)
        second += 0.01 * (slope**2 - second)
        one, two = 1 - 0.9**self._count, 1 - 0.99**self._count
        return np.asarray((first / one) / (np.sqrt(second / two) + 1e-8))


def trained(steps: int, step: Callable[[], float], evaluate: Callable[[], float]) -> Curves:
    """Take so many steps and evaluate every so often; ends where a loss is not finite."""
    curves: Curves = {"train/loss": [], "eval/loss": []}
    losses: list[float] = []
    with np.errstate(all="ignore"):
        for number in range(1, steps + 1):
            losses.append(step())
            if number % EVERY == 0:
                curves["train/loss"].append((number, float(np.mean(losses))))
                curves["eval/loss"].append((number, float(evaluate())))
                losses = []
                if not math.isfinite(curves["eval/loss"][-1][1]):
                    break
    return curves


def softmax(values: Floats) -> Floats:
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def cross_entropy(outputs: Floats, targets: Floats, smoothing: float = 0.0) -> tuple[float, Floats]:
    """Mean loss of (n, classes) outputs and its slope."""
    chances = softmax(outputs)
    rows = np.arange(len(targets))
    wanted = np.full(outputs.shape, smoothing / outputs.shape[1])
    wanted[rows, targets] += 1 - smoothing
    loss = float(-(wanted * np.log(chances + 1e-12)).sum(axis=1).mean())
    return loss, (chances - wanted) / len(targets)


def drawn(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> Floats:
    return np.asarray(rng.normal(size=shape) * scale / math.sqrt(shape[0]))
