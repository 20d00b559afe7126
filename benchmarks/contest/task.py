"""What a task of the contest is: a small training with curves, its baseline and its box."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from autoloop.history.series import History

Floats = np.ndarray
FRESH = (1_000_001, 1_000_002, 1_000_003, 1_000_004)  # seeds no study trains with


class Task(ABC):
    """A training with a baseline.

    Attributes:
        name: Its name.
        about: What is wrong with the baseline.
        objective: The metric that counts; its last value is the result.
        config: The baseline's config; `seed` is the training's.
        bounds: The box that every competitor searches, of numbers; see also `space`.
        space: The same where it has more than numbers, as `strategy.space` takes it.
        maximize: Whether a larger objective is better.
        rules: The set of rules that a user would choose.
        steps: Steps of a full training.
        curves: Whether a training leaves more than its result.
        first_result: The first step at which the objective is known.
    """

    name: str
    about: str
    objective = "eval/loss"
    config: Mapping[str, Any]
    bounds: Mapping[str, tuple[float | None, float | None]]
    space: Mapping[str, Any] = MappingProxyType({})
    maximize = False
    rules = "general"
    steps: int
    curves = True
    first_result = 1

    @abstractmethod
    def train(self, config: Mapping[str, Any], steps: int | None = None) -> History:
        """Train once with a config, at least for so many steps, and return the curves."""

    def result(self, config: Mapping[str, Any]) -> float:
        """Train once and return the objective; NaN if the training diverged."""
        series = self.train(config).get(self.objective)
        return float(series.values[-1]) if series is not None and len(series) else math.nan

    def fresh(self, config: Mapping[str, Any]) -> list[float]:
        """Results of a config on seeds that no study trained it with."""
        return [self.result({**config, "seed": seed}) for seed in self.fresh_seeds(int(config["seed"]))]

    def fresh_seeds(self, seed: int) -> tuple[int, ...]:
        """Seeds for a config that a study with this seed selected."""
        return FRESH

    def known_best(self) -> float | None:
        """The lowest result there is, as a geometric mean over seeds; None where only a search can tell."""
        return None
