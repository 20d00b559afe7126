"""How much each knob matters, by Optuna's PED-ANOVA.

PED-ANOVA (Watanabe, Bansal, Hutter: "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in
Arbitrary Subspaces", IJCAI 2023) asks how differently the best tenth of the jobs is spread over a knob than
all jobs are. Of Optuna's three evaluators it needs no further library.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

from autoloop.errors import OutsideError
from autoloop.study.record import Job
from autoloop.views.export.optuna import import_optuna, trial_of, value_ranges
from autoloop.views.report.facts import Facts

FEWEST = 10
"""Completed jobs below which nothing is said."""
MOST = 12
"""Knobs that are listed, the most important ones."""


@dataclass(frozen=True, slots=True)
class Share:
    """How much of the difference between results a knob explains: 0 to 1, all together 1."""

    path: str
    share: float


def importance(facts: Facts) -> list[Share]:
    """Return the knobs, the most important first; none where too little is known.

    Raises:
        OutsideError: Optuna is not installed.
    """
    done = [job for job in facts.jobs if job.known and not job.measures]
    if len(done) < FEWEST:
        return []
    try:
        optuna = import_optuna()
    except OutsideError as error:
        raise OutsideError(f"How much each knob matters: {error}") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the evaluator is experimental, and says so each time
        return _shares(optuna, facts, done)


def _shares(optuna: Any, facts: Facts, done: list[Job]) -> list[Share]:
    ranges = {path: values for path, values in value_ranges(facts, done).items() if len(values) > 1}
    if not ranges:
        return []
    if len(ranges) == 1:
        return [Share(next(iter(ranges)), 1.0)]
    study = optuna.create_study(direction="maximize" if facts.study.maximize else "minimize")
    for job in done:
        study.add_trial(trial_of(optuna, facts, job, ranges, {}))
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    found = optuna.importance.get_param_importances(study, evaluator=evaluator, normalize=False)
    whole = math.fsum(found.values())
    if not whole > 0:
        return []
    ordered = sorted(found.items(), key=lambda item: -item[1])[:MOST]
    return [Share(path, float(value) / whole) for path, value in ordered]
