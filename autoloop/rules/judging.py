"""Asking every rule about every trial of a round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autoloop.rules.base import Decision, Rule
from autoloop.study.trials import Trial


def judge(
    rules: Sequence[Rule], trials_of_round: Sequence[Trial], trials: Mapping[str, Trial]
) -> list[Decision]:
    """Ask every rule about every trial of a round.

    Args:
        rules: Rules in the order of their priority.
        trials_of_round: The trials to judge, as they were planned.
        trials: Every finished trial of the study by name, those of the round included.

    Returns:
        One decision for each trial and rule, trial by trial, in the rules' order (fallback rules last). After
        a final decision, and for fallback rules where another rule fired, it says that the rule was not
        asked. An exception in a rule becomes an abstention that carries its text.
    """
    return [decision for trial in trials_of_round for decision in _judge_trial(rules, trial, trials)]


def _judge_trial(rules: Sequence[Rule], trial: Trial, trials: Mapping[str, Trial]) -> list[Decision]:
    decisions: list[Decision] = []
    final = ""
    for rule in sorted(rules, key=lambda rule: rule.fallback):
        fired = [decision.rule for decision in decisions if decision.fired]
        if final:
            decision = rule.abstain(trial, f"not asked, because {final!r} was final")
        elif rule.fallback and fired:
            decision = rule.abstain(trial, f"a fallback rule, and {', '.join(fired)} fired")
        else:
            decision = _ask(rule, trial, trials)
            final = rule.name if decision.final else ""
        decisions.append(decision)
    return decisions


def _ask(rule: Rule, trial: Trial, trials: Mapping[str, Trial]) -> Decision:
    """Return the rule's decision; a rule that fails abstains, and the study goes on."""
    try:
        decision = rule.decide(trial, trials)
    except Exception as error:  # noqa: BLE001 - a rule may be an outside author's; its failure is recorded
        return rule.abstain(trial, f"the rule failed: {type(error).__name__}: {error}")
    if not isinstance(decision, Decision):
        return rule.abstain(trial, f"the rule failed: it returned {type(decision).__name__}, not a Decision")
    return decision
