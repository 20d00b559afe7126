"""PopulationStrategy: runs train on in generations; the worst are replaced by edited copies of the best."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autoloop.edits import change
from autoloop.errors import EditError, counted
from autoloop.rules import checks
from autoloop.rules.base import Decision
from autoloop.strategies.base import Foresight, Generation, Opening, Situation, Strategy, filled_up
from autoloop.strategies.members import Members, quarter
from autoloop.strategies.perturb import perturbations
from autoloop.strategies.sampled_space import SAMPLERS, SampledSpace
from autoloop.strategies.space import Knob
from autoloop.study.plans import PERTURB, POPULATION
from autoloop.study.trials import Trial

FEWEST = 4
"""Members of a population at least, where ``size`` is not set: with fewer there is no worst quarter."""


class PopulationStrategy(Strategy):
    """Trains a population of runs in generations and replaces the worst by edited copies of the best.

    Population-based training (Jaderberg et al. 2017, arXiv:1711.09846) whose edits have reasons. A round is a
    generation: each run trains ``interval`` further steps, from its own last checkpoint. Between two
    generations the worst ``quantile`` of the members ends. Each of them is replaced by a copy of a member of
    the best ``quantile``: it goes on from the checkpoint of that member, with an edit. The edit is that of
    the first rule that fired on the member, the more successful rules first. If no rule fired, every knob of
    the space is multiplied by 0.8 or 1.25 at random, within its bounds; a choice moves to a neighbour.

    Edits change only the knobs that a run takes from its config when it goes on (``continues.knobs``). Round
    1 starts from the beginning and may change anything: it has the baseline, your variants and points of the
    space. Members whose job failed, was stopped or diverged count as the worst. The baseline is never
    replaced: it trains on to the end, so that every result has the baseline's at the same length beside it.
    If its job fails, it goes on from its last checkpoint in the next round.

    Do not use it if the trainer cannot continue from a checkpoint, or if its learning rate follows a schedule
    over the length of a run. Nor if you need one setting: what it finds is a run whose settings changed on
    the way.

    Args:
        interval: Length of a generation in the unit of the training's length (steps or epochs); null: the
            length of the baseline divided by the number of rounds.
        quantile: Share of the members that is replaced after each generation, and by copies of whose best
            (above 0, up to 0.5); at least one.
        size: Members, at least 2; null: as many as round 1 was planned with, at least 4. They are filled up
            to a multiple of the slots, if slots have GPUs or ``n_jobs`` sets their number.
        sampler: Chooses the points of round 1: as in ``mixed``.
        space: What points of round 1 and edits may change: as in ``mixed``.
        span: As in ``mixed``.
        first_reach: As in ``mixed``.
    """

    breeds = True

    def __init__(
        self,
        *,
        interval: int | None = None,
        quantile: float = 0.25,
        size: int | None = None,
        sampler: str = "gaussian",
        space: Mapping[str, Any] | None = None,
        span: float = 4.0,
        first_reach: float = 0.5,
    ) -> None:
        kind = "PopulationStrategy"
        self.interval = None if interval is None else checks.whole(kind, "interval", interval, 1)
        self.quantile = checks.number(kind, "quantile", quantile, 0.0, 0.5, over=True)
        self.size = None if size is None else checks.whole(kind, "size", size, 2)
        self.name = checks.choice(kind, "sampler", sampler, SAMPLERS)
        self.space = dict(space or {})
        self.span = checks.number(kind, "span", span, 1.0, over=True)
        self.first_reach = checks.number(kind, "first_reach", first_reach, 0.0, 1.0)
        self._sampled = SampledSpace(self.name, self.space, self.span, self.first_reach)

    def open(self, opening: Opening) -> list[Decision]:
        """Return points of the space for the members that no variant of the user's is."""
        return self._sampled.fill_up(opening, self._size(opening) + opening.repeats - opening.planned)

    def propose(self, situation: Situation) -> list[Decision]:
        """Return the user's waiting variants, then every member of the next generation.

        The starting points go first, then the others that go on, the best first, then the copies. A part of a
        generation that has begun is left as it is.
        """
        generation = situation.generation
        if generation is None or situation.begun:
            return list(situation.waiting)
        members = Members.of(situation, self.quantile)
        going = [_goes_on(one, members, generation) for one in (*members.starts, *members.others)]
        stuck = {one.trial for one in going if situation.refusal(one)}
        lost = [*members.worst, *(one for one in members.others if one.name in stuck)]
        best = [one for one in members.best if one.name not in stuck]
        copies = _Copies(situation, generation, members, self._knobs(situation, generation), self.span)
        for place, trial in enumerate(lost if best else ()):
            copies.add(trial, best[place % len(best)])
        return [*situation.waiting, *going, *copies.proposals]

    def foresee(self, opening: Opening) -> Foresight:
        """Say how long a generation is, and who is replaced."""
        size, generation = self._size(opening), opening.generation
        length = f"; round n trains them to {generation.knob} = n x {generation.length}" if generation else ""
        return Foresight(
            rules=f"After each round the worst {quarter(size, self.quantile)} of its members are replaced by "
            "copies of the best, each with the edit of the first of these rules that fired on what is copied",
            rounds=f"Each round has the same {counted(size, 'member')}{length}.",
            besides=[
                "If no rule fired on what is copied, its knobs are multiplied by 0.8 or 1.25.",
                "All others go on from their last checkpoint as they are, the baseline to the end.",
            ],
            dry="no member has a result and a checkpoint",
        )

    def passed_over(self, situation: Situation) -> list[tuple[Decision, str]]:
        """Return what rules proposed and no copy got."""
        why = "not taken: only copies of the best are edited, and each has one edit"
        return [(one, why) for one in situation.decisions if one.fired]

    def silence(self, situation: Situation) -> str:
        """Say why no member goes on."""
        return "no member of the population has a result and a checkpoint to go on from"

    def _size(self, opening: Opening) -> int:
        """Return how many members there are."""
        return filled_up(max(self.size or FEWEST, opening.planned - opening.repeats), opening.slots)

    def _knobs(self, situation: Situation, generation: Generation) -> list[Knob]:
        """Return what a copy may have moved."""
        start = next((one for one in situation.trials.values() if one.variant.parent is None), None)
        config = {} if start is None else start.variant.config
        found = self._sampled.knobs(situation, config)
        return [one for one in found if not one.group and generation.may_change(one.path)]


