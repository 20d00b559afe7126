"""A small transformer language model (40 ms a training)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from autoloop.history.series import History, Series
from contest.optimisers import Adam
from contest.task import Floats, Task


class Transformer:
    """One layer of causal attention and one of ReLU units on letters, with its gradient, in numpy."""

    def __init__(self, kinds: int, context: int, width: int, rng: np.random.Generator) -> None:
        def drawn(*shape: int) -> Floats:
            return rng.normal(size=shape) / math.sqrt(shape[0])

        self.embed = rng.normal(size=(kinds, width)) * 0.3
        self.place = rng.normal(size=(context, width)) * 0.1
        self.query, self.key, self.value, self.mix = (drawn(width, width) for _ in range(4))
        self.up, self.down, self.out = drawn(width, 2 * width), drawn(2 * width, width), drawn(width, kinds)
        self._mask = np.triu(np.full((context, context), -1e9), 1)

    @property
    def weights(self) -> list[Floats]:
        return [
            self.embed,
            self.place,
            self.query,
            self.key,
            self.value,
            self.mix,
            self.up,
            self.down,
            self.out,
        ]

    def loss(
        self, letters: Floats, keep: Floats | None = None, slopes: bool = False
    ) -> tuple[float, list[Floats]]:
        """Return the mean loss on int (batch, context + 1) letters and, if asked for, the weights' slopes."""
        source, target = letters[:, :-1], letters[:, 1:]
        x = self.embed[source] + self.place
        q, k, v = x @ self.query, x @ self.key, x @ self.value
        scale = 1 / math.sqrt(x.shape[-1])
        attention = _softmax(q @ k.swapaxes(1, 2) * scale + self._mask)
        heard = attention @ v
        y = x + heard @ self.mix
        inner = np.maximum(y @ self.up, 0)
        dropped = inner if keep is None else inner * keep
        u = y + dropped @ self.down
        chances = _softmax(u @ self.out)
        rows, columns = np.indices(target.shape)
        loss = float(-np.log(chances[rows, columns, target] + 1e-300).mean())
        if not slopes:
            return loss, []
        chances[rows, columns, target] -= 1
        back = chances / target.size
        d_u = back @ self.out.T
        d_inner = d_u @ self.down.T * (inner > 0)
        d_inner = d_inner if keep is None else d_inner * keep
        d_y = d_u + d_inner @ self.up.T
        d_heard = d_y @ self.mix.T
        d_attention = d_heard @ v.swapaxes(1, 2)
        d_v = attention.swapaxes(1, 2) @ d_heard
        d_scores = attention * (d_attention - (d_attention * attention).sum(axis=-1, keepdims=True)) * scale
        d_q, d_k = d_scores @ k, d_scores.swapaxes(1, 2) @ q
        d_x = d_y + d_q @ self.query.T + d_k @ self.key.T + d_v @ self.value.T
        d_embed = np.zeros_like(self.embed)
        np.add.at(d_embed, source, d_x)
        found = [_outer(x, d_q), _outer(x, d_k), _outer(x, d_v), _outer(heard, d_y)]
        found += [_outer(y, d_inner), _outer(dropped, d_u), _outer(u, back)]
        return loss, [d_embed, d_x.sum(axis=0), *found]


def _softmax(values: Floats) -> Floats:
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def _outer(inputs: Floats, slopes: Floats) -> Floats:
    return inputs.reshape(-1, inputs.shape[-1]).T @ slopes.reshape(-1, slopes.shape[-1])


class Letters(Task):
    """A transformer that predicts the next letter of the descriptions of scikit-learn's data sets."""

    name = "letters"
    about = "a small transformer language model, its learning rate ten times too low, its clipping too hard"
    steps = 120
    config: Mapping[str, Any] = {
        "lr": 5e-4,
        "weight_decay": 1e-4,
        "dropout": 0.3,
        "batch_size": 8,
        "warmup": 10,
        "clip": 0.25,
        "seed": 0,
    }
    bounds: Mapping[str, tuple[float, float]] = {
        "lr": (3e-5, 0.3),
        "weight_decay": (1e-6, 0.3),
        "dropout": (0.01, 0.6),
        "batch_size": (4, 16),
        "warmup": (1, 80),
        "clip": (0.05, 5.0),
    }
    context, width = 12, 16

    @cached_property
    def text(self) -> tuple[Floats, Floats, int]:
        """Return training and evaluation letters as numbers, and how many kinds there are."""
        from sklearn import datasets

        loaders = (datasets.load_iris, datasets.load_wine, datasets.load_digits, datasets.load_diabetes)
        words = "".join(loader().DESCR for loader in loaders).lower()
        kinds = sorted(set(words))
        numbers = np.array([kinds.index(letter) for letter in words])
        cut = int(0.85 * len(numbers))
        return numbers[:cut], numbers[cut:], len(kinds)

    def train(self, config: Mapping[str, Any], steps: int | None = None) -> History:
        with np.errstate(all="ignore"):
            return self._train(config, steps or self.steps)

    def _train(self, config: Mapping[str, Any], last: int) -> History:
        letters, held_out, kinds = self.text
        rng = np.random.default_rng(int(config["seed"]))
        model = Transformer(kinds, self.context, self.width, rng)
        adam, drop = Adam(config), float(config["dropout"])
        window, offsets = [], np.arange(self.context + 1)
        checks = held_out[np.arange(0, len(held_out) - self.context, 97)[:, None] + offsets]
        logged: dict[str, list[float]] = {"train/loss": [], "train/grad_norm": [], "eval/loss": []}
        every = self.steps // 20
        for step in range(1, last + 1):
            starts = rng.integers(len(letters) - self.context, size=int(config["batch_size"]))
            keep = (rng.random((len(starts), self.context, 2 * self.width)) > drop) / (1 - drop)
            loss, slopes = model.loss(letters[starts[:, None] + offsets], keep, slopes=True)
            norm = math.sqrt(sum(float((slope**2).sum()) for slope in slopes))
            slopes = [slope * min(1.0, float(config["clip"]) / (norm + 1e-9)) for slope in slopes]
            rate = float(config["lr"]) * min(1.0, step / max(1, int(config["warmup"])))
            adam.move(model.weights, slopes, rate, float(config["weight_decay"]))
            window.append((loss, norm))
            if step % every == 0:
                losses, norms = zip(*window, strict=True)
                logged["train/loss"].append(float(np.mean(losses)))
                logged["train/grad_norm"].append(float(np.mean(norms)))
                logged["eval/loss"].append(model.loss(checks)[0])
                window = []
                if not math.isfinite(logged["eval/loss"][-1]):
                    break
        steps = np.arange(1, len(logged["eval/loss"]) + 1) * every
        return History({name: Series(steps, np.array(values)) for name, values in logged.items()})
