"""CostNotFalling: the transport plan moves mass, but what it costs does not fall."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from autoloop.rules import checks
from autoloop.rules.base import Decision, Outlook
from autoloop.rules.changes import LEAST, LEVEL_WORDS, SPAN_WORDS, SPANS, LevelChange, level, measure
from autoloop.rules.editing import EditingRule
from autoloop.rules.paths import is_number, matches
from autoloop.rules.readings import find_curve
from autoloop.study.trials import Trial


class CostNotFalling(EditingRule):
    """The plan has mass, but no cost term fell by ``fell_less_than_pct``.

    Fires when the mass is above ``mass_above`` and the cost of every term fell by less than
    ``fell_less_than_pct`` percent. With ``only_learnable`` it considers only terms with ``weight_embed > 0``:
    a label cost compares recorded actions, so training cannot lower it, and a rule that waits for it would
    reduce ``lambda_ot`` again and again. A plan that works lowers the cost within the first hundred steps:
    compare with the ``start``, not with the median of the first quarter.

    The cost of a term is ``<costs>/<term>``, under the first prefix that has it: ``ot_cost_diag`` is the cost
    on the pairs that take part in the plan, ``ot_cost`` the mean over all pairs, which the plan does not use.
    ``span`` defines what is compared, as for `MetricChange`; a fall within two standard errors does not
    count. The mass is the last value for ``first_last``, otherwise the median of the last quarter. Stays
    silent if no mass or no cost was logged, on fewer than ``min_points`` finite values, if no term is
    learnable, on a run whose loss ended non-finite, and on a job that failed.

    Args:
        name: Name of the rule.
        edits: Edits of the child.
        mass: Metric of the plan's total mass.
        mass_above: Fires only above this mass.
        costs: Prefixes of the cost metrics, in order of preference.
        fell_less_than_pct: In percent of the first level.
        only_learnable: Whether terms without a learned embedding are left out.
        features: Path of the list of terms in the config, each with ``term_name`` and ``weight_embed``.
        span: ``first_last``, ``start``, ``run`` or ``end``.
        min_points: Smallest number of points, at least 2 (4 for ``end``).
        expects: What is expected of the child.
    """

    def __init__(
        self,
        *,
        name: str,
        edits: Sequence[str],
        mass: str = "train/ot_pi_sum",
        mass_above: float = 0.3,
        costs: Sequence[str] = ("train/ot_cost_diag", "train/ot_cost"),
        fell_less_than_pct: float = 10.0,
        only_learnable: bool = True,
        features: str = "ot.loss_config.features",
        span: str = "start",
        min_points: int = 8,
        expects: str = "",
    ) -> None:
        super().__init__(name=name, edits=edits, expects=expects)
        self.mass = checks.text(name, "mass", mass)
        self.mass_above = checks.number(name, "mass_above", mass_above)
        self.costs = checks.texts(name, "costs", costs)
        self.limit_pct = checks.number(name, "fell_less_than_pct", fell_less_than_pct, 0.0)
        self.only_learnable = checks.flag(name, "only_learnable", only_learnable)
        self.features = checks.text(name, "features", features)
        self.span = checks.choice(name, "span", span, SPANS)
        self.min_points = checks.whole(name, "min_points", min_points, LEAST[self.span])

    def foresee(self, config: Mapping[str, Any]) -> Outlook:
        """Say which mass and which costs it looks at."""
        terms = "of a learnable term " if self.only_learnable else ""
        mass = f"{self.mass} ({LEVEL_WORDS[self._stat]}) is above {self.mass_above:g}"
        costs = f"no cost {terms}fell by {self.limit_pct:g} % over {SPAN_WORDS[self.span]}"
        return Outlook(f"{mass}, and {costs} ({self.min_points} points or more)", self.foreseen(config))

    def decide(self, trial: Trial, trials: Mapping[str, Trial]) -> Decision:
        """Look at the mass, then at every term."""
        mass = find_curve(trial, [self.mass], self.min_points)
        if mass.problem:
            return self.abstain(trial, mass.problem)
        value = level(mass.series, self._stat)
        facts: dict[str, Any] = {
            "metric": self.mass,
            "span": self.span,
            "mass": value,
            "mass_above": self.mass_above,
            "fell_less_than_pct": self.limit_pct,
        }
        if value <= self.mass_above:
            return self.abstain(trial, f"{self.mass} is {value:.3g}, not above {self.mass_above:g}", facts)
        changes = self._changes(trial)
        kind = "learnable cost" if self.only_learnable else "cost"
        if not changes:
            return self.abstain(trial, f"no {kind} was logged with {self.min_points} points", facts)
        facts["pct"] = {term: change.pct for term, change in changes.items()}
        falling = [term for term, change in changes.items() if change.fell_by(self.limit_pct)]
        if falling:
            return self.abstain(trial, f"the cost of {', '.join(falling)} falls", facts)
        most = max(0.0 - change.pct for change in changes.values())
        reason = (
            f"{self.mass} is {value:.3g}, but no {kind} fell by {self.limit_pct:g} % (the most: {most:.3g} %)"
        )
        return self.proposal(trial, trials, reason, facts)

    @property
    def _stat(self) -> str:
        return "last" if self.span == "first_last" else "tail"

    def _changes(self, trial: Trial) -> dict[str, LevelChange]:
        """Return how the cost of each term changed, as far as it was logged."""
        changes = {}
        for term in self._terms(trial):
            curve = find_curve(trial, [f"{prefix}/{term}" for prefix in self.costs], self.min_points)
            change = None if curve.problem else measure(curve.series, self.span)
            if change is not None and math.isfinite(change.pct):
                changes[term] = change
        return changes

    def _terms(self, trial: Trial) -> list[str]:
        """Return the names of the terms to look at."""
        if self.only_learnable:
            found = [entry for _, entry in matches(trial.variant.config, f"{self.features}.*")]
            return [str(entry["term_name"]) for entry in found if _is_learnable(entry)]
        logged = [metric.rpartition("/") for metric in {**trial.history, **trial.summary}]
        return sorted({term for prefix, _, term in logged if prefix in self.costs})


def _is_learnable(entry: object) -> bool:
    if not isinstance(entry, Mapping) or "term_name" not in entry:
        return False
    weight: Any = entry.get("weight_embed")
    return is_number(weight) and weight > 0
