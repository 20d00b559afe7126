"""Tasks from a file of anybody's: `python benchmarks/strategies.py run --tasks FILE.py`.

A task is a class, made without arguments, with

- ``name``: its name;
- ``config``: the baseline, a nested dict of plain values with a ``seed``;
- ``space``: path -> what `strategy.space` takes: ``[low, high]``, ``{choices: [..]}`` ..;
- ``steps``: the steps of a whole training;
- ``seeds``: seeds that no study trains with, on which what is selected is trained again;
- ``train(config, steps) -> curves``: train once, for so many steps, and return metric -> points, each a pair
  of step and value (or a mapping from steps to values; or a pair of arrays, all steps and all values).

and, where wanted, ``objective`` (the metric that counts, ``eval/loss``), ``maximize`` (false), ``about``,
``rules`` (a file of conf/rules, ``general``) and ``best`` (the best value there is, else it is searched for).
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from autoloop.history.series import History, Series
from contest.task import Task

NEEDED = ("name", "config", "space", "steps", "seeds", "train")


class Outside(Task):
    """A task of a file.

    Args:
        made: What the file's class made.
    """

    def __init__(self, made: Any) -> None:
        self._made = made
        self.name, self.config, self.steps = str(made.name), dict(made.config), int(made.steps)
        self.space = dict(made.space)
        self.bounds = {
            path: tuple(entry) for path, entry in self.space.items() if isinstance(entry, list | tuple)
        }
        self.about = str(getattr(made, "about", ""))
        self.objective = str(getattr(made, "objective", "eval/loss"))
        self.maximize = bool(getattr(made, "maximize", False))
        self.rules = str(getattr(made, "rules", "general"))
        self._seeds = tuple(int(seed) for seed in made.seeds)
        curve = self.train({**self.config, "seed": self._seeds[0]}).get(self.objective)
        if curve is None or not len(curve):
            raise SystemExit(f"task {self.name}: its training logs no {self.objective}; say objective = ..")
        self.first_result = int(curve.steps[0])
        self.curves = len(curve) > 1

    def train(self, config: Mapping[str, Any], steps: int | None = None) -> History:
        found = self._made.train(dict(config), int(steps or self.steps))
        if isinstance(found, History):
            return found
        return History({str(metric): _series(points) for metric, points in found.items()})

    def fresh_seeds(self, seed: int) -> tuple[int, ...]:
        """The task's own."""
        return self._seeds

    def known_best(self) -> float | None:
        """What the class says."""
        best = getattr(self._made, "best", None)
        return None if best is None else float(best)


def _series(points: Any) -> Series:
    """A curve of pairs, of a mapping, or of two arrays."""
    if isinstance(points, Series):
        return points
    if isinstance(points, Mapping):
        points = list(points.items())
    table = np.asarray(list(points), dtype=np.float64)
    if table.ndim == 2 and table.shape[0] == 2 and table.shape[1] != 2:
        table = table.T
    table = table.reshape(-1, 2)
    return Series.of(table[:, 1], table[:, 0].astype(np.int64))


def tasks_of(files: Iterable[Path]) -> dict[str, Task]:
    """Return the tasks of some files by name, in their order."""
    found: dict[str, Task] = {}
    for file in files:
        for kind in _classes(file):
            task = Outside(kind())
            found[task.name] = task
    if not found:
        raise SystemExit(f"no class with {', '.join(NEEDED)} in {', '.join(map(str, files))}")
    return found


def _classes(file: Path) -> list[type]:
    spec = importlib.util.spec_from_file_location(f"tasks_of_{file.stem}", file)
    if spec is None or spec.loader is None or not file.exists():
        raise SystemExit(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    kinds = [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == spec.name]
    return [kind for kind in kinds if all(hasattr(kind, name) for name in NEEDED)]
