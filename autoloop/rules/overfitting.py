"""Overfitting: the evaluation gets worse while the training loss still falls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autoloop.rules import checks
from autoloop.rules.base import Decision, Outlook
from autoloop.rules.changes import measure
from autoloop.rules.editing import EditingRule
from autoloop.rules.names import OBJECTIVE
from autoloop.rules.readings import find_curve, first_of
from autoloop.study.trials import Trial


class Overfitting(EditingRule):
    """The evaluation became worse than its best value while the training loss kept falling.

    Fires when both hold, measured at the ends of a robust line (Theil-Sen) over the last half of the points:

    - the evaluation rose by more than ``rose_more_than_pct`` and by more than two standard errors of that
      number;
    - the training metric fell, in the same half.

    Stays silent if either was not logged, has fewer than ``min_points`` finite values or more than a tenth
    that are not finite, on a run whose loss ended non-finite, and on a job that failed.

    Args:
        name: Name of the rule.
        train: Training metric, or a list of which the first one logged is used.
        evaluation: Evaluation metric, likewise; lower is better, except for an
            ``<objective>`` with the goal ``max``.
        edits: Edits of the child.
        rose_more_than_pct: In percent of the evaluation at the middle of the run.
        min_points: Smallest number of points of each curve, at least 3.
        expects: What is expected of the child.
    """

    def __init__(
        self,
        *,
        name: str,
        train: str | Sequence[str],
        evaluation: str | Sequence[str],
        edits: Sequence[str],
        rose_more_than_pct: float = 3.0,
        min_points: int = 6,
        expects: str = "",
    ) -> None:
        super().__init__(name=name, edits=edits, expects=expects)
        self.train = checks.texts(name, "train", train)
        self.evaluation = checks.texts(name, "evaluation", evaluation)
        self.rose_more_than_pct = checks.number(name, "rose_more_than_pct", rose_more_than_pct, 0.0)
        self.min_points = checks.whole(name, "min_points", min_points, 3)

    def foresee(self, config: Mapping[str, Any]) -> Outlook:
        """Say which two curves it compares."""
        rose = f"{first_of(self.evaluation)} rose more than {self.rose_more_than_pct:g} % over its last half"
        fell = f"{first_of(self.train)} fell ({self.min_points} points or more, both beyond their noise)"
        return Outlook(f"{rose} while {fell}", self.foreseen(config))

    def decide(self, trial: Trial, trials: Mapping[str, Trial]) -> Decision:
        """Compare the two curves over the last half of the run."""
        train = find_curve(trial, self.train, self.min_points)
        evaluation = find_curve(trial, self.evaluation, self.min_points)
        if evaluation.metric == train.metric:  # an objective that is the training loss
            others = [name for name in self.evaluation if name != OBJECTIVE]
            evaluation = find_curve(trial, others, self.min_points)
        if train.problem or evaluation.problem:
            return self.abstain(trial, train.problem or evaluation.problem)
        seen, held_out = measure(train.series, "end"), measure(evaluation.series, "end")
        worse = held_out.mirrored if evaluation.upwards else held_out
        evidence = {
            **evaluation.facts(),
            "span": "end",
            "train": {"metric": train.metric, **seen.facts()},
            "evaluation": {"metric": evaluation.metric, **held_out.facts()},
            "rose_more_than_pct": self.rose_more_than_pct,
        }
        both = f"{evaluation.metric} changed by {held_out.pct:+.3g} %, {train.metric} by {seen.pct:+.3g} %"
        found = f"{both} over the last half{evaluation.doubt}"
        if not worse.rose_by(self.rose_more_than_pct):
            return self.abstain(trial, f"{found}: the evaluation does not get worse", evidence)
        if not seen.fell_by(0.0):
            return self.abstain(trial, f"{found}: the training metric does not fall", evidence)
        return self.proposal(trial, trials, found, evidence)
