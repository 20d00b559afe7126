"""Axis: the counter that a run says its curves are drawn over, and steps counted by it instead of by rows.

W&B counts a row as a step, whatever the trainer does between two rows. A run that logs every tenth training
step says so by ``define_metric("*", step_metric="trainer/global_step")``. Its steps are then the values of
that counter, for every metric of the run alike, so that a step means one moment of the training.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from autoloop.history import counters
from autoloop.history.series import Series

#: Counters that frameworks log in every row and say curves are drawn over: axes, also where the record that
#: says so can still be read.
FRAMEWORKS = ("trainer/global_step", "train/global_step", "global_step")

#: Of another name an axis has to have one different value in so many rows, or curves would lose most points;
_MOST_ROWS_PER_VALUE = 2
#: and so many different values, or it is not known how coarse it is.
_FEWEST_VALUES = 3

_MOST = 2.0**53  # beyond it not every whole number is a float


def choose_axis(named: Iterable[tuple[str, Series | None]], rows: int) -> tuple[str, Series] | None:
    """Return which counter tells a run's steps, None where the rows do.

    Of several one that counts steps by its name, then the one with the most different values, which is the
    finest. A counter is not used whose numbers are not whole (epoch 0.5); nor one of another name that stays
    the same over most rows (an epoch, in a run that logs each batch). It remains a metric like others. The
    name decides where it can, for the values that are there may be what damage has left.

    Args:
        named: The counters that ``define_metric`` named, with their values by row; None of one not logged.
        rows: Rows of the run.
    """
    found = []
    for name, series in sorted(named, key=lambda pair: pair[0]):
        counter = None if series is None else whole_counter(series)
        if counter is not None:
            found.append((counters.is_step(name), _different(counter), name, counter))
    if not found:
        return None
    is_step, count, name, counter = max(found, key=lambda one: one[:2])
    is_fine = count >= _FEWEST_VALUES and count * _MOST_ROWS_PER_VALUE >= rows
    return (name, counter) if is_step or is_fine else None


def whole_counter(series: Series) -> Series | None:
    """Return a counter without what is not finite; None if nothing remains, or not all of it is whole."""
    known = np.isfinite(series.values)
    values = series.values[known]
    if not values.size or (values != np.floor(values)).any() or (np.abs(values) > _MOST).any():
        return None
    return Series(series.steps[known], values)


def _different(series: Series) -> int:
    ordered = np.sort(series.values)
    return 1 + int((ordered[1:] != ordered[:-1]).sum())


def along(axis: Series, series: Series, name: str = "") -> Series:
    """Return a series with the values of an axis as its steps; of several values at one the last counts.

    A row without a value of the axis has the last one before it, as W&B does it with ``step_sync``; a row
    before the first has step 0, or the first where that is negative.

    Args:
        axis: The counter, by row.
        series: Any metric of the same run, by row.
        name: The counter's name.
    """
    if np.array_equal(axis.steps, series.steps):
        return Series(axis.values.astype(np.int64), series.values, name).in_order()
    at = np.searchsorted(axis.steps, series.steps, side="right")
    steps = np.concatenate([[min(0.0, axis.values[0])], axis.values])[at]
    return Series(steps.astype(np.int64), series.values, name).in_order()
