"""What becomes of a variant that is applied to its parent's config."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autoloop.edits import ValueChange
from autoloop.edits.variants import Variant


@dataclass(frozen=True, slots=True)
class Derived:
    """A child's config, what leads to it and what changed on the way.

    Attributes:
        config: The whole resolved config.
        overrides: The complete list of Hydra overrides that composes it.
        signature: Hash of the config.
        changes: (path, old value, new value) of each value that changed.
        notes: What was rounded, clipped or left alone, in words.
        begins: What it goes on from, as a variant's evidence has it: ``from_step``, the step of a checkpoint,
            and ``from_job``, the job that left it, where it does not start from the beginning; and of a
            population ``generation`` and ``length``.
        name: What it is called; empty for a name of round and rule.
    """

    config: Mapping[str, Any]
    overrides: tuple[str, ...]
    signature: str
    changes: tuple[ValueChange, ...] = ()
    notes: tuple[str, ...] = ()
    begins: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""

    def of(self, variant: Variant) -> Variant:
        """The variant with this config, and with what leads to it."""
        if self.begins:
            variant = replace(variant, evidence={**variant.evidence, **self.begins})
        if "from_job" in self.begins:
            note = "goes on from step {from_step} of {from_job}".format(**self.begins)
            variant = replace(variant, reason=f"{variant.reason}; {note}")
        return replace(
            variant,
            config=self.config,
            overrides=self.overrides,
            signature=self.signature,
            changes=self.changes,
            notes=self.notes,
        )


Derive = Callable[[Variant, Sequence[str]], Derived]
"""(parent, edits) -> the child; raises EditError where the edits do not fit the parent's config."""
