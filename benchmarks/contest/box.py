"""A task's box as a unit cube around configs: what rivals of other makes search."""

from __future__ import annotations

from typing import Any

import numpy as np

from autoloop.edits import apply
from autoloop.strategies.space import Knob, read_space
from contest.task import Floats, Task

Config = dict[str, Any]


class Box:
    """A task's box.

    Attributes:
        start: The baseline.
        knobs: What may be turned.
    """

    def __init__(self, task: Task, seed: int) -> None:
        self.start: Config = {**task.config, "seed": seed}
        self.knobs: tuple[Knob, ...] = read_space(self.start, task.space, task.bounds, (), 4.0)

    def config(self, point: Any) -> Config:
        """The config at a point of the cube."""
        edits = [knob.edit(float(unit)) for knob, unit in zip(self.knobs, point, strict=True)]
        return apply([edit for edit in edits if edit], self.start)

    def point(self) -> Floats:
        """Where the baseline lies."""
        return np.clip([knob.unit(self.start) for knob in self.knobs], 0.0, 1.0)

    def kinds(self) -> list[int]:
        """Of each knob how many choices it has; 0 for a number."""
        return [len(knob.choices) for knob in self.knobs]
