"""What a rule decides about a trial, and what becomes of a proposal that is not run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from autoloop.errors import ConfigError
from autoloop.study.alike import nan_is_nan


@nan_is_nan
@dataclass(frozen=True, slots=True)
class Decision:
    """The decision of a rule on one trial: edits for a child, or no change, always with a reason.

    Attributes:
        rule: Name of the rule.
        trial: Name of the parent of the child it proposes; the trial it looked at, but for rules that lead
            back to an earlier one.
        reason: Why, in one sentence; required.
        evidence: The numbers that fired or silenced the rule (JSON-serialisable).
        edits: Edits of the child on the trial's config; empty means "no change".
        expects: What the child should show if the rule is right, in one sentence.
        judged: Name of the trial it looked at; ``trial`` unless given.
        final: Nothing else about the judged trial counts: the rules after this one are not asked about it.
    """

    rule: str
    trial: str
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    edits: tuple[str, ...] = ()
    expects: str = ""
    judged: str = ""
    final: bool = False

    def __post_init__(self) -> None:
        if not self.judged:
            object.__setattr__(self, "judged", self.trial)
        if not self.reason.strip():
            raise ConfigError(f"rule {self.rule!r} gave a decision on {self.trial!r} without a reason")

    @property
    def fired(self) -> bool:
        """Whether the rule proposes a child."""
        return bool(self.edits)


@nan_is_nan
@dataclass(frozen=True, slots=True)
class Refusal:
    """A proposal that is not run, and why."""

    trial: str
    rule: str
    edits: tuple[str, ...]
    why: str


def silent(decisions: Iterable[Decision]) -> list[Decision]:
    """The decisions for no change."""
    return [decision for decision in decisions if not decision.fired]


def fired(decisions: Iterable[Decision]) -> list[Decision]:
    """The decisions that propose a child."""
    return [decision for decision in decisions if decision.fired]
