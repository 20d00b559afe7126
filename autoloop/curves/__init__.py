"""What a series says: levels, slopes, spikes; summaries of a run; names, goals and the objective."""

from __future__ import annotations

from autoloop.curves.series import (
    Change,
    Level,
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

__all__ = [
    "Change",
    "Level",
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
