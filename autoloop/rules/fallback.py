"""Fallback: a small step where no other rule has anything to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autoloop.rules.base import Decision, Outlook
from autoloop.rules.editing import EditingRule
from autoloop.rules.readings import unusable
from autoloop.study.trials import Trial


class Fallback(EditingRule):
    """No other rule fired: take a small step.

    Fires on every usable trial for which no other rule proposed a child; the caller makes sure of that. Stays
    silent on a run that logged nothing, on a run whose loss ended non-finite, and on a job that failed.

    Args:
        name: Name of the rule.
        edits: Edits of the child.
        expects: What is expected of the child.
    """

    fallback = True

    def __init__(self, *, name: str, edits: Sequence[str], expects: str = "") -> None:
        super().__init__(name=name, edits=edits, expects=expects)

    def foresee(self, config: Mapping[str, Any]) -> Outlook:
        """Say that it comes last."""
        return Outlook("no other rule fired", self.foreseen(config))

    def decide(self, trial: Trial, trials: Mapping[str, Trial]) -> Decision:
        """Propose the edits."""
        reason = unusable(trial)
        if reason:
            return self.abstain(trial, reason)
        if not trial.history and not trial.summary:
            return self.abstain(trial, "the run logged nothing: there is nothing to go on from")
        return self.proposal(trial, trials, "no other rule fired", {})
