"""Trainings that settings of the strategy were chosen by: vision, sequences, trees, control.

Each class has what `python benchmarks/strategies.py run --tasks FILE` asks for (docs/benchmarks.md).
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from held_out.parts import SEEDS, STEPS, Curves, Floats, Optimiser, cross_entropy, drawn, trained


def patches(images: Floats, size: int) -> Floats:
    """All patches of (n, h, w) images: (n, places, size * size)."""
    windows = np.lib.stride_tricks.sliding_window_view(images, (size, size), axis=(1, 2))
    return np.ascontiguousarray(windows.reshape(len(images), -1, size * size))


class Shapes:
    """Vision: a convolution and a layer above it tell noisy shapes apart; the rate is too low."""

    name = "conv_shapes"
    about = "a small convolutional network on noisy shapes, its learning rate twenty times too low"
    steps, seeds = STEPS, SEEDS
    config: ClassVar[dict[str, Any]] = {
        "lr": 0.003,
        "weight_decay": 1e-4,
        "channels": 6,
        "batch_size": 16,
        "kernel": 3,
        "optimizer": "momentum",
        "label_smoothing": 0.05,
        "seed": 0,
    }
    space: ClassVar[dict[str, Any]] = {
        "lr": [1e-4, 1.0],
        "weight_decay": [1e-6, 0.1],
        "channels": [2, 16],
        "batch_size": [8, 48],
        "kernel": {"choices": [2, 3, 5]},
        "optimizer": {"choices": ["sgd", "momentum", "adam"]},
        "label_smoothing": [0.001, 0.4],
    }

    @cached_property
    def data(self) -> tuple[Floats, Floats]:
        rng = np.random.default_rng(11)
        kinds = rng.integers(5, size=700)
        images = rng.normal(size=(700, 9, 9)) * 0.7
        for image, kind in zip(images, kinds, strict=True):
            row, column = rng.integers(1, 5, size=2)
            if kind == 0:
                image[row : row + 4, column] += 1.4
            elif kind == 1:
                image[row, column : column + 4] += 1.4
            elif kind == 2:
                image[range(row, row + 4), range(column, column + 4)] += 1.4
            elif kind == 3:
                image[range(row, row + 4), range(column + 3, column - 1, -1)] += 1.4
            else:
                image[row : row + 2, column : column + 2] += 1.4
        return images, kinds

    def train(self, config: dict[str, Any], steps: int) -> Curves:
        images, kinds = self.data
        rng = np.random.default_rng(config["seed"])
        size, channels = int(config["kernel"]), int(config["channels"])
        seen = patches(images, size)
        weights = [drawn(rng, size * size, channels, scale=1.4), np.zeros(channels)]
        weights += [drawn(rng, 2 * channels, 5), np.zeros(5)]
        optimiser = Optimiser(config, weights)

        def forward(inputs: Floats) -> tuple[Floats, Floats, Floats]:
            hidden = np.maximum(inputs @ weights[0] + weights[1], 0)
            pooled = np.concatenate([hidden.mean(axis=1), hidden.max(axis=1)], axis=1)
            return hidden, pooled, pooled @ weights[2] + weights[3]

        def step() -> float:
            batch = rng.integers(400, size=int(config["batch_size"]))
            inputs = seen[batch]
            hidden, pooled, outputs = forward(inputs)
            loss, back = cross_entropy(outputs, kinds[batch], float(config["label_smoothing"]))
            inner = back @ weights[2].T
            top = hidden == hidden.max(axis=1, keepdims=True)
            slope = inner[:, None, :channels] / hidden.shape[1] + top * inner[:, None, channels:]
            slope = slope * (hidden > 0)
            first = inputs.reshape(-1, size * size).T @ slope.reshape(-1, channels)
            optimiser.move(weights, [first, slope.sum(axis=(0, 1)), pooled.T @ back, back.sum(axis=0)])
            return loss

        return trained(steps, step, lambda: cross_entropy(forward(seen[400:])[2], kinds[400:])[0])


class Waves:
    """Sequences: a recurrent network predicts the next value of mixed waves; the rate is right."""

    name = "rnn_waves"
    about = "a recurrent network on mixed waves, a rate that is about right, a gentle clip and few units"
    steps, seeds = STEPS, SEEDS
    config: ClassVar[dict[str, Any]] = {
        "lr": 0.01,
        "weight_decay": 1e-4,
        "hidden": 6,
        "batch_size": 8,
        "clip": 0.3,
        "window": 6,
        "optimizer": "adam",
        "seed": 0,
    }
    space: ClassVar[dict[str, Any]] = {
        "lr": [1e-4, 0.5],
        "weight_decay": [1e-6, 0.1],
        "hidden": [3, 24],
        "batch_size": [4, 24],
        "clip": [0.05, 10.0],
        "window": [3, 12],
        "optimizer": {"choices": ["momentum", "adam"]},
    }

    @cached_property
    def data(self) -> Floats:
        rng = np.random.default_rng(12)
        time = np.arange(900)
        wave = np.sin(time * 0.37) + 0.6 * np.sin(time * 0.11 + 1) * np.sin(time * 0.023)
        return np.asarray(wave + 0.1 * rng.normal(size=900))

    def train(self, config: dict[str, Any], steps: int) -> Curves:
        rng, hidden = np.random.default_rng(config["seed"]), int(config["hidden"])
        window = int(config["window"])
        weights = [drawn(rng, 1, hidden, scale=0.5), drawn(rng, hidden, hidden, scale=0.9), np.zeros(hidden)]
        weights += [drawn(rng, hidden, 1), np.zeros(1)]
        optimiser = Optimiser(config, weights)
        held = np.lib.stride_tricks.sliding_window_view(self.data[650:], 13)[::3]

        def run(rows: Floats) -> tuple[list[Floats], Floats]:
            states = [np.zeros((len(rows), hidden))]
            for place in range(rows.shape[1] - 1):
                states.append(
                    np.tanh(rows[:, place : place + 1] @ weights[0] + states[-1] @ weights[1] + weights[2])
                )
            return states, (states[-1] @ weights[3] + weights[4])[:, 0] - rows[:, -1]

        def step() -> float:
            starts = rng.integers(650 - window - 1, size=int(config["batch_size"]))
            rows = self.data[starts[:, None] + np.arange(window + 1)]
            states, error = run(rows)
            slopes = [np.zeros_like(weight) for weight in weights]
            back = 2 * error[:, None] / len(rows)
            slopes[3], slopes[4] = states[-1].T @ back, back.sum(axis=0)
            inner = back @ weights[3].T
            for place in range(rows.shape[1] - 2, -1, -1):
                inner = inner * (1 - states[place + 1] ** 2)
                slopes[0] += rows[:, place : place + 1].T @ inner
                slopes[1] += states[place].T @ inner
                slopes[2] += inner.sum(axis=0)
                inner = inner @ weights[1].T
            optimiser.move(weights, slopes)
            return float((error**2).mean())

        return trained(steps, step, lambda: float((run(held)[1] ** 2).mean()))


class Trees:
    """Trees: gradient boosting of shallow trees on noisy numbers; the rate (shrinkage) is too low."""

    name = "boosted_trees"
    about = "gradient boosting of shallow trees, a shrinkage ten times too small and no subsampling"
    steps, seeds = 40, SEEDS
    config: ClassVar[dict[str, Any]] = {
        "learning_rate": 0.01,
        "depth": 2,
        "min_leaf": 20,
        "subsample": 0.95,
        "l2": 1.0,
        "loss": "squared",
        "seed": 0,
    }
    space: ClassVar[dict[str, Any]] = {
        "learning_rate": [0.003, 1.0],
        "depth": [1, 4],
        "min_leaf": [2, 40],
        "subsample": [0.2, 1.0],
        "l2": [0.01, 30.0],
        "loss": {"choices": ["squared", "absolute", "huber"]},
    }

    @cached_property
    def data(self) -> tuple[Floats, Floats]:
        rng = np.random.default_rng(13)
        inputs = rng.random((650, 7))
        x = inputs.T
        target = 10 * np.sin(math.pi * x[0] * x[1]) + 20 * (x[2] - 0.5) ** 2 + 10 * x[3] + 5 * x[4]
        target = (target - target.mean()) / target.std()
        target[:350] += 0.3 * rng.standard_t(2, size=350)
        return np.floor(inputs * 16).astype(np.int64), target

    def train(self, config: dict[str, Any], steps: int) -> Curves:
        bins, target = self.data
        rng = np.random.default_rng(config["seed"])
        guess = np.full(len(target), float(np.mean(target[:350])))
        curves: Curves = {"train/loss": [], "eval/loss": []}
        for number in range(1, steps + 1):
            chosen = np.flatnonzero(rng.random(350) < float(config["subsample"]))
            residual = target[:350] - guess[:350]
            kind = config["loss"]
            slope = np.sign(residual) if kind == "absolute" else residual
            slope = np.clip(residual, -1, 1) if kind == "huber" else slope
            guess = guess + float(config["learning_rate"]) * self._tree(bins, slope, chosen, config)
            if number % 2 == 0:
                curves["train/loss"].append((number, float((residual**2).mean())))
                curves["eval/loss"].append((number, float(((target[350:] - guess[350:]) ** 2).mean())))
        return curves

    def _tree(self, bins: Floats, slope: Floats, chosen: Floats, config: dict[str, Any]) -> Floats:
        """What one tree says of all cases; each level splits every leaf once."""
        leaf = np.zeros(len(bins), dtype=np.int64)
        least, l2 = int(config["min_leaf"]), float(config["l2"])
        for level in range(int(config["depth"])):
            leaves = 2**level
            best = np.full(leaves, 1e-9)
            split = np.zeros((leaves, 2), dtype=np.int64)
            for knob in range(bins.shape[1]):
                place = leaf[chosen] * 16 + bins[chosen, knob]
                sums = np.bincount(place, slope[chosen], leaves * 16).reshape(leaves, 16).cumsum(axis=1)
                counts = np.bincount(place, minlength=leaves * 16).reshape(leaves, 16).cumsum(axis=1)
                total, size = sums[:, -1:], counts[:, -1:]
                gain = (
                    sums**2 / (counts + l2)
                    + (total - sums) ** 2 / (size - counts + l2)
                    - total**2 / (size + l2)
                )
                gain = np.where((counts >= least) & (size - counts >= least), gain, -1.0)
                at = gain.argmax(axis=1)
                found = gain[np.arange(leaves), at]
                better = found > best
                best[better], split[better] = (
                    found[better],
                    np.stack([np.full(leaves, knob), at], axis=1)[better],
                )
            right = bins[np.arange(len(bins)), split[leaf, 0]] > split[leaf, 1]
            leaf = leaf * 2 + np.where(best[leaf] > 1e-9, right, 0)
        size = 2 ** int(config["depth"])
        sums, counts = (np.bincount(leaf[chosen], one, size) for one in (slope[chosen], np.ones(len(chosen))))
        return np.asarray((sums / (counts + l2))[leaf])


class Swing:
    """Control: a policy is improved by its gradient until it holds a pole up; the rate is too high."""

    name = "policy_swing"
    about = "a policy gradient that keeps a pole upright, its learning rate far too high"
    steps, seeds = STEPS, SEEDS
    config: ClassVar[dict[str, Any]] = {
        "lr": 1.0,
        "gamma": 0.9,
        "noise": 0.3,
        "hidden": 4,
        "num_envs": 8,
        "optimizer": "adam",
        "seed": 0,
    }
    space: ClassVar[dict[str, Any]] = {
        "lr": [0.001, 3.0],
        "gamma": {"low": 0.5, "high": 0.99, "log": False},
        "noise": [0.05, 2.0],
        "hidden": [2, 16],
        "num_envs": [4, 24],
        "optimizer": {"choices": ["sgd", "momentum", "adam"]},
    }
    horizon = 16

    def train(self, config: dict[str, Any], steps: int) -> Curves:
        rng, hidden = np.random.default_rng(config["seed"]), int(config["hidden"])
        weights = [drawn(rng, 2, hidden), np.zeros(hidden), drawn(rng, hidden, 1)]
        optimiser, noise, gamma = Optimiser(config, weights), float(config["noise"]), float(config["gamma"])
        held = np.random.default_rng(3).uniform(-0.6, 0.6, size=(48, 2))

        def act(states: Floats) -> tuple[Floats, Floats]:
            inner = np.tanh(states @ weights[0] + weights[1])
            return inner, (inner @ weights[2])[:, 0]

        def moved(states: Floats, force: Floats) -> tuple[Floats, Floats]:
            speed = states[:, 1] + 0.15 * (2.5 * np.sin(states[:, 0]) + np.clip(force, -3, 3))
            angle = np.clip(states[:, 0] + 0.15 * speed, -2, 2)
            return np.stack([angle, np.clip(speed, -4, 4)], axis=1), angle**2 + 0.02 * np.clip(
                force, -3, 3
            ) ** 2

        def step() -> float:
            states = rng.uniform(-0.6, 0.6, size=(int(config["num_envs"]), 2))
            seen, kicks, costs = [], [], []
            for _ in range(self.horizon):
                kick = rng.normal(size=len(states))
                seen.append(states)
                kicks.append(kick)
                states, cost = moved(states, act(states)[1] + noise * kick)
                costs.append(cost)
            later = np.zeros_like(costs[0])
            returns = []
            for cost in reversed(costs):
                later = cost + gamma * later
                returns.append(later)
            ahead = np.array(returns[::-1])
            ahead = (ahead - ahead.mean(axis=1, keepdims=True)) / (ahead.std() + 1e-6)
            flat = np.concatenate(seen)
            inner, _ = act(flat)
            back = (ahead.ravel() * np.concatenate(kicks) / noise)[:, None] / ahead.size
            below = (back @ weights[2].T) * (1 - inner**2)
            optimiser.move(weights, [flat.T @ below, below.sum(axis=0), inner.T @ back])
            return float(np.mean(costs))

        def evaluate() -> float:
            states, total = held, 0.0
            for _ in range(20):
                states, cost = moved(states, act(states)[1])
                total += float(cost.mean()) / 20
            return total if all(np.isfinite(weight).all() for weight in weights) else math.nan

        return trained(steps, step, evaluate)
