"""The base of strategies: a strategy fills the next round."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from autoloop.edits.variants import Variant
from autoloop.rules.base import Decision
from autoloop.strategies.early import EarlyResults
from autoloop.strategies.failed import FailedRegion
from autoloop.strategies.pace import Pace
from autoloop.strategies.remembered import EarlierTrial
from autoloop.study.plans import ANEW, PROBE, REMEMBERED
from autoloop.study.trials import Trial

Bounds = Mapping[str, tuple[float | None, float | None]]

ASKED_FOR = "queue"
"""Who proposes the user's own variants: nothing speaks against what the user asks for."""

OUTSIDE = "outside"
"""Who proposes what the outside proposer wants."""

SAMPLE = "sample"
"""Who proposes points of the space."""

NO_RULES = (ASKED_FOR, OUTSIDE, SAMPLE, PROBE, REMEMBERED, ANEW)
"""Who proposes without being a rule."""

NO_PLACE = "not taken: the round had no place left for it"
"""Why a proposal is left out that nothing speaks against."""


def no_refusal(proposal: Decision) -> str:
    """Refuse no proposal."""
    return ""


def no_misfit(proposal: Decision) -> bool:
    """Know of no proposal that does not compose."""
    return False


def no_decisions(name: str) -> Sequence[Decision]:
    """Know of no rule that fired."""
    return ()


def as_proposed(proposal: Decision) -> object:
    """Tell proposals apart by their words."""
    return (proposal.trial, proposal.edits)


def no_preference(proposal: Decision) -> float:
    """Expect as much of one proposal as of another."""
    return 0.5


@dataclass(frozen=True, slots=True)
class Situation:
    """What a strategy gets to see when a round is to be filled.

    Attributes:
        finished: Trials that ended since the last decision, in the order they were planned; without repeats.
        trials: Every finished trial of the study by name, in the order they were planned, with repeats.
        decisions: The decisions of the rules on ``finished``, including those without edits.
        round: Number of the round to fill.
        seed: Seed of the study, for strategies that draw at random.
        maximize: Whether a larger objective is better.
        refusal: Returns why the loop would refuse a proposal now (has run, changes nothing, beyond its
            bounds, did not help before); empty if it would accept it.
        misfit: Whether the reason is that Hydra cannot compose the config that a proposal leads to.
        outcome: Identifies the config that a proposal leads to: two with an equal outcome are one job.
        preference: How often similar proposals have helped so far (0 to 1; 0.5 if none was tried), from the
            scorecard; decides which of the rules that fired goes first.
        proposed: The proposals of rules for the trial of that name, in any round.
        waiting: The user's variants that wait in the queue, as proposals.
        outside: Proposals of the outside program, if the strategy has one.
        slots: Number of slots that should not be idle: those with GPUs, or as many as ``n_jobs`` sets; None
            if neither is known.
        bounds: Path pattern -> (low, high) for every value an edit may set.
        leave: Path patterns that no strategy may change by itself: the seed, knobs that the trainer ignores.
        opened: Number of jobs that round 1 was planned with, without repeats and replacements of stopped
            jobs.
        planned: Rules of the jobs planned since then, in the order they were planned, without measurements.
        begun: How many of these, the latest, belong to the present round, if it is filled job by job.
        places: Number of further jobs that have a place; None for any number.
        running: Variants of jobs that have not ended, in the order they were planned, without measurements.
        failed: Regions in which jobs failed repeatedly.
        early: What trials had at the steps where some of them were ended (`autoloop.strategies.early`); empty
            where none was.
        earlier: Trials of earlier studies of this app; evidence, never results of this study.
        telling: The trials of a very long study that tell the most, in the order they were planned
            (`autoloop.loop.telling`); None where ``trials`` are few enough to look through.
    """

    finished: Sequence[Trial]
    trials: Mapping[str, Trial]
    decisions: Sequence[Decision]
    round: int
    seed: int = 0
    maximize: bool = False
    refusal: Callable[[Decision], str] = no_refusal
    misfit: Callable[[Decision], bool] = no_misfit
    outcome: Callable[[Decision], object] = as_proposed
    preference: Callable[[Decision], float] = no_preference
    proposed: Callable[[str], Sequence[Decision]] = no_decisions
    waiting: Sequence[Decision] = ()
    outside: Sequence[Decision] = ()
    slots: int | None = None
    bounds: Bounds = field(default_factory=dict)
    leave: Sequence[str] = ()
    opened: int = 0
    planned: Sequence[str] = ()
    begun: int = 0
    places: int | None = None
    running: Sequence[Variant] = ()
    failed: Sequence[FailedRegion] = ()
    early: EarlyResults = field(default_factory=dict)
    earlier: Sequence[EarlierTrial] = ()
    telling: Sequence[Trial] | None = None

    @property
    def looked_at(self) -> Sequence[Trial]:
        """The trials to look through: what that costs does not grow with a very long study."""
        return list(self.trials.values()) if self.telling is None else self.telling


