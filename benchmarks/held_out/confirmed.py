"""Trainings that what was chosen is confirmed on: unsupervised, sequences, recommendations, control.

Nothing was chosen by these. Each class has what `python benchmarks/strategies.py run --tasks FILE` asks for
(docs/benchmarks.md).
"""

from __future__ import annotations

import math
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from held_out.parts import SEEDS, STEPS, Curves, Floats, Optimiser, cross_entropy, drawn, trained


class Denoiser:
    """Unsupervised: an autoencoder takes noise out of curved data; the rate is right."""

    name = "denoiser"
    about = "a denoising autoencoder, a rate that is about right and too narrow a code"
    steps, seeds = STEPS, SEEDS
    config: ClassVar[dict[str, Any]] = {
        "lr": 0.01,
        "weight_decay": 1e-3,
        "hidden": 12,
        "code": 2,
        "batch_size": 16,
        "noise": 0.6,
        "activation": "tanh",
        "seed": 0,
        "optimizer": "adam",
    }
    space: ClassVar[dict[str, Any]] = {
        "lr": [1e-4, 0.5],
        "weight_decay": [1e-6, 0.1],
        "hidden": [4, 40],
        "code": [1, 8],
        "batch_size": [8, 48],
        "noise": [0.05, 1.5],
        "activation": {"choices": ["tanh", "relu"]},
    }

    @cached_property
    def data(self) -> Floats:
        rng = np.random.default_rng(21)
        hidden = rng.uniform(-1.5, 1.5, size=(700, 4))
        lift = rng.normal(size=(4, 14))
        clean = np.sin(hidden @ lift) + 0.3 * hidden @ rng.normal(size=(4, 14))
        return np.asarray(clean + 0.1 * rng.normal(size=clean.shape))

    def train(self, config: dict[str, Any], steps: int) -> Curves:
        rng, data = np.random.default_rng(config["seed"]), self.data
        sizes = [14, int(config["hidden"]), int(config["code"]), int(config["hidden"]), 14]
        weights = [drawn(rng, a, b) for a, b in pairwise(sizes)]
        weights += [np.zeros(b) for b in sizes[1:]]
        optimiser, relu = Optimiser(config, weights), config["activation"] == "relu"
        noisy = data[450:] + 0.3 * np.random.default_rng(4).normal(size=data[450:].shape)

        def forward(inputs: Floats) -> list[Floats]:
            layers = [inputs]
            for place in range(4):
                inner = layers[-1] @ weights[place] + weights[4 + place]
                bent = np.maximum(inner, 0) if relu else np.tanh(inner)
                layers.append(bent if place in (0, 2) else inner)
            return layers

        def step() -> float:
            clean = data[rng.integers(450, size=int(config["batch_size"]))]
            layers = forward(clean + float(config["noise"]) * rng.normal(size=clean.shape))
            error = layers[-1] - clean
            back, slopes = 2 * error / error.size, [np.empty(0)] * 8
            for place in (3, 2, 1, 0):
                slopes[place], slopes[4 + place] = layers[place].T @ back, back.sum(axis=0)
                back = back @ weights[place].T
                if place in (1, 3):
                    back = back * ((layers[place] > 0) if relu else 1 - layers[place] ** 2)
            optimiser.move(weights, slopes)
            return float((error**2).mean())

        return trained(steps, step, lambda: float(((forward(noisy)[-1] - data[450:]) ** 2).mean()))


