"""What a series says: levels, slopes, spikes; summaries of a run; names, goals and the objective."""

from __future__ import annotations

from autoloop.curves.series import (
    Level,
    RelativeChange,
    area,
    finite,
    finite_share,
    head,
    level,
    median,
    relative_change,
    slope,
    spikes,
    tail,
    time_per_step,
)

Change = RelativeChange  # as it was called when rules were first written against it

__all__ = [
    "Change",
    "Level",
    "RelativeChange",
    "area",
    "finite",
    "finite_share",
    "head",
    "level",
    "median",
    "relative_change",
    "slope",
    "spikes",
    "tail",
    "time_per_step",
]
