"""A variant as the journal keeps it, and the rules of variants that are run to measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from autoloop.edits import ValueChange
from autoloop.edits.variants import Variant
from autoloop.study.alike import nan_is_nan
from autoloop.study.fields import FieldError, coded, plain_data
from autoloop.study.identity import exact, from_exact

REPEAT = "repeat"
"""The rule of a variant that differs from its parent in nothing but the seed: it measures, it is no idea."""

CONFIRM = "confirm"
"""The same at the end of a study, with seeds that nothing was chosen by."""

WITHOUT = "without"
"""The rule of a variant that is the winner without one of its edits, to see what that edit does."""

MINIMAL = "minimal"
"""The rule of a variant that is the winner without all the edits that do nothing."""

CHECK = "check"
"""The rule of a repeat that says, beside another config at the same seed, whether edits do nothing."""

PROBE = "probe"
"""The rule of a short job that tells, beside the baseline, which learning rate is of the right size.

Its evidence has ``until``, the step at which it is judged, and ``of``, the steps of a whole training.
"""

CLIMB = "climb"
"""The rule of a variant that trains its parent's config for longer; its result is compared at that length."""

ANEW = "anew"
"""The rule of a variant that trains from the beginning what its parent trained from a checkpoint on."""

POPULATION = "population"
"""The rule of a variant that trains on what its parent trained, up to the end of the next generation.

Its evidence, and that of every other job that is planned after the first generation, has ``generation``: the
number of the generation, from 1. Results of two generations are results of two lengths.
"""

PERTURB = "perturb"
"""Who proposes an edit of a copy in a population, where no rule fired on what is copied."""

REMEMBERED = "remembered"
"""Who proposes a setting that was better than the baseline in an earlier study."""

AFTERWARDS = (ANEW, CONFIRM, WITHOUT, MINIMAL, CHECK, CLIMB)
"""Rules of what runs after the search."""

MEASURING = (REPEAT, CONFIRM, WITHOUT, MINIMAL, CHECK, CLIMB)
"""Rules of what is run to measure: no idea, no parent, and no winner by its own result."""


def _changes(found: Any) -> tuple[ValueChange, ...]:
    """Changes as `exact` wrote them."""
    try:
        changes = tuple(ValueChange(*from_exact(plain_data(change))) for change in found)
    except (TypeError, ValueError):
        changes = None
    if changes is None or not all(isinstance(change.path, str) for change in changes):
        raise FieldError("a list of path, old value and new value each", found)
    return changes


@nan_is_nan
@dataclass(frozen=True, slots=True)
class Plan:
    """A variant as the journal keeps it: everything but its config. See `Variant` for the fields."""

    name: str
    parent: str | None
    rule: str
    reason: str
    evidence: Mapping[str, Any]
    expects: str
    edits: tuple[str, ...]
    overrides: tuple[str, ...]
    signature: str
    changes: tuple[ValueChange, ...] = field(metadata=coded(_changes, exact))
    notes: tuple[str, ...]

    @classmethod
    def of(cls, variant: Variant) -> Plan:
        """What the journal keeps of a variant."""
        return cls(**{one.name: getattr(variant, one.name) for one in fields(cls)})

    def variant(self, config: Mapping[str, Any], overrides: Sequence[str]) -> Variant:
        """The variant itself.

        Args:
            config: Its config.
            overrides: Its overrides, with or without the secrets that the journal leaves out.
        """
        kept = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "overrides"}
        return Variant(**kept, overrides=tuple(overrides), config=config)
