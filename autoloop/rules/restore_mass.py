"""RestoreMass: bring a collapsed transport plan back in one step."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from autoloop.errors import ConfigError
from autoloop.rules import checks
from autoloop.rules.base import Decision, Outlook, Rule
from autoloop.rules.changes import LEVEL_WORDS, level
from autoloop.rules.paths import numbers
from autoloop.rules.readings import find_curve
from autoloop.study.trials import Trial

EXAMPLE = 1e-6  # a mass that the users call none
LOG_SMALLEST = math.log(sys.float_info.min)  # about -708: what a mass of exactly 0 is at most


class RestoreMass(Rule):
    """The transport plan has lost its mass: scale ``reg + tau_src + tau_tgt`` so that it comes back.

    With a diagonal prior (``heuristic: true``) the mass of an unbalanced plan is exactly ``mean_i exp(-M_ii /
    s)`` with ``s = reg + tau_src + tau_tgt``, so ``log(mass)`` is proportional to ``1/s`` and

        ``s_new = s * log(mass_now) / log(mass_wanted)``,

    at most ``max_factor * s``. Without the heuristic this is a good first guess, and too much does no harm
    (measured: tau 1 and tau 20 train equally well). Only the ``spread`` knobs grow, all by one factor: a
    large ``reg`` blurs the plan (measured: reg 1 loses to reg 0.1 at the same tau).

    ``mass_now`` is the median of the last quarter of the points. Its logarithm comes from ``log_mass`` if
    that is logged and finite, because the mass itself underflows and many solvers then return other tiny
    numbers. A mass of exactly 0 counts as the smallest positive float. Stays silent on fewer than
    ``min_points`` finite values, on a mass that was not logged, on knobs that are missing or whose sum is not
    positive, on a run whose loss ended non-finite (its mass reads 1.0), and on a job that failed.

    Args:
        name: Name of the rule.
        mass: Metric of the plan's total mass.
        log_mass: Metric of its natural logarithm.
        knobs: Paths whose sum is ``s``.
        spread: The ones among ``knobs`` that are scaled.
        below: Fires below this mass (the users want at least 0.05).
        wanted: The mass to reach, above ``below`` and under 1 (the users' range is 0.05 to 0.3).
        max_factor: Largest growth of ``s`` in one step.
        min_points: Smallest number of points.
    """

    def __init__(
        self,
        *,
        name: str,
        mass: str = "train/ot_pi_sum",
        log_mass: str = "train/ot_log_pi_sum",
        knobs: Sequence[str] = ("ot.loss_config.reg", "ot.loss_config.tau_src", "ot.loss_config.tau_tgt"),
        spread: Sequence[str] = ("ot.loss_config.tau_src", "ot.loss_config.tau_tgt"),
        below: float = 0.05,
        wanted: float = 0.2,
        max_factor: float = 100.0,
        min_points: int = 4,
    ) -> None:
        self.name = checks.text(name, "name", name)
        self.mass = checks.text(name, "mass", mass)
        self.log_mass = checks.text(name, "log_mass", log_mass)
        self.knobs = checks.texts(name, "knobs", knobs)
        self.spread = checks.texts(name, "spread", spread)
        self.below = checks.number(name, "below", below, 0.0, 1.0, over=True)
        self.wanted = checks.number(name, "wanted", wanted, self.below, 0.999)
        self.max_factor = checks.number(name, "max_factor", max_factor, 1.0, over=True)
        self.min_points = checks.whole(name, "min_points", min_points, 1)
        strangers = [path for path in self.spread if path not in self.knobs]
        if strangers:
            raise ConfigError(f"rule {name!r}: spread names {', '.join(strangers)}, which is not in knobs")

    def foresee(self, config: Mapping[str, Any]) -> Outlook:
        """Say the formula, with the step from an empty plan as an example."""
        knobs = {path: found[0][1] for path in self.knobs if len(found := numbers(config, path)) == 1}
        mass = min(EXAMPLE, self.below / 10)
        complete = len(knobs) == len(self.knobs) and sum(knobs.values()) > 0
        factor = self._factor(math.log(mass))
        s = " + ".join(path.rpartition(".")[2] for path in self.knobs)
        return Outlook(
            f"{self.mass} ({LEVEL_WORDS['tail']}, {self.min_points} points or more) is below {self.below:g}",
            self._edits(knobs, factor) if complete else (),
            f"s = {s} grows to s * log(mass) / log({self.wanted:g}), at most {self.max_factor:g}-fold; "
            f"for a mass of {mass:g}: {factor:.3g}-fold",
        )

    def decide(self, trial: Trial, trials: Mapping[str, Trial]) -> Decision:
        """Compute the taus that restore the mass."""
        curve = find_curve(trial, [self.mass], self.min_points)
        if curve.problem:
            return self.abstain(trial, curve.problem)
        now = level(curve.series, "tail")
        evidence = {
            "metric": self.mass,
            "stat": "tail",
            "mass": now,
            "below": self.below,
            "wanted": self.wanted,
        }
        if now >= self.below:
            return self.abstain(trial, f"{self.mass} is {now:.3g}, not below {self.below:g}", evidence)
        values = {path: numbers(trial.variant.config, path) for path in self.knobs}
        lacking = [path for path, found in values.items() if len(found) != 1]
        if lacking:
            return self.abstain(trial, f"the config has no number at {', '.join(lacking)}", evidence)
        return self._restore(trial, {path: found[0][1] for path, found in values.items()}, now, evidence)

    def _restore(
        self, trial: Trial, knobs: Mapping[str, float], now: float, facts: Mapping[str, Any]
    ) -> Decision:
        """Return the decision for known knobs and mass."""
        scale = sum(knobs.values())
        if scale <= 0:
            return self.abstain(trial, f"{' + '.join(knobs)} is {scale:g}, not positive", facts)
        log_now = self._log_mass(trial, now)
        factor = self._factor(log_now)
        reason = (
            f"{self.mass} is {now:.3g} (log {log_now:.4g}), below {self.below:g}: "
            f"{' + '.join(knobs)} must grow {factor:.3g}-fold, from {scale:.3g} to {factor * scale:.3g}"
        )
        return self.propose(
            trial,
            self._edits(knobs, factor),
            reason,
            {**facts, "log_mass": log_now, "scale": scale, "factor": factor},
            f"{self.mass} of about {self.wanted:g}",
        )

    def _factor(self, log_mass: float) -> float:
        """How much ``s`` must grow."""
        return min(log_mass / math.log(self.wanted), self.max_factor)

    def _edits(self, knobs: Mapping[str, float], factor: float) -> tuple[str, ...]:
        """The edits that let the sum of the knobs grow by ``factor``."""
        fixed = sum(value for path, value in knobs.items() if path not in self.spread)
        new = _grow({path: knobs[path] for path in self.spread}, factor * sum(knobs.values()) - fixed)
        return tuple(f"{path}@set={value:.3g}" for path, value in new.items())

    def _log_mass(self, trial: Trial, mass: float) -> float:
        """Return the logarithm of the mass at the end of the run."""
        logged = find_curve(trial, [self.log_mass])
        value = math.inf if logged.problem else level(logged.series, "tail")
        if value < math.log(self.below):
            return value
        return math.log(mass) if mass > 0 else LOG_SMALLEST


def _grow(knobs: Mapping[str, float], total: float) -> dict[str, float]:
    """Return the knobs scaled by one factor so that they add up to ``total``; alike where all are 0."""
    now = sum(knobs.values())
    return {path: total * (value / now if now else 1 / len(knobs)) for path, value in knobs.items()}