class Symbols:
    """Sequences: a network with embeddings predicts the next symbol of a grammar; the rate is too high."""

    name = "symbols"
    about = "a network with embeddings on strings of a grammar, its learning rate far too high"
    steps, seeds = STEPS, SEEDS
    kinds = 9
    config: ClassVar[dict[str, Any]] = {
        "lr": 0.3,
        "weight_decay": 1e-4,
        "embed_dim": 3,
        "hidden": 10,
        "context": 2,
        "batch_size": 16,
        "optimizer": "adam",
        "seed": 0,
    }
    space: ClassVar[dict[str, Any]] = {
        "lr": [1e-4, 1.0],
        "weight_decay": [1e-6, 0.1],
        "embed_dim": [2, 10],
        "hidden": [4, 40],
        "context": [1, 6],
        "batch_size": [8, 48],
        "optimizer": {"choices": ["momentum", "adam"]},
    }

    @cached_property
    def data(self) -> Floats:
        rng = np.random.default_rng(22)
        after = rng.dirichlet(np.full(self.kinds, 0.12), size=(self.kinds, self.kinds))
        text = [0, 1]
        for _ in range(1600):
            text.append(int(rng.choice(self.kinds, p=after[text[-2], text[-1]])))
        return np.array(text)

    def train(self, config: dict[str, Any], steps: int) -> Curves:
        rng, context, width = (
            np.random.default_rng(config["seed"]),
            int(config["context"]),
            int(config["embed_dim"]),
        )
        rows = np.lib.stride_tricks.sliding_window_view(self.data, context + 1)
        learnt, held = rows[:1000], rows[1000:]
        hidden = int(config["hidden"])
        weights = [drawn(rng, self.kinds, width, scale=2.0), drawn(rng, context * width, hidden, scale=1.4)]
        weights += [np.zeros(hidden), drawn(rng, hidden, self.kinds), np.zeros(self.kinds)]
        optimiser = Optimiser(config, weights)

        def forward(source: Floats) -> tuple[Floats, Floats, Floats]:
            inputs = weights[0][source].reshape(len(source), -1)
            inner = np.maximum(inputs @ weights[1] + weights[2], 0)
            return inputs, inner, inner @ weights[3] + weights[4]

        def step() -> float:
            batch = learnt[rng.integers(len(learnt), size=int(config["batch_size"]))]
            inputs, inner, outputs = forward(batch[:, :-1])
            loss, back = cross_entropy(outputs, batch[:, -1])
            below = (back @ weights[3].T) * (inner > 0)
            embed = np.zeros_like(weights[0])
            np.add.at(embed, batch[:, :-1], (below @ weights[1].T).reshape(len(batch), context, width))
            slopes = [embed, inputs.T @ below, below.sum(axis=0), inner.T @ back, back.sum(axis=0)]
            optimiser.move(weights, slopes)
            return loss

        return trained(steps, step, lambda: cross_entropy(forward(held[:, :-1])[2], held[:, -1])[0])


