"""What a rule is and what it returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autoloop.errors import ConfigError
from autoloop.trials import Trial


@dataclass(frozen=True, slots=True)
class Decision:
    """What a rule says of one trial: edits for a child, or no change, always with a reason.

    Attributes:
        rule: Name of the rule.
        trial: Name of the trial it looked at, the parent of the child it proposes.
        reason: Why, in one sentence; required.
        evidence: The numbers that fired or silenced the rule (JSON-serialisable).
        edits: Edits of the child on the trial's config; empty means "no change".
        expects: What the child should show if the rule is right, in one sentence.
    """

    rule: str
    trial: str
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    edits: tuple[str, ...] = ()
    expects: str = ""

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ConfigError(f"rule {self.rule!r} gave a decision on {self.trial!r} without a reason")

    @property
    def fired(self) -> bool:
        """Whether the rule proposes a child."""
        return bool(self.edits)


class Rule(ABC):
    """A pure function of trials; a subclass holds thresholds, validates them and implements ``decide``.

    Attributes:
        name: The key the rule has in the config; decisions carry it.
        fallback: Asked only about trials on which no other rule fired.
    """

    name: str
    fallback: bool = False

    @abstractmethod
    def decide(self, trial: Trial, trials: Mapping[str, Trial]) -> Decision:
        """Judge one finished trial.

        Args:
            trial: The trial to judge.
            trials: Every finished trial of the study by name, ``trial`` included; its parent is
                ``trials.get(trial.variant.parent)``.

        Returns:
            A decision with edits, or one without and the reason for staying silent.
        """

    def propose(
        self,
        trial: Trial,
        edits: Sequence[str],
        reason: str,
        evidence: Mapping[str, Any],
        expects: str = "",
    ) -> Decision:
        """Return a decision that proposes a child of ``trial``."""
        return Decision(self.name, trial.name, reason, dict(evidence), tuple(edits), expects)

    def abstain(self, trial: Trial, reason: str, evidence: Mapping[str, Any] | None = None) -> Decision:
        """Return a decision for no change."""
        return Decision(self.name, trial.name, reason, dict(evidence or {}))
