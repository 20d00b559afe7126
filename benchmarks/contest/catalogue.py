"""All tasks of the contest by name.

No rule was tuned on any of them but `act_ot`. Each baseline has something wrong but `flat_regression`'s and
those of the tables, which are usual defaults.
"""

from __future__ import annotations

from functools import lru_cache

from contest.act_ot import ActOt
from contest.letters import Letters
from contest.perceptron import Perceptron, cancer, diabetes, digits
from contest.tables import tables
from contest.task import Task

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
            steps=200,
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
            steps=160,
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
    made += tables()
    return {task.name: task for task in made}
