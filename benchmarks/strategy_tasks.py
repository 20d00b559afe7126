"""The trainings on which strategies are compared: small, real, with curves. One call trains once.

All but `act_ot` are trained anew for every config and seed (5 to 150 ms each). No rule was tuned on any task
but `act_ot`. Each task has a baseline with something wrong, the knobs a user would think of, and one box for
all competitors: the bounds.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from autoloop.history.series import History, Series

Floats = np.ndarray


class Task(ABC):
    """A training with a baseline.

    Attributes:
        name: Its name.
        about: What is wrong with the baseline.
        objective: The metric that counts, lower is better; its last value is the result.
        config: The baseline's config; `seed` is the training's.
        bounds: The box that every competitor searches.
        rules: The set of rules that a user would choose.
        steps: Steps of a full training.
    """

    name: str
    about: str
    objective = "eval/loss"
    config: Mapping[str, Any]
    bounds: Mapping[str, tuple[float | None, float | None]]
    rules = "general"
    steps: int

    @abstractmethod
    def train(self, config: Mapping[str, Any]) -> History:
        """Train once with a config and return the curves."""

    def result(self, config: Mapping[str, Any]) -> float:
        """Train once and return the objective; NaN if the training diverged."""
        series = self.train(config).get(self.objective)
        return float(series.values[-1]) if series is not None and len(series) else math.nan


class Data:
    """A data set split into training and evaluation, with inputs of mean 0 and deviation 1."""

    def __init__(self, inputs: Floats, targets: Floats, train: int, seed: int = 0) -> None:
        order = np.random.default_rng(seed).permutation(len(inputs))
        inputs, targets = inputs[order], targets[order]
        middle, spread = inputs[:train].mean(axis=0), inputs[:train].std(axis=0)
        scaled = (inputs - middle) / np.maximum(spread, 0.3 * np.median(spread))
        self.inputs, self.targets = scaled[:train], targets[:train]
        self.eval_inputs, self.eval_targets = scaled[train:], targets[train:]


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
        steps: int = 240,
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
        self.config = {key: value for key, value in {**usual, **baseline}.items() if value is not None}
        self.bounds = bounds

    @cached_property
    def data(self) -> Data:
        return self._data()

    def train(self, config: Mapping[str, Any]) -> History:
        with np.errstate(all="ignore"):
            return self._train(config)

    def _train(self, config: Mapping[str, Any]) -> History:
        data, rng = self.data, np.random.default_rng(config["seed"])
        net = Net.drawn(data.inputs.shape[1], int(config["hidden"]), self.classes, rng)
        step_of = Adam(config) if config["optimizer"] == "adam" else Momentum(config)
        every = max(1, self.steps // 20)
        window: list[tuple[float, float]] = []
        logged: dict[str, list[float]] = {"train/loss": [], "train/grad_norm": [], "eval/loss": []}
        for step in range(1, self.steps + 1):
            batch = rng.integers(len(data.inputs), size=int(config["batch_size"]))
            drop = float(config.get("dropout", 0.0))
            keep = (rng.random((len(batch), net.weights[0].shape[1])) > drop) / (1 - drop) if drop else None
            loss, slopes = net.gradient(
                data.inputs[batch], data.targets[batch], keep, float(config.get("label_smoothing", 0.0))
            )
            window.append((loss, math.sqrt(sum(float((slope**2).sum()) for slope in slopes))))
            warm = min(1.0, step / max(1, int(config.get("warmup", 0))))
            step_of.move(net.weights, slopes, float(config["lr"]) * warm, float(config["weight_decay"]))
            if step % every == 0:
                losses, norms = zip(*window, strict=True)
                logged["train/loss"].append(float(np.mean(losses)))
                logged["train/grad_norm"].append(float(np.mean(norms)))
                logged["eval/loss"].append(net.loss(data.eval_inputs, data.eval_targets))
                window = []
                if not math.isfinite(logged["eval/loss"][-1]):
                    break
        steps = np.arange(1, len(logged["eval/loss"]) + 1) * every
        return History({name: Series(steps, np.array(values)) for name, values in logged.items()})


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
    steps = 200
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
    context, width = 16, 20

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

    def train(self, config: Mapping[str, Any]) -> History:
        with np.errstate(all="ignore"):
            return self._train(config)

    def _train(self, config: Mapping[str, Any]) -> History:
        letters, held_out, kinds = self.text
        rng = np.random.default_rng(int(config["seed"]))
        model = Transformer(kinds, self.context, self.width, rng)
        adam, drop = Adam(config), float(config["dropout"])
        window, offsets = [], np.arange(self.context + 1)
        checks = held_out[np.arange(0, len(held_out) - self.context, 97)[:, None] + offsets]
        logged: dict[str, list[float]] = {"train/loss": [], "train/grad_norm": [], "eval/loss": []}
        every = self.steps // 20
        for step in range(1, self.steps + 1):
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


class ActOt(Task):
    """The built-in task, replayed from a table of measured curves (`act_ot_table`) with interpolation."""

    name = "act_ot"
    about = "the built-in task: the transport plan has no mass, and the learning rate is too low"
    objective = "eval/offline_eval/avg_l1"
    rules = "act_ot"
    config: Mapping[str, Any] = {
        "policy": {"optimizer_lr": 3e-4},
        "ot": {
            "lambda_ot": 0.1,
            "loss_config": {
                "reg": 0.02,
                "tau_src": 0.015,
                "tau_tgt": 0.015,
                "heuristic": True,
                "features": [
                    {"term_name": "img_third_person", "weight_embed": 0.05},
                    {"term_name": "img_ee", "weight_embed": 0.05},
                ],
            },
        },
        "seed": 0,
    }
    bounds: Mapping[str, tuple[float, float]] = {
        "policy.optimizer_lr": (1e-4, 1e-2),
        "ot.lambda_ot": (0.02, 1.0),
        "ot.loss_config.reg": (0.01, 4.0),
        "ot.loss_config.tau_src": (0.01, 4.0),
        "ot.loss_config.tau_tgt": (0.01, 4.0),
    }

    def __init__(self) -> None:
        import act_ot_table as table

        self.table, self.steps = table, table.STEPS
        with np.load(table.FILE) as stored:
            self._curves = stored["curves"]

    def train(self, config: Mapping[str, Any]) -> History:
        loss = config["ot"]["loss_config"]
        total = loss["reg"] + loss["tau_src"] + loss["tau_tgt"]
        curves = self._curves[:, :, :, int(config["seed"]) % len(self.table.SEEDS)].astype(np.float64)
        for knots, value in (
            (self.table.SUMS, total),
            (self.table.LAMBDAS, config["ot"]["lambda_ot"]),
            (self.table.RATES, config["policy"]["optimizer_lr"]),
        ):
            curves = _between(curves, np.log(knots), math.log(value))
        series: dict[str, Series] = {}
        for number, metric in enumerate(self.table.METRICS):
            every = self.table.EVAL_FREQ if metric.startswith("eval/") else self.table.LOG_FREQ
            count = self.steps // every
            steps = np.arange(1, count + 1) * every
            series[metric] = Series(steps, curves[number, :count])
        mass = series["train/ot_log_pi_sum"]
        series["train/ot_pi_sum"] = Series(mass.steps, np.exp(mass.values))
        return History(series)


def _between(curves: Floats, knots: Floats, value: float) -> Floats:
    """Interpolate the first axis linearly at ``value``, and keep to the ends."""
    place = float(np.clip(np.interp(value, knots, np.arange(len(knots))), 0, len(knots) - 1))
    below = min(int(place), len(knots) - 2)
    share = place - below
    return np.asarray((1 - share) * curves[below] + share * curves[below + 1])


RATE, DECAY, BATCH = (1e-4, 1.0), (1e-6, 0.3), (8, 128)


@lru_cache(maxsize=1)
def tasks() -> dict[str, Task]:
    """Return all tasks by name."""
    made: list[Task] = [
        Perceptron(
            "rate_too_low",
            "digits, a learning rate a hundred times too low",
            lambda: digits(600),
            10,
            {"lr": 0.0005},
            {"lr": RATE, "weight_decay": DECAY, "batch_size": BATCH, "hidden": (8, 96)},
        ),
        Perceptron(
            "rate_too_high",
            "digits with Adam, a learning rate far too high and no warm-up",
            lambda: digits(600),
            10,
            {"optimizer": "adam", "momentum": None, "lr": 0.3, "warmup": 1},
            {"lr": (1e-4, 1.0), "weight_decay": DECAY, "warmup": (1, 120), "batch_size": BATCH},
        ),
        Perceptron(
            "overfitting",
            "breast cancer, 60 cases and a large network without regularisation",
            cancer,
            2,
            {"lr": 0.1, "hidden": 64, "batch_size": 16},
            {
                "lr": RATE,
                "weight_decay": DECAY,
                "dropout": (0.01, 0.8),
                "hidden": (8, 96),
                "batch_size": (4, 60),
            },
            steps=400,
        ),
        Perceptron(
            "label_noise",
            "digits, every third label of 300 wrong",
            lambda: digits(300, noise=0.35),
            10,
            {"lr": 0.1, "hidden": 64},
            {
                "lr": RATE,
                "weight_decay": DECAY,
                "label_smoothing": (0.01, 0.8),
                "dropout": (0.01, 0.8),
                "batch_size": BATCH,
            },
            steps=300,
        ),
        Perceptron(
            "flat_regression",
            "diabetes, a baseline that is nearly right and a flat valley",
            diabetes,
            0,
            {"lr": 0.003, "hidden": 32},
            {"lr": (1e-5, 0.1), "weight_decay": (1e-6, 1.0), "batch_size": BATCH, "hidden": (8, 96)},
        ),
        Letters(),
        ActOt(),
    ]
    for task in made:
        if isinstance(task, Perceptron):
            task.config = deepcopy(dict(task.config))
            start = {path: max(task.config[path], low) for path, (low, _) in task.bounds.items()}
            task.config = {**task.config, **start}
    return {task.name: task for task in made}
