"""BackToParent: the child got worse; leave it and try its parent another way."""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from statistics import fmean
from typing import Any

from autoloop.curves.jitters import BETWEEN, result_jitter
from autoloop.curves.objective import Objective
from autoloop.rules import checks
from autoloop.rules.base import Decision, Outlook, Rule
from autoloop.rules.paths import is_number
from autoloop.study.compare import Scale, gain_pct
from autoloop.study.trials import Trial

SIGMAS = 2.0
"""A loss counts where it is larger than so many standard deviations of what the curves jump."""


class BackToParent(Rule):
    """The child is worse than its parent: continue from the parent, not from here.

    With ``loss_pct = 100 * (child - parent) / |parent|`` of the objective (sign turned for ``goal: max``),
    the rule fires when ``loss_pct > worse_by_pct``. If the parent's objective is 0, or objectives have both
    signs, the percentage refers to the typical size of the trials' objectives (`autoloop.study.compare`). The
    proposal is a child *of the parent*, made from the numbers that the child had changed: a factor of up to
    ``small_step`` is applied in the other direction (``old^2 / new``), a larger one is halved on a
    logarithmic scale (``sqrt(old * new)``). A child of this rule that is worse again gets no proposal: both
    directions have been tried. Either decision is final, so that no edit is added to a change that hurt.

    Seven repeats of one config differ by 0.3 to 5.8 % in the users' report; a child shares its parent's seed,
    which leaves less: 3 % is the default. If single points of the two curves jump further than that, a loss
    within two standard deviations of such a jump does not count. Stays silent on a trial without a parent, if
    either objective is unknown or not finite, if the parent or the child is not usable, if no number was
    changed, if the child is better in one of several objectives or breaks a constraint by less, and on a run
    that a stop rule ended before it was found to be behind its parent.

    Args:
        name: Name of the rule.
        worse_by_pct: Fires if the child is worse by more than this, in percent of the parent's objective.
        goal: ``min`` or ``max``: which objective is better. Within a study, the study's own goal is used.
        small_step: Largest factor of a change that is applied in the other direction, above 1.
    """

    def __init__(
        self, *, name: str, worse_by_pct: float = 3.0, goal: str = "min", small_step: float = 2.0
    ) -> None:
        self.name = checks.text(name, "name", name)
        self.worse_by_pct = checks.number(name, "worse_by_pct", worse_by_pct, 0.0)
        self.goal = checks.choice(name, "goal", goal, ("min", "max"))
        self.small_step = checks.number(name, "small_step", small_step, 1.0, over=True)
        self.aim = Objective(goal=goal)

    def aimed(self, aim: Objective) -> BackToParent:
        """The rule with the study's goal."""
        rule = copy(self)
        rule.goal, rule.aim = aim.goal, aim
        return rule

    def foresee(self, config: Mapping[str, Any]) -> Outlook:
        """Say what makes a child worse, and what its parent is tried with then."""
        example = self._retry("x", 1.0, 1.5)[0].removeprefix("x@set=")
        return Outlook(
            f"the run is more than {self.worse_by_pct:g} % worse than its parent (goal {self.goal})",
            how=f"a child of the parent: what was multiplied by up to {self.small_step:g} goes the other way "
            f"(old^2 / new), by more goes half as far (sqrt(old * new)); 1 -> 1.5 becomes 1 -> {example}",
            final=True,
        )

    def decide(self, trial: Trial, trials: Mapping[str, Trial]) -> Decision:
        """Compare the objective with the parent's."""
        parent = trials.get(trial.variant.parent or "")
        if parent is not None and trial.stop_step is not None:
            return self._stopped(trial, parent)
        problem = _incomparable(trial, parent)
        if problem or parent is None:
            return self.abstain(trial, problem)
        scale = Scale.of(one.objective for one in (trial, *trials.values()) if one.usable)
        worse_pct = gain_pct(trial.objective, parent.objective, self.goal == "min", scale)
        jumps_pct = 100 * self._jump(trial, parent) / scale.unit(parent.objective)
        evidence = {
            "objective": trial.objective,
            "parent_objective": parent.objective,
            "worse_pct": worse_pct,
            "worse_by_pct": self.worse_by_pct,
            **({"jumps_pct": jumps_pct} if jumps_pct > self.worse_by_pct else {}),
        }
        found = f"{trial.objective:.4g} against {parent.objective:.4g} of its parent {parent.name!r}"
        if worse_pct <= self.worse_by_pct:
            return self.abstain(trial, f"{found}: not worse by {self.worse_by_pct:g} %", evidence)
        if worse_pct <= jumps_pct:
            jumps = scale.amount(jumps_pct, parent.objective, digits=2)
            return self.abstain(
                trial, f"{found}: worse by less than the {jumps} that the curves themselves jump", evidence
            )
        worse = scale.amount(worse_pct, parent.objective)
        return replace(self._turn(trial, parent, f"{found} is {worse} worse", evidence), final=True)

    def _jump(self, trial: Trial, parent: Trial) -> float:
        """The difference that two results may have by how far their curves jump; 0 where none tells."""
        found = [result_jitter(one.jitters, self.aim) for one in (trial, parent)]
        known = [jitter for jitter in found if math.isfinite(jitter)]
        return SIGMAS * BETWEEN * fmean(known) if known else 0.0

    def _stopped(self, trial: Trial, parent: Trial) -> Decision:
        """Judge a trial that a stop rule ended: only a comparison at that step counts."""
        numbers = trial.stopping["evidence"]
        if numbers.get("against") != "parent" or not parent.usable:
            return self.abstain(trial, f"it was stopped at step {trial.stop_step}: no result to compare")
        evidence = {"worse_pct": numbers["behind_pct"], "step": trial.stop_step}
        behind = numbers.get("behind") or f"{numbers['behind_pct']:.3g} %"
        found = f"a result {behind} behind its parent {parent.name!r} at step {trial.stop_step}"
        return replace(self._turn(trial, parent, found, evidence), final=True)

    def _turn(self, trial: Trial, parent: Trial, found: str, evidence: Mapping[str, Any]) -> Decision:
        """Return the proposal on the parent, or why there is none."""
        if trial.variant.rule == self.name:
            return self.abstain(
                trial, f"{found}; it was itself a second try, so this way is closed", evidence
            )
        edits = [edit for change in trial.variant.changes for edit in self._retry(*change)]
        if not edits:
            return self.abstain(trial, f"{found}; none of its changes is a step between numbers", evidence)
        back = self.propose(
            parent, edits, f"{trial.name!r} with {found}", evidence, f"better than {parent.objective:.4g}"
        )
        return replace(back, judged=trial.name)

    def _retry(self, path: str, old: Any, new: Any) -> list[str]:
        """Return the edit that replaces the change ``old -> new``, none for no step between numbers."""
        if not (is_number(old) and is_number(new) and old * new > 0 and old != new):
            return []
        factor = new / old
        value = (
            old / factor
            if max(factor, 1 / factor) <= self.small_step
            else math.copysign(math.sqrt(old * new), old)
        )
        whole = isinstance(old, int) and isinstance(new, int)
        return [f"{path}@set={round(value)}" if whole else f"{path}@set={value:.3g}"]


def _incomparable(trial: Trial, parent: Trial | None) -> str:
    """Return why the two objectives cannot be compared, or an empty string."""
    if parent is None:
        return "it has no finished parent to compare with"
    if not (trial.usable and parent.usable):
        return f"it ended {trial.state.value}, its parent {parent.state.value}"
    if any(own < other for own, other in zip(trial.losses, parent.losses, strict=False)):
        return "it is better than its parent in one of the objectives: a trade-off, and no loss"
    if any(own < other and other > 0 for own, other in zip(trial.excess, parent.excess, strict=False)):
        return "its parent breaks a constraint by more than it does"
    if not (math.isfinite(trial.objective) and math.isfinite(parent.objective)):
        return f"the objectives {trial.objective:g} and {parent.objective:g} cannot be compared"
    return ""
