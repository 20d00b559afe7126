"""MixedStrategy: rules on the best trials, a sampler over the space, the user's and an outside's ideas."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from autoloop.errors import counted
from autoloop.rules import checks
from autoloop.rules.base import Decision
from autoloop.strategies.base import NO_RULES, OUTSIDE, Foresight, Opening, Situation, Strategy, filled_up
from autoloop.strategies.best_trials import passed_over, proposals_for_best
from autoloop.strategies.probe import foreseen
from autoloop.strategies.quota import SHARED, Due, Filling, lately, rounded
from autoloop.strategies.sampled_space import SAMPLERS, SampledSpace

PROBE_REACH = (0.0, 1.0)
"""How far towards evenly spread points round 1 goes after a probe, on the rates and on the other knobs."""


class MixedStrategy(Strategy):
    """Fills each round by quota from several sources.

    In this order: the user's variants that wait in the queue (all of them); proposals of an outside program
    (up to ``outside_share`` of the round); proposals of rules on the best ``parents`` trials so far (in round
    2 also on the baseline, which goes first), best parents first and the more successful rules first (up to
    ``rules_share``), among them ``go_on``: the step of a rule that made the best trial better than its
    parent, once more; and a sampler over the whole space for the rest. What one source cannot fill, the
    sampler fills. The shares hold for the whole round, also if it is filled job by job, and for four jobs if
    a round has fewer.

    Round 1 is what the user asked for. A later round has ``variants_per_run`` jobs for each job that round 1
    was planned with, or ``size`` jobs. If slots have GPUs or ``n_jobs`` sets their number, both are filled up
    to a multiple of the slots, round 1 with points of the space.

    The sampler changes the knobs of ``space``, or every number that has bounds or was changed by a variant or
    rule, between their bounds, or from ``start / span`` to ``start * span`` if none are set; never the seed.
    A share (a beta, a dropout, a probability, recognised by its name and a value from 0 to 1) stays below 1
    if no bound is set. The sampler learns from every finished trial, whoever proposed it (in a study of more
    than 4,096 jobs: from about 3,000, the best, an even spread of the others, and the latest), and avoids
    regions in which jobs failed in the same way. It does not change a knob if no other value of it composes.
    Its points are children of the baseline, at the baseline's seed.

    Do not use it if a value within the bounds can do harm (the sampler may go anywhere between them), with
    more than about 20 knobs and few jobs, or if each child is to differ from its parent by one idea.

    Args:
        size: Jobs of a round, the first one included; null for as many as round 1 was planned with, times
            ``variants_per_run``.
        variants_per_run: Jobs of a later round for each job of round 1, at least 1; has no effect if
            ``size`` is set.
        rules_share: Largest share of a round for rules (0 to 1).
        outside_share: Largest share for the outside program.
        parents: Number of best trials for which rules may propose children.
        sampler: ``gaussian`` (built in), ``quasi_random``, ``random``, or Optuna's ``tpe`` and ``optuna_gp``.
        space: Path -> ``[low, high]``, ``{choices: [..]}`` or null: these knobs and no others. If it is
            empty, or has only entries ``path: false``: the knobs described above, without those.
        span: Factor up and down if no bound is set, above 1.
        first_reach: How far towards the ends of the space every second point of round 1 may go (0 to 1); the
            others may go to the ends, because it is unknown how far the baseline is from a good value.
        proposer: ``{command: .., timeout_s: ..}`` of an outside program; null for none.
    """

    def __init__(
        self,
        *,
        size: int | None = None,
        variants_per_run: int = 1,
        rules_share: float = 0.5,
        outside_share: float = 0.25,
        parents: int = 2,
        sampler: str = "gaussian",
        space: Mapping[str, Any] | None = None,
        span: float = 4.0,
        first_reach: float = 0.5,
        proposer: Mapping[str, Any] | None = None,
    ) -> None:
        kind = "MixedStrategy"
        self.size = None if size is None else checks.whole(kind, "size", size, 1)
        self.variants_per_run = checks.whole(kind, "variants_per_run", variants_per_run, 1)
        self.rules_share = checks.number(kind, "rules_share", rules_share, 0.0, 1.0)
        self.outside_share = checks.number(kind, "outside_share", outside_share, 0.0, 1.0)
        self.parents = checks.whole(kind, "parents", parents, 1)
        self.name = checks.choice(kind, "sampler", sampler, SAMPLERS)
        self.space = dict(space or {})
        self.span = checks.number(kind, "span", span, 1.0, over=True)
        self.first_reach = checks.number(kind, "first_reach", first_reach, 0.0, 1.0)
        self.proposer = dict(proposer) if proposer else None
        self._sampled = SampledSpace(self.name, self.space, self.span, self.first_reach)

    def open(self, opening: Opening) -> list[Decision]:
        """Return points for the places of round 1 that are free: by turns anywhere, and near the baseline."""
        if opening.probed is not None:
            return self._sampled.after_probe(opening, opening.probed, PROBE_REACH)
        free = filled_up(max(self.size or 0, opening.planned), opening.slots) - opening.planned
        probes = self._probes(opening, free)
        return [*probes, *self._sampled.fill_up(opening, max(0, free - len(probes)))]

    def _probes(self, opening: Opening, free: int) -> list[Decision]:
        """Return the probes of round 1: beside variants of the user's only where places are free."""
        found = self._sampled.probe(opening)
        asked_for = opening.planned - opening.repeats > 1
        return [] if isinstance(found, str) else found.jobs(opening)[: free if asked_for else None]

    def propose(self, situation: Situation) -> list[Decision]:
        """Return the round's proposals, and before each source's those of it that will be refused."""
        size = self._size(situation.opened, situation.slots)
        count = size if situation.places is None else min(size, situation.places)
        had = lately(situation, count)
        jobs = len(had) + count
        of_rules = sum(rule not in NO_RULES for rule in had)
        due = [
            Due(situation.outside, math.ceil(self.outside_share * jobs), had.count(OUTSIDE)),
            Due(proposals_for_best(situation, self.parents), rounded(self.rules_share * jobs), of_rules),
        ]
        taken = Filling(situation)
        taken.fill(situation.waiting, max(count, len(situation.waiting)))
        for one in sorted(due, key=lambda one: one.had_share):
            taken.fill(one.source, min(count, taken.count + one.meant - one.had))
        taken.fill(self._sampled.points(situation, count - taken.count), count)
        taken.fill(proposals_for_best(situation, self.parents), count)
        return taken.proposals

    def foresee(self, opening: Opening) -> Foresight:
        """Say how a later round is divided, and what the sampler turns."""
        size = self._size(opening.planned - opening.repeats - opening.probes, opening.slots)
        of = max(size, SHARED)
        most, of_outside = rounded(self.rules_share * of), math.ceil(self.outside_share * of)
        outside = f"Of {of} jobs up to {of_outside} may be what strategy.proposer wants."
        return Foresight(
            rules=f"Of {of} jobs up to {most} may be children that these rules make of the best "
            f"{self.parents} trials so far, the first that fires first",
            rounds=f"A later round has {counted(size, 'job')}.",
            besides=[*([outside] if self.proposer else ()), *self._sampled.foresee(opening)],
            opening=foreseen(self._sampled.probe(opening), opening, opening.probes),
            dry="neither rules nor the sampler have anything new to propose",
        )

    def passed_over(self, situation: Situation) -> list[tuple[Decision, str]]:
        """Return the decisions on trials that are not among the best."""
        return passed_over(situation, self.parents)

    def silence(self, situation: Situation) -> str:
        """Say why the sampler has nothing to propose."""
        return self._sampled.silence(situation)

    def _size(self, opened: int, slots: int | None) -> int:
        """Return how many jobs a later round has."""
        return filled_up(self.size or max(1, self.variants_per_run * opened), slots)
