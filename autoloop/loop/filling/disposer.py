"""The disposer: what would become of a proposal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autoloop.edits.effects import IgnoredKnob
from autoloop.edits.variants import Variant
from autoloop.errors import EditError, MisfitError
from autoloop.loop.filling.derived import Derive, Derived
from autoloop.loop.filling.fitting import usable_edits
from autoloop.rules.base import Decision
from autoloop.strategies.base import ASKED_FOR
from autoloop.strategies.failed import FailedRegion, lies_where_jobs_failed

Objection = Callable[[Decision, Sequence[tuple[str, Any, Any]]], str]
"""(proposal, what it changes) -> why it is not worth a job; empty where nothing speaks against it."""


def no_objection(proposal: Decision, changes: Sequence[tuple[str, Any, Any]]) -> str:
    """Object to nothing."""
    return ""


@dataclass(frozen=True, slots=True)
class Obstacles:
    """What may stand against a proposal that fits its parent's config.

    Attributes:
        objection: See `Objection`.
        ignored: Knobs that the trainer ignores; edits of them are skipped.
        regions: Where jobs failed again and again; only the user's own variants may lead there.
        refused: Signature of a config -> why a user does not want it run.
    """

    objection: Objection = no_objection
    ignored: Sequence[IgnoredKnob] = ()
    regions: Sequence[FailedRegion] = ()
    refused: Mapping[str, str] = field(default_factory=dict)


class Disposer:
    """Says of each proposal what would become of it; asks once, however often it is asked.

    Attributes:
        parents: Every variant that may have children, by name.
        seen: Signature -> name of every variant that ran or is planned.
        taken: Names of all jobs of the study.
    """

    def __init__(
        self,
        parents: Mapping[str, Variant],
        seen: Mapping[str, str],
        derive: Derive,
        obstacles: Obstacles = Obstacles(),
        taken: Iterable[str] = (),
    ) -> None:
        """Set up for one round.

        Args:
            parents: Every variant that may have children, by name.
            seen: Signature -> name of every variant that ran or is planned.
            derive: See `Derive`.
            obstacles: What may stand against a proposal.
            taken: Names of further jobs of the study, such as those that run.
        """
        self.parents = parents
        self.seen = dict(seen)
        self.taken = {*parents, *taken}
        self._derive = derive
        self._obstacles = obstacles
        self._known: dict[tuple[str, str, tuple[str, ...]], Derived | str] = {}
        self._misfits: set[tuple[str, str, tuple[str, ...]]] = set()

    def usable(self, proposal: Decision) -> tuple[str, ...]:
        """The edits of a proposal that its parent's config has and the trainer uses."""
        return tuple(
            usable_edits(proposal.edits, self.parents[proposal.trial].config, self._obstacles.ignored)[0]
        )

    def refusal(self, proposal: Decision) -> str:
        """Why the loop would refuse this proposal; empty where it would take it."""
        found = self.appraise(proposal)
        return found if isinstance(found, str) else ""

    def misfit(self, proposal: Decision) -> bool:
        """Whether a proposal leads to a config that Hydra does not compose."""
        self.appraise(proposal)
        return _key(proposal) in self._misfits

    def outcome(self, proposal: Decision) -> object:
        """The signature of the config that a proposal leads to; of one that is refused, its words."""
        found = self.appraise(proposal)
        return found.signature if isinstance(found, Derived) else (proposal.trial, proposal.edits)

    def appraise(self, proposal: Decision) -> Derived | str:
        """The child that a proposal leads to, or why there is none."""
        key = _key(proposal)
        if key not in self._known:
            self._known[key] = self._appraised(proposal)
        return self._known[key]

    def _appraised(self, proposal: Decision) -> Derived | str:
        parent = self.parents[proposal.trial]
        edits, skipped = usable_edits(proposal.edits, parent.config, self._obstacles.ignored)
        if not edits:
            return "; ".join(skipped)
        try:
            derived = self._derive(parent, edits)
        except EditError as error:
            self._misfits |= {_key(proposal)} if isinstance(error, MisfitError) else set()
            return error.why
        if derived.signature in self._obstacles.refused:
            return self._obstacles.refused[derived.signature]
        twin = self.seen.get(derived.signature)
        if twin is not None:
            return f"already run as {twin}" if twin != parent.name else "changes nothing"
        why = self._obstacles.objection(proposal, derived.changes) or self._failing(proposal, derived)
        return why or replace(derived, notes=(*derived.notes, *skipped))

    def _failing(self, proposal: Decision, derived: Derived) -> str:
        """Why a child would fail, as others did before it."""
        if proposal.rule == ASKED_FOR:
            return ""
        return lies_where_jobs_failed(
            self._obstacles.regions, derived.config, (path for path, _, _ in derived.changes)
        )


def _key(proposal: Decision) -> tuple[str, str, tuple[str, ...]]:
    return (proposal.rule, proposal.trial, proposal.edits)
