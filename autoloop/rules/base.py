"""The base of rules, and what a rule returns.

A rule never reads a file, a clock or a global variable: the same trials give the same decision. It always
returns a decision; if it proposes nothing (too few points, a metric that is not logged, a job that failed),
the decision has no edits and the reason says what was missing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autoloop.curves.objective import Objective
from autoloop.edits import path_of
from autoloop.errors import ConfigError
from autoloop.rules.names import in_words
from autoloop.rules.paths import matches
from autoloop.study.decisions import Decision
from autoloop.study.trials import Trial

__all__ = ["Decision", "Outlook", "Rule", "fitting"]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a rule waits for and what it would then do, shown before anything has run.

    Attributes:
        when: When it fires, in words, with its thresholds and windows.
        edits: Edits of the child; empty if they depend on the run.
        how: How the edits follow from the run, if they do; ``edits`` are then an example.
        final: Whether its decision may be final for a run.
    """

    when: str
    edits: tuple[str, ...] = ()
    how: str = ""
    final: bool = False

    def __post_init__(self) -> None:
        if not self.when.strip():
            raise ConfigError("a rule's outlook must say when it fires")


class Rule(ABC):
    """A pure function of trials. A subclass holds thresholds, validates them and implements ``decide``.

    Attributes:
        name: The key the rule has in the config; decisions carry it.
        fallback: Asked only about trials on which no other rule fired.
    """

    name: str
    fallback: bool = False

    def aimed(self, aim: Objective) -> Rule:
        """Return the rule for a study with this objective; the rule itself if it compares no results.

        Args:
            aim: The one objective of the study. Rules get it before round 1 and, if it is known only from the
                first results, again before the first decision.
        """
        return self

    @abstractmethod
    def decide(self, trial: Trial, trials: Mapping[str, Trial]) -> Decision:
        """Judge one finished trial.

        Args:
            trial: The trial to judge.
            trials: Every finished trial of the study by name, ``trial`` included; its parent is
                ``trials.get(trial.variant.parent)``.

        Returns:
            A decision with edits, or one without edits and with the reason for proposing nothing.
        """

    def foresee(self, config: Mapping[str, Any]) -> Outlook:
        """Return what the rule waits for and what it would do to a run with this config; shown in the plan.

        By default this is the first sentence of the rule's docstring.

        Args:
            config: The resolved config of the run.

        Returns:
            Its outlook. If it has edits, the rule's decisions on runs with this config change no other paths.
        """
        return Outlook(_first_sentence(type(self)))

    def propose(
        self,
        trial: Trial,
        edits: Sequence[str],
        reason: str,
        evidence: Mapping[str, Any],
        expects: str = "",
    ) -> Decision:
        """Return a decision that proposes a child of ``trial``.

        Edits whose path is not in the trial's config are left out, and named under ``left_out`` in the
        evidence; if none is left, the decision is for no change. A trial without a config keeps them all.
        """
        config = trial.variant.config
        kept, left_out = fitting(edits, config) if config else (tuple(edits), ())
        facts = {**evidence, **({"left_out": list(left_out)} if left_out else {})}
        if not kept:
            return self.abstain(
                trial, f"{reason}; but the config has none of {', '.join(in_words(left_out))}", facts
            )
        return Decision(self.name, trial.name, reason, facts, kept, expects)

    def abstain(self, trial: Trial, reason: str, evidence: Mapping[str, Any] | None = None) -> Decision:
        """Return a decision without edits, with the reason."""
        return Decision(self.name, trial.name, reason, dict(evidence or {}))


def fitting(edits: Sequence[str], config: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the edits whose path a config has, and the paths of the others."""
    kept = tuple(edit for edit in edits if matches(config, path_of(edit)))
    return kept, tuple(path_of(edit) for edit in edits if edit not in kept)


def _first_sentence(kind: type[Rule]) -> str:
    sentence = " ".join((kind.__doc__ or "").partition("\n\n")[0].split())
    return sentence.rstrip(".") or f"{kind.__name__} says so"
