"""Small networks on scikit-learn's bundled data, trained anew for every config and seed (10 to 20 ms)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from autoloop.history.series import History, Series
from contest.optimisers import Adam, Momentum
from contest.task import Floats, Task

EVALUATED = 300  # cases at most


class Data:
    """A data set split into training and evaluation, with inputs of mean 0 and deviation 1."""

    def __init__(self, inputs: Floats, targets: Floats, train: int, seed: int = 0) -> None:
        order = np.random.default_rng(seed).permutation(len(inputs))
        inputs, targets = inputs[order], targets[order]
        middle, spread = inputs[:train].mean(axis=0), inputs[:train].std(axis=0)
        scaled = (inputs - middle) / np.maximum(spread, 0.3 * np.median(spread))
        self.inputs, self.targets = scaled[:train], targets[:train]
        self.eval_inputs, self.eval_targets = scaled[train:][:EVALUATED], targets[train:][:EVALUATED]


@dataclass
class Net:
    """A network with one hidden layer of ReLU units, in numpy; softmax for classes, squares for numbers."""

    weights: list[Floats]
    classes: int

    @classmethod
    def drawn(cls, inputs: int, hidden: int, classes: int, rng: np.random.Generator) -> Net:
        outputs = max(1, classes)
        first = rng.normal(size=(inputs, hidden)) * math.sqrt(2 / inputs)
        last = rng.normal(size=(hidden, outputs)) * math.sqrt(1 / hidden)
        return cls([first, np.zeros(hidden), last, np.zeros(outputs)], classes)

    def loss(self, inputs: Floats, targets: Floats, smoothing: float = 0.0) -> float:
        return self._loss(self._forward(inputs, None)[1], targets, smoothing)[0]

    def gradient(
        self, inputs: Floats, targets: Floats, keep: Floats | None, smoothing: float
    ) -> tuple[float, list[Floats]]:
        hidden, outputs = self._forward(inputs, keep)
        loss, back = self._loss(outputs, targets, smoothing)
        inner = back @ self.weights[2].T * (hidden > 0)
        if keep is not None:
            inner = inner * keep
        return loss, [inputs.T @ inner, inner.sum(axis=0), hidden.T @ back, back.sum(axis=0)]

    def _forward(self, inputs: Floats, keep: Floats | None) -> tuple[Floats, Floats]:
        hidden = np.maximum(inputs @ self.weights[0] + self.weights[1], 0)
        if keep is not None:
            hidden = hidden * keep
        return hidden, hidden @ self.weights[2] + self.weights[3]

    def _loss(self, outputs: Floats, targets: Floats, smoothing: float) -> tuple[float, Floats]:
        if not self.classes:
            error = outputs - targets[:, None]
            return float((error**2).mean()), 2 * error / len(error)
        shifted = outputs - outputs.max(axis=1, keepdims=True)
        logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        wanted = np.full(outputs.shape, smoothing / self.classes)
        wanted[np.arange(len(targets)), targets] += 1 - smoothing
        return float(-(wanted * logs).sum(axis=1).mean()), (np.exp(logs) - wanted) / len(targets)


@dataclass
class Progress:
    """How far a training has come, and all that it needs to go on."""

    net: Net
    rng: np.random.Generator
    optimizer: Adam | Momentum
    step: int = 0
    window: list[tuple[float, float]] = field(default_factory=list)  # since the curves' last point


class Perceptron(Task):
    """Trains `Net` with SGD and momentum, or with Adam, and logs every 5 % of the steps."""

    def __init__(
        self,
        name: str,
        about: str,
        data: Callable[[], Data],
        classes: int,
        baseline: Mapping[str, Any],
        bounds: Mapping[str, tuple[float, float]],
        steps: int = 120,
    ) -> None:
        self.name, self.about, self.classes, self.steps = name, about, classes, steps
        self._data = data
        usual = {
            "optimizer": "sgd",
            "lr": 0.05,
            "momentum": 0.9,
            "batch_size": 32,
            "weight_decay": 1e-5,
            "dropout": 0.0,
            "label_smoothing": 0.0,
            "warmup": 0,
            "hidden": 32,
            "seed": 0,
        }
        start = {key: value for key, value in {**usual, **baseline}.items() if value is not None}
        self.config = {**start, **{path: max(start[path], low) for path, (low, _) in bounds.items()}}
        self.bounds = bounds

    @cached_property
    def data(self) -> Data:
        return self._data()

    def train(self, config: Mapping[str, Any], steps: int | None = None) -> History:
        with np.errstate(all="ignore"):
            return self._train(config, steps or self.steps)

    def _train(self, config: Mapping[str, Any], last: int) -> History:
        return self.train_on(config, last, self.begun(config))

    def begun(self, config: Mapping[str, Any]) -> Progress:
        """A training before its first step."""
        rng = np.random.default_rng(config["seed"])
        net = Net.drawn(self.data.inputs.shape[1], int(config["hidden"]), self.classes, rng)
        return Progress(net, rng, Adam(config) if config["optimizer"] == "adam" else Momentum(config))

    def train_on(self, config: Mapping[str, Any], last: int, progress: Progress) -> History:
        """Train up to a step and return the curves of these steps; the progress is taken along."""
        data, rng, net = self.data, progress.rng, progress.net
        first, every = progress.step, max(1, self.steps // 20)
        logged: dict[str, list[float]] = {"train/loss": [], "train/grad_norm": [], "eval/loss": []}
        for step in range(first + 1, last + 1):
            progress.step = step
            batch = rng.integers(len(data.inputs), size=int(config["batch_size"]))
            drop = float(config.get("dropout", 0.0))
            keep = (rng.random((len(batch), net.weights[0].shape[1])) > drop) / (1 - drop) if drop else None
            loss, slopes = net.gradient(
                data.inputs[batch], data.targets[batch], keep, float(config.get("label_smoothing", 0.0))
            )
            progress.window.append((loss, math.sqrt(sum(float((slope**2).sum()) for slope in slopes))))
            warm = min(1.0, step / max(1, int(config.get("warmup", 0))))
            progress.optimizer.move(
                net.weights, slopes, float(config["lr"]) * warm, float(config["weight_decay"])
            )
            if step % every == 0:
                losses, norms = zip(*progress.window, strict=True)
                logged["train/loss"].append(float(np.mean(losses)))
                logged["train/grad_norm"].append(float(np.mean(norms)))
                logged["eval/loss"].append(net.loss(data.eval_inputs, data.eval_targets))
                progress.window = []
                if not math.isfinite(logged["eval/loss"][-1]):
                    break
        steps = (first // every + np.arange(1, len(logged["eval/loss"]) + 1)) * every
        return History({name: Series(steps, np.array(values)) for name, values in logged.items()})


def digits(train: int, noise: float = 0.0) -> Data:
    """Return scikit-learn's digits; ``noise`` is the share of training labels drawn anew."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    data = Data(bunch.data, bunch.target, train)
    if noise:
        rng = np.random.default_rng(1)
        wrong = rng.random(train) < noise
        data.targets = np.where(wrong, rng.integers(10, size=train), data.targets)
    return data


def diabetes() -> Data:
    """Return scikit-learn's diabetes, the target with mean 0 and deviation 1."""
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes()
    return Data(bunch.data, (bunch.target - bunch.target.mean()) / bunch.target.std(), 300)


def cancer() -> Data:
    """Return scikit-learn's breast cancer data, 60 cases to train on."""
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    return Data(bunch.data, bunch.target, 60)
