"""NonFinite: the run diverged."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from autoloop.rules.base import Decision, Outlook
from autoloop.rules.editing import EditingRule
from autoloop.rules.readings import diverged
from autoloop.study.trials import Trial, TrialState

ENDED = (TrialState.COMPLETE, TrialState.STOPPED, TrialState.INFEASIBLE)

_NON_FINITE = re.compile(r"\bnan\b|\binf\b|infinit|non-?finite|not finite|diverge", re.IGNORECASE)


class NonFinite(EditingRule):
    """A loss became NaN or infinite: nothing else that the run logged counts.

    Fires when the last value of a loss is not finite, or when the error of an INFEASIBLE or STOPPED job
    mentions NaN, Inf or divergence. A loss is any metric whose name ends in ``loss``; other metrics may be
    infinite in a healthy run (the logarithm of an empty plan's mass, the gradient norm while mixed precision
    adjusts its scale). Its decision is final: a diverged LeRobot run ends with exit code 0 and shows a mass
    of 1.0, which no other rule should believe. Stays silent if every loss is finite or none was logged, and
    on jobs that failed for another reason; one point is enough.

    Args:
        name: Name of the rule.
        edits: Edits of the child.
        expects: What is expected of the child.
    """

    def __init__(self, *, name: str, edits: Sequence[str], expects: str = "") -> None:
        super().__init__(name=name, edits=edits, expects=expects)

    def foresee(self, config: Mapping[str, Any]) -> Outlook:
        """Say how a run diverges."""
        when = "a loss is NaN or infinite at the end, or the job ended with such an error"
        return Outlook(when, self.foreseen(config), final=True)

    def decide(self, trial: Trial, trials: Mapping[str, Trial]) -> Decision:
        """Look at the last value of every loss, then at the error."""
        if trial.state not in ENDED:
            return self.abstain(trial, f"the job ended {trial.state.value}")
        metric = diverged(trial)
        in_error = trial.state is not TrialState.COMPLETE and bool(_NON_FINITE.search(trial.error))
        if not metric and not in_error:
            return self.abstain(trial, "no loss ended non-finite")
        reason = f"{metric} is not finite at the end" if metric else f"the job ended: {trial.error}"
        evidence = {"metric": metric} if metric else {"error": trial.error}
        return replace(self.proposal(trial, trials, reason, evidence), final=True)