@dataclass(frozen=True, slots=True)
class Probed:
    """What the probes of the learning rate showed.

    Attributes:
        best: The variant with the best rate: the baseline, or a probe.
        places: How many jobs round 1 gets now.
    """

    best: Variant
    places: int


@dataclass(frozen=True, slots=True)
class Opening:
    """What a strategy gets to see when round 1 is to be filled up.

    Attributes:
        start: The baseline.
        planned: Number of jobs that the round has already: starting points, the user's variants, repeats.
        repeats: Number of repeats among them.
        probes: Number of probes of the learning rate among them.
        seed: Seed of the study.
        slots: As in `Situation`.
        bounds: As in `Situation`.
        touched: Paths that the user's variants change.
        leave: As in `Situation`.
        misfit: As in `Situation`.
        pace: How a training goes; where that is not known, or there is to be no probe, why, as a clause.
        probed: What the probes showed; None before there were any.
    """

    start: Variant
    planned: int
    seed: int = 0
    slots: int | None = None
    bounds: Bounds = field(default_factory=dict)
    touched: Sequence[str] = ()
    leave: Sequence[str] = ()
    repeats: int = 0
    misfit: Callable[[Decision], bool] = no_misfit
    probes: int = 0
    pace: Pace | str = "nothing is known of how a training goes"
    probed: Probed | None = None


@dataclass(frozen=True, slots=True)
class Foresight:
    """What a strategy is going to do, shown before anything has run.

    Attributes:
        rules: How it uses the proposals of rules; the list of rules follows these words.
        rounds: How many jobs a later round has, if that is known.
        besides: What else it proposes, line by line.
        opening: What becomes of round 1 while it runs, line by line.
        dry: When it has nothing to propose, as words that follow "when".
    """

    rules: str
    rounds: str = ""
    besides: Sequence[str] = ()
    opening: Sequence[str] = ()
    dry: str = "no rule has anything new to propose"


class Strategy(ABC):
    """Turns what is known into proposals; the loop checks them and refuses some.

    Attributes:
        proposer: The program that is asked for proposals beside it (`autoloop.runner.proposer`); None for
            none.
    """

    proposer: Mapping[str, object] | None = None

    @abstractmethod
    def propose(self, situation: Situation) -> list[Decision]:
        """Return decisions with edits, the most promising first."""

    def open(self, opening: Opening) -> list[Decision]:
        """Return decisions on the baseline that fill up round 1; none by default.

        If they are probes (`autoloop.strategies.probe`), it is called once more when they have been judged,
        with the result (`Opening.probed`).
        """
        return []

    def foresee(self, opening: Opening) -> Foresight:
        """Return what the strategy will do after round 1; shown in the plan.

        Args:
            opening: Round 1 as it is planned.
        """
        return Foresight(f"Of what these rules say of each finished job {type(self).__name__} makes children")

    def passed_over(self, situation: Situation) -> list[tuple[Decision, str]]:
        """Return proposals of rules that `propose` may not use, each with the reason; for the report.

        Those that it uses after all are left out there.
        """
        return []

    def silence(self, situation: Situation) -> str:
        """Say why it has nothing to add to what rules propose; empty for a strategy of rules alone."""
        return ""


def filled_up(size: int, slots: int | None) -> int:
    """Return the smallest multiple of the number of slots that is at least ``size``."""
    return -(-size // slots) * slots if slots else size
