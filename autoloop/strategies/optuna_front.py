"""OptunaFront: Optuna's samplers for several objectives and constraints, by ask and tell."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from autoloop.strategies.front import numbers_of
from autoloop.strategies.optuna_sampler import asked, import_optuna, params_at, seed_of, unit_space
from autoloop.strategies.samplers import Floats, Sampler, Seen

_CONSTRAINTS = "constraints"  # where Optuna looks for how far a trial breaks each
_SINCE = {"tpe": (3, 2), "optuna_gp": (4, 5)}


class OptunaFront(Sampler):
    """A fresh Optuna study of these objectives gets all points seen, and is asked.

    Points a rule led out of the range count as lying on its edge; an unknown number of a constraint as one
    that breaks it.

    Args:
        kind: ``tpe`` (multivariate, with constant liar) or ``optuna_gp``.
    """

    def __init__(self, kind: str = "tpe") -> None:
        self.kind = kind

    def ask(self, seen: Seen, count: int) -> Floats:
        """Return what Optuna suggests; with the same seed and points the same."""
        optuna = import_optuna(self.kind, _SINCE[self.kind])
        space = unit_space(optuna, seen.start.size)
        losses, excess = numbers_of(seen)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of parts that it calls experimental, or old
            sampler = self._sampler(optuna, seen, excess.shape[1] > 0)
            study = optuna.create_study(sampler=sampler, directions=["minimize"] * losses.shape[1])
            for place in np.flatnonzero(np.isfinite(losses).all(axis=1)):
                params = params_at(seen.points[place], space)
                broken = np.nan_to_num(excess[place], nan=1.0).tolist()
                options = {"system_attrs": {_CONSTRAINTS: broken}} if broken else {}
                values = losses[place].tolist()
                study.add_trial(
                    optuna.create_trial(params=params, distributions=space, values=values, **options)
                )
            return asked(study, space, count)

    def _sampler(self, optuna: Any, seen: Seen, constrained: bool) -> Any:
        seed = seed_of(seen)
        options = {"constraints_func": _constraints_of} if constrained else {}
        if self.kind == "optuna_gp":
            return optuna.samplers.GPSampler(seed=seed, n_startup_trials=4, **options)
        return optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=4, multivariate=True, constant_liar=True, **options
        )


def _constraints_of(trial: Any) -> Sequence[float]:
    """How far a trial breaks each constraint."""
    return tuple(trial.system_attrs.get(_CONSTRAINTS, ()))