def _goes_on(trial: Trial, members: Members, generation: Generation) -> Decision:
    """Return the proposal that a member trains on as it is."""
    reason = f"{trial.name} goes on: {members.standing(trial)}"
    if any(trial is one for one in members.starts):
        reason = f"{trial.name} goes on, so that results can be compared with it"
    return Decision(POPULATION, trial.name, reason, {"objective": trial.objective}, (generation.edit,))


@dataclass(slots=True)
class _Copies:
    """Makes copies of the best, no two alike.

    Attributes:
        situation: What is known.
        generation: What holds for the next generation.
        members: How the members stand.
        knobs: What may be moved at random.
        span: Factor by which a range is extended that nobody set an end of.
        proposals: The copies so far, and rules' proposals that are refused.
    """

    situation: Situation
    generation: Generation
    members: Members
    knobs: Sequence[Knob]
    span: float
    proposals: list[Decision] = field(default_factory=list)
    _known: set[object] = field(default_factory=set)

    def add(self, lost: Trial, source: Trial) -> None:
        """Propose a copy of one trial in the place of another."""
        ended, copied = (f"{one.name}, {self.members.standing(one)}" for one in (lost, source))
        place = f"takes the place of {ended}, as a copy of {copied}"
        for decision in (*self._of_rules(source), *self._drawn(source)):
            evidence = {**decision.evidence, "replaces": lost.name}
            proposal = replace(decision, reason=f"{place}: {decision.reason}", evidence=evidence)
            outcome = self.situation.outcome(proposal)
            if outcome in self._known:
                continue
            self._known.add(outcome)
            refused = bool(self.situation.refusal(proposal))
            if not refused or proposal.rule != PERTURB:
                self.proposals.append(proposal)
            if not refused:
                return

    def _of_rules(self, source: Trial) -> list[Decision]:
        """Return what rules that fired on a trial propose for it, as far as a copy may change it."""
        own = [one for one in self.situation.decisions if one.judged == one.trial == source.name]
        fired = sorted((one for one in own if one.fired), key=self.situation.preference, reverse=True)
        found = ((one, self._free(one.edits, source.variant.config)) for one in fired)
        return [replace(one, edits=edits) for one, edits in found if edits]

    def _free(self, edits: Sequence[str], config: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the edits that change nothing but what a run that goes on takes from its config."""
        return tuple(edit for edit in edits if all(map(self.generation.may_change, _paths(edit, config))))

    def _drawn(self, source: Trial) -> Iterator[Decision]:
        """Yield copies whose knobs are moved at random."""
        config, situation = source.variant.config, self.situation
        knobs = [knob.reaching(config, self.span) for knob in self.knobs]
        seeds = (situation.seed, situation.round, len(self._known))
        for edits in perturbations(knobs, config, seeds):
            reason = "no rule fired on it, so its knobs are moved at random"
            expects = f"better than {source.name} without that"
            yield Decision(PERTURB, source.name, reason, {"moved": len(edits)}, edits, expects)


def _paths(edit: str, config: Mapping[str, Any]) -> list[str]:
    """The paths that an edit changes in a config; an edit that does not fit keeps its own words."""
    try:
        return [path for path, _, _ in change([edit], config).changes]
    except EditError:
        return [edit]
