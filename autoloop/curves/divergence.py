"""Which metrics tell that a run diverged, and a loss that hides it.

Some trainers log a loss that became NaN as 0.0: the Trainer of transformers does unless it is told not to
(``logging_nan_inf_filter``). The gradient norm beside it still shows what happened.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from autoloop.history.series import History, Series

Steps = NDArray[np.int64]

_LOSS = re.compile(r"loss|\bnll\b|perplexity", re.IGNORECASE)
_GRAD_NORM = re.compile(r"grad.{0,80}norm|norm.{0,80}grad", re.IGNORECASE)
_NO_NORM = re.compile(r"max_?grad|clip|thresh|limit|loss[^/]{0,80}$", re.IGNORECASE)
_HELD_OUT = re.compile(r"\b(eval|evaluation|val|valid|validation|test|dev)\b", re.IGNORECASE)


def is_loss(name: str) -> bool:
    """Whether a metric is a loss by its name: ``train/loss``, ``losses/actor``, ``val_loss_epoch``."""
    return bool(_LOSS.search(_words(name))) and not is_grad_norm(name)


def is_grad_norm(name: str) -> bool:
    """Whether a metric is a gradient's norm by its name: ``optim/grad_norm``, ``grad_2.0_norm_total``.

    The limit to which it is clipped is none (``max_grad_norm``, often infinite), nor is a loss of it.
    """
    return bool(_GRAD_NORM.search(name)) and not _NO_NORM.search(name)


def with_hidden_nans(history: History) -> History:
    """The same history with NaN for each loss of exactly 0 at a step whose gradient norm is not finite.

    Not where another training loss of that step is a number other than 0: mixed precision skips steps whose
    norm is infinite, and a term that has no weight yet is 0 there as everywhere.
    """
    steps = _broken_steps(history)
    if not steps.size:
        return history
    return history.replace(
        {name: _unhidden(series, steps) if is_loss(name) else series for name, series in history.items()}
    )


def _broken_steps(history: History) -> Steps:
    """The steps with a gradient norm that is not finite and no training loss that is a number but 0."""
    bad = [one.steps[~np.isfinite(one.values)] for name, one in history.items() if is_grad_norm(name)]
    losses = [one for name, one in history.items() if is_loss(name) and not _HELD_OUT.search(_words(name))]
    good = [one.steps[np.isfinite(one.values) & (one.values != 0)] for one in losses]
    return np.setdiff1d(_joined(bad), _joined(good))


def _unhidden(series: Series, steps: Steps) -> Series:
    hidden = (series.values == 0) & np.isin(series.steps, steps)
    if not hidden.any():
        return series
    return Series(series.steps, np.where(hidden, np.nan, series.values), series.axis)


def _joined(steps: list[Steps]) -> Steps:
    return np.concatenate([np.empty(0, dtype=np.int64), *steps])


def _words(name: str) -> str:
    return name.replace("_", " ")
