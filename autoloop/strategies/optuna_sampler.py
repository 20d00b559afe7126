"""OptunaSampler: Optuna's samplers by ask and tell; needs ``pip install autoloop[optuna]``."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from autoloop.errors import ConfigError
from autoloop.strategies.samplers import Floats, Sampler, Seen, usable

#: Kind -> the Optuna that has it, from which version on.
_SINCE = {"tpe": (3, 2), "optuna_gp": (3, 6)}
KINDS = tuple(_SINCE)


class OptunaSampler(Sampler):
    """A fresh Optuna study gets all points seen, and is asked.

    Points a rule led out of the range count as lying on its edge.

    Args:
        kind: ``tpe`` (multivariate, with constant liar) or ``optuna_gp``.
    """

    def __init__(self, kind: str = "tpe") -> None:
        self.kind = kind

    def ask(self, seen: Seen, count: int) -> Floats:
        """Return what Optuna suggests; with the same seed and points the same."""
        optuna = import_optuna(self.kind)
        space = unit_space(optuna, seen.start.size)
        study = optuna.create_study(sampler=self._sampler(optuna, seen))
        for point, loss in zip(*usable(seen), strict=True):
            params = params_at(point, space)
            study.add_trial(optuna.create_trial(params=params, distributions=space, value=float(loss)))
        return asked(study, space, count)

    def _sampler(self, optuna: Any, seen: Seen) -> Any:
        seed = seed_of(seen)
        if self.kind == "optuna_gp":
            return optuna.samplers.GPSampler(seed=seed, n_startup_trials=4)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=4, multivariate=True, constant_liar=True
            )


def unit_space(optuna: Any, size: int) -> dict[str, Any]:
    """A knob from 0 to 1 for each coordinate of a point, as Optuna has it."""
    return {f"x{number}": optuna.distributions.FloatDistribution(0.0, 1.0) for number in range(size)}


def params_at(point: Floats, space: Mapping[str, Any]) -> dict[str, float]:
    """A point, (d,), as Optuna's parameters; on the edge where a rule led out of the range."""
    return dict(zip(space, np.clip(point, 0.0, 1.0).tolist(), strict=True))


def asked(study: Any, space: Mapping[str, Any], count: int) -> Floats:
    """What an Optuna study suggests: float64 (count, d)."""
    trials = [study.ask(space) for _ in range(count)]
    return np.array([[trial.params[name] for name in space] for trial in trials])


def seed_of(seen: Seen) -> int:
    """A seed for Optuna, another one for each number of points seen."""
    return (seen.seed * 1000003 + seen.told) % 2**31


def import_optuna(kind: str, since: tuple[int, int] | None = None) -> Any:
    """Import Optuna, quietly.

    Args:
        kind: The sampler that needs it.
        since: The oldest version that will do; by default the first that has the sampler.

    Raises:
        ConfigError: It is not installed, or too old for this kind of sampler.
    """
    try:
        import optuna
    except ImportError as error:
        raise ConfigError(
            "strategy.sampler needs Optuna, which is not installed: pip install 'autoloop[optuna]', "
            "or choose sampler=gaussian or sampler=quasi_random"
        ) from error
    found = tuple(int(part) for part in re.findall(r"\d+", optuna.__version__)[:2])
    least = since or _SINCE[kind]
    if found < least:
        wanted = ".".join(map(str, least))
        raise ConfigError(
            f"strategy.sampler={kind} wants Optuna {wanted} or newer, and {optuna.__version__} is installed "
            f"(hydra-optuna-sweeper asks for one below 3): pip install 'optuna>={wanted}' in an environment "
            "without that sweeper, or choose sampler=gaussian or sampler=quasi_random"
        )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