class Ratings:
    """Recommendations: factors of a table with few entries; the rate is too low."""

    name = "ratings"
    about = "matrix factorisation of few ratings, its learning rate thirty times too low, little decay"
    steps, seeds = STEPS, SEEDS
    config: ClassVar[dict[str, Any]] = {
        "lr": 0.03,
        "weight_decay": 1e-4,
        "rank": 8,
        "batch_size": 64,
        "init_scale": 0.3,
        "optimizer": "sgd",
        "seed": 0,
    }
    space: ClassVar[dict[str, Any]] = {
        "lr": [1e-3, 30.0],
        "weight_decay": [1e-6, 0.3],
        "rank": [1, 16],
        "batch_size": [16, 256],
        "init_scale": [0.01, 1.0],
        "optimizer": {"choices": ["sgd", "momentum"]},
    }

    @cached_property
    def data(self) -> tuple[Floats, Floats]:
        rng = np.random.default_rng(23)
        rows, columns = rng.normal(size=(60, 3)), rng.normal(size=(45, 3))
        places = rng.permutation(60 * 45)[:1300]
        pairs = np.stack([places // 45, places % 45], axis=1)
        values = (rows @ columns.T)[pairs[:, 0], pairs[:, 1]] + 0.4 * rng.normal(size=1300)
        return pairs, np.asarray(values + 0.5 * rng.normal(size=60)[pairs[:, 0]])

    def train(self, config: dict[str, Any], steps: int) -> Curves:
        pairs, values = self.data
        rng, rank, scale = (
            np.random.default_rng(config["seed"]),
            int(config["rank"]),
            float(config["init_scale"]),
        )
        weights = [scale * rng.normal(size=(60, rank)), scale * rng.normal(size=(45, rank)), np.zeros(60)]
        optimiser = Optimiser(config, weights)

        def error(chosen: Any) -> tuple[Floats, Floats, Floats, Floats]:
            pair = pairs[chosen]
            row, column = weights[0][pair[:, 0]], weights[1][pair[:, 1]]
            return pair, row, column, (row * column).sum(axis=1) + weights[2][pair[:, 0]] - values[chosen]

        def step() -> float:
            pair, row, column, gap = error(rng.integers(900, size=int(config["batch_size"])))
            slopes = [np.zeros_like(weight) for weight in weights]
            back = (2 * gap / len(gap))[:, None]
            np.add.at(slopes[0], pair[:, 0], back * column)
            np.add.at(slopes[1], pair[:, 1], back * row)
            np.add.at(slopes[2], pair[:, 0], back[:, 0])
            optimiser.move(weights, slopes)
            return float((gap**2).mean())

        return trained(steps, step, lambda: float((error(slice(900, None))[3] ** 2).mean()))


class Walk:
    """Control: Q-learning in a windy grid, judged by what its values lack; the rate is right."""

    name = "windy_grid"
    about = "Q-learning in a windy grid, a rate that is about right, too much exploring"
    steps, seeds = STEPS, SEEDS
    config: ClassVar[dict[str, Any]] = {
        "lr": 0.3,
        "epsilon": 0.6,
        "num_envs": 6,
        "n_steps": 1,
        "start_value": 0.0,
        "backup": "max",
        "seed": 0,
    }
    space: ClassVar[dict[str, Any]] = {
        "lr": [0.01, 1.0],
        "epsilon": [0.02, 1.0],
        "num_envs": [2, 16],
        "n_steps": [1, 6],
        "start_value": {"low": 0.0, "high": 2.0, "log": False},
        "backup": {"choices": ["max", "mean", "expected"]},
    }
    side = 6

    def moved(
        self, places: Floats, actions: Floats, rng: np.random.Generator
    ) -> tuple[Floats, Floats, Floats]:
        side = self.side
        row, column = places // side, places % side
        wind = (rng.random(len(places)) < 0.3) & (column > 1) & (column < 5)
        row = np.clip(row + np.array([-1, 1, 0, 0])[actions] - wind, 0, side - 1)
        column = np.clip(column + np.array([0, 0, -1, 1])[actions], 0, side - 1)
        done = (row == side - 1) & (column == side - 1)
        return row * side + column, np.where(done, 1.0, -0.02), done

    def train(self, config: dict[str, Any], steps: int) -> Curves:
        rng, count = np.random.default_rng(config["seed"]), int(config["num_envs"])
        values = np.full((self.side**2, 4), float(config["start_value"]))
        places, epsilon, gamma = rng.integers(self.side**2 - 1, size=count), float(config["epsilon"]), 0.95
        length = max(1, int(config["n_steps"]))

        def ahead(at: Floats) -> Floats:
            found = values[at]
            if config["backup"] == "mean":
                return np.asarray(found.mean(axis=1))
            mixed = epsilon * found.mean(axis=1) + (1 - epsilon) * found.max(axis=1)
            return np.asarray(mixed if config["backup"] == "expected" else found.max(axis=1))

        def step() -> float:
            nonlocal places
            total = 0.0
            for _ in range(3):
                begun, first, reward, factor = places, None, np.zeros(count), np.ones(count)
                over = np.zeros(count, dtype=bool)
                for _ in range(length):
                    greedy = (values[places] + 1e-9 * rng.random((count, 4))).argmax(axis=1)
                    actions = np.where(rng.random(count) < epsilon, rng.integers(4, size=count), greedy)
                    first = actions if first is None else first
                    after, gained, done = self.moved(places, actions, rng)
                    reward = reward + np.where(over, 0.0, factor * gained)
                    factor, places = factor * gamma, np.where(over, places, after)
                    over = over | done
                target = reward + np.where(over, 0.0, factor * ahead(places))
                gap = target - values[begun, first]
                np.add.at(values, (begun, first), float(config["lr"]) * gap)
                places = np.where(over, rng.integers(self.side**2 - 1, size=count), places)
                total += float((gap**2).mean())
            return total

        def evaluate() -> float:
            luck = np.random.default_rng(9)
            at = np.arange(self.side**2 - 1)
            gained, over = np.zeros(len(at)), np.zeros(len(at), dtype=bool)
            for _ in range(18):
                at, reward, done = self.moved(at, values[at].argmax(axis=1), luck)
                gained = gained + np.where(over, 0.0, reward)
                over = over | done
            return 1.05 - float(gained.mean()) if np.isfinite(values).all() else math.nan

        return trained(steps, step, evaluate)
