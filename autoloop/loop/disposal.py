"""What was tried and did not pay is not proposed again: objections to a proposal from what is known.

The loop asks here about each proposal that could be run. An objection is a sentence; the proposal is then
refused with it. Three things are held against a proposal: its rule made things worse on this very lineage a
short while ago (cooldown), a step no smaller on the same knob changed nothing (freeze), or its parent only
seems to lead (racing).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autoloop.edits import change, parse_edit
from autoloop.errors import EditError, counted
from autoloop.loop.score.noise import Noise, noise
from autoloop.loop.score.pairs import Pair, latest_pairs
from autoloop.loop.score.verdicts import Verdict, judge_of
from autoloop.rules.base import Decision
from autoloop.rules.paths import is_number
from autoloop.strategies.base import ASKED_FOR, NO_RULES, SAMPLE
from autoloop.study.record import Study

NO_EFFECT = 0.05
"""A gain smaller than this share of the noise floor is no effect at all: same seed, same curve."""

LARGER = 1.5
"""A step on a knob that had no effect is tried again only if it is larger than this many such steps."""

Change = tuple[str, Any, Any]  # path, old value, new value


@dataclass(frozen=True, slots=True)
class Disposal:
    """What speaks against proposals in this study.

    Attributes:
        study: The record so far.
        round: Number of the round to fill.
        cooldown: Rounds for which a rule that made things worse is not asked on that lineage again; 0 for
            none.
        freeze: Whether a knob that had no effect is left alone.
        racing: Names of trials whose lead is being checked with further seeds -> why.
        searched: Paths that the user wants a sampler to search.
    """

    study: Study
    round: int
    cooldown: int = 0
    freeze: bool = False
    racing: Mapping[str, str] = field(default_factory=dict)
    searched: Collection[str] = ()
    _floor: Noise = field(init=False, repr=False)
    _idle: dict[int, list[Pair]] = field(init=False, repr=False, default_factory=dict)  # place of a parent ->
    _worse: dict[str, list[Pair]] = field(init=False, repr=False, default_factory=dict)  # rule -> of late

    def __post_init__(self) -> None:
        object.__setattr__(self, "_floor", noise(self.study))
        judged = judge_of(self.study)
        for pair in latest_pairs(self.study):
            if self._had_no_effect(pair):
                self._idle.setdefault(pair.parent.place, []).append(pair)
            recent = self.round - pair.child.round <= self.cooldown
            if recent and judged(pair) is Verdict.WORSE:
                self._worse.setdefault(pair.child.rule, []).append(pair)

    def objection(self, proposal: Decision, changes: Sequence[Change]) -> str:
        """Why this proposal is not worth a job now, in one sentence; empty if nothing speaks against it.

        Args:
            proposal: The proposal.
            changes: What it changes in its parent's config.
        """
        if proposal.rule == ASKED_FOR:
            return ""
        why = self.racing.get(proposal.trial, "")
        return why or self._cooling(proposal) or self._without_effect(proposal, changes)

    def _cooling(self, proposal: Decision) -> str:
        """The rule made a child of this lineage worse, not long ago."""
        if proposal.rule in NO_RULES:
            return ""
        line = list(self._lineage(proposal.trial))
        for pair in reversed(self._worse.get(proposal.rule, [])):
            if pair.child.place in line or pair.parent.place in line[:1]:
                wait = counted(self.cooldown, "round")
                return f"{proposal.rule} waits on this lineage for {wait}: {_describe(pair)}"
        return ""

    def _without_effect(self, proposal: Decision, changes: Sequence[Change]) -> str:
        """Every knob it would move was moved from here by as much before, and nothing came of it.

        What the user wants searched is searched to its end all the same.
        """
        wanted = proposal.rule == SAMPLE and all(path in self.searched for path, _, _ in changes)
        if not self.freeze or not changes or wanted:
            return ""
        for pair in (pair for job in self._lineage(proposal.trial) for pair in self._idle.get(job, ())):
            moved = {path: (old, new) for path, old, new in pair.child.plan.changes}
            if all(path in moved and _no_larger(old, new, *moved[path]) for path, old, new in changes):
                knobs = ", ".join(path for path, _, _ in changes)
                return f"frozen: a step on {knobs} had no effect ({_describe(pair)})"
        return ""

    def _had_no_effect(self, pair: Pair) -> bool:
        """Whether the child came to its parent's result; two rates of 0 do not say what a knob does."""
        gain = pair.gain_pct
        if pair.child.objective == pair.parent.objective == 0:
            return False
        return gain is not None and abs(gain) <= NO_EFFECT * self._floor.margin_pct(len(pair.gains_pct))

    def _lineage(self, name: str) -> Iterator[int]:
        """Places of a job and of all it descends from."""
        job = self.study.by_name(name)
        while job is not None:
            yield job.place
            job = self.study.parent(job)


def _describe(pair: Pair) -> str:
    if pair.gain_pct is None:
        return f"{pair.child.name} ended {pair.child.state.value if pair.child.state else 'open'}"
    return pair.description


def _no_larger(old: Any, new: Any, idle_old: Any, idle_new: Any) -> bool:
    """Whether a step has the direction of the idle one and at most 1.5 times its size."""
    step, idle = _step(old, new), _step(idle_old, idle_new)
    if step is None or idle is None:
        return bool(new == idle_new)
    return step * idle > 0 and abs(step) <= LARGER * abs(idle)


def _step(old: Any, new: Any) -> float | None:
    """The size of a step between numbers: of its factor's logarithm where both are positive."""
    if not (is_number(old) and is_number(new)):
        return None
    return math.log(new / old) if old > 0 and new > 0 else float(new - old)


def apart(edits: Sequence[str], config: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Take edits apart where two of them pull one number in opposite directions.

    ``lr@mul=2, lr@mul=0.5`` is two ideas, never one variant that multiplies them away. Each gets a list of
    its own; an edit that opposes no other stays in every list.
    """
    pulls = [_pulls(edit, config) for edit in edits]
    against = {
        first: {second for second in range(len(edits)) if _oppose(pulls[first], pulls[second])}
        for first in range(len(edits))
    }
    opposed = next((first for first in against if against[first]), None)
    if opposed is None:
        return [tuple(edits)]
    without = [edit for place, edit in enumerate(edits) if place not in against[opposed]]
    others = [edit for place, edit in enumerate(edits) if place != opposed]
    return [tuple(without), *apart(others, config)]


def _pulls(edit: str, config: Mapping[str, Any]) -> dict[str, int]:
    """Path -> direction (1 up, -1 down) of each number that a factor or a term moves."""
    try:
        if parse_edit(edit).op not in ("mul", "add"):
            return {}
        changes = change([edit], config).changes
    except EditError:
        return {}
    return {path: 1 if new > old else -1 for path, old, new in changes if is_number(old) and is_number(new)}


def _oppose(first: Mapping[str, int], second: Mapping[str, int]) -> bool:
    return any(second.get(path, pull) != pull for path, pull in first.items())
