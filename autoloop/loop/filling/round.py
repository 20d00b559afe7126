"""A round being filled: it alone gives names, and it takes down every refusal."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from autoloop.edits.variants import Variant, free_number
from autoloop.study.decisions import Decision, Refusal


@dataclass(slots=True)
class Round:
    """A round being filled: the variants to run and the proposals refused.

    Attributes:
        number: Number of the round, from 1.
        seen: Signature -> name of the variant that has it, over the whole study.
        places: How many more variants fit; None for any number.
        variants: What will run.
        refused: What will not.
        silence: Why the strategy had nothing but what rules proposed, where nothing will run.
        taken: Names of all jobs of the study, whether planned, running or ended, and of ``variants``.
    """

    number: int
    seen: dict[str, str]
    places: int | None = None
    variants: list[Variant] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    silence: str = ""
    taken: set[str] = field(default_factory=set)
    _numbers: dict[str, int] = field(default_factory=dict)  # of the last variant that wanted a name

    def __post_init__(self) -> None:
        self.taken = {*self.taken, *self.seen.values()}

    def add(self, variant: Variant) -> None:
        """Take a variant in, whoever wants it, under a name that no other job of the study has."""
        name, number = free_number(variant.name, self.taken, self._numbers.get(variant.name, 1))
        self._numbers[variant.name] = number
        variant = replace(variant, name=name)
        self.taken.add(variant.name)
        self.seen[variant.signature] = variant.name
        self.variants.append(variant)

    def refuse(self, proposal: Variant | Decision, why: str) -> None:
        """Write down why a proposal is not run."""
        if isinstance(proposal, Decision):
            self.refused.append(Refusal(proposal.trial, proposal.rule, proposal.edits, why))
        else:
            self.refused.append(Refusal(proposal.parent or "", proposal.rule, proposal.edits, why))
