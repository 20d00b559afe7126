"""Later rounds: what a strategy proposes, as far as nothing speaks against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from autoloop.edits.variants import Variant, safe_name
from autoloop.errors import counted
from autoloop.loop.disposal import apart
from autoloop.loop.filling.disposer import Disposer
from autoloop.loop.filling.round import Round
from autoloop.rules.base import Decision


def next_round(
    number: int,
    proposals: Sequence[Decision],
    disposer: Disposer,
    places: int | None = None,
    name: str = "",
) -> Round:
    """Fill a later round from what a strategy proposes.

    Args:
        number: Number of the round.
        proposals: Decisions with edits, the most wanted first.
        disposer: Says what becomes of each.
        places: How many variants fit at the most; None for any number.
        name: What variants are called; empty for names of round and rule.

    Returns:
        The round; without variants if no proposal is new.
    """
    planned = Round(number, dict(disposer.seen), places, taken=disposer.taken)
    for proposal in proposals:
        for idea in _ideas(proposal, disposer.parents):
            if places is not None and len(planned.variants) >= places:
                planned.refuse(idea, f"the budget leaves no place: {counted(places, 'job')} left")
            else:
                _take_proposal(planned, idea, disposer, name)
    return planned


def _ideas(proposal: Decision, parents: Mapping[str, Variant]) -> list[Decision]:
    """The proposal; where its edits oppose each other, one proposal for each side."""
    sides = apart(proposal.edits, parents[proposal.trial].config)
    return [replace(proposal, edits=edits) for edits in sides] if len(sides) > 1 else [proposal]


def _take_proposal(planned: Round, proposal: Decision, disposer: Disposer, name: str) -> None:
    found = disposer.appraise(proposal)
    if isinstance(found, str):
        planned.refuse(proposal, found)
        return
    twin = planned.seen.get(found.signature)
    if twin is not None:
        planned.refuse(proposal, f"the same config as {twin}")
        return
    parent = disposer.parents[proposal.trial]
    child = Variant(
        name=safe_name(name or found.name or f"r{planned.number}_{proposal.rule}"),
        edits=disposer.usable(proposal),
        parent=parent.name,
        rule=proposal.rule,
        reason=proposal.reason,
        evidence=dict(proposal.evidence),
        expects=proposal.expects,
        overrides=(),
        config={},
        signature="",
    )
    planned.add(found.of(child))
