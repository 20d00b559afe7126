"""What a strategy is: it fills the next round."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from autoloop.edits.variants import Variant
from autoloop.rules.base import Decision
from autoloop.strategies.failed import FailedRegion
from autoloop.study.plans import REMEMBERED
from autoloop.study.trials import Trial

Bounds = Mapping[str, tuple[float | None, float | None]]

ASKED_FOR = "queue"
"""Who proposes the user's own variants: nothing speaks against what the user asks for."""

OUTSIDE = "outside"
"""Who proposes what the outside proposer wants."""

SAMPLE = "sample"
"""Who proposes points of the space."""

NO_RULES = (ASKED_FOR, OUTSIDE, SAMPLE, REMEMBERED)
"""Who proposes without being a rule."""

NO_PLACE = "not taken: the round had no place left for it"
"""Why a proposal is left out that nothing speaks against."""


def no_refusal(proposal: Decision) -> str:
    """Refuse no proposal."""
    return ""


def no_misfit(proposal: Decision) -> bool:
    """Know of no proposal that does not compose."""
    return False


def nothing_said(name: str) -> Sequence[Decision]:
    """Know of no rule that spoke."""
    return ()


def as_proposed(proposal: Decision) -> object:
    """Tell proposals apart by their words."""
    return (proposal.trial, proposal.edits)


def no_preference(proposal: Decision) -> float:
    """Expect as much of one proposal as of another."""
    return 0.5


@dataclass(frozen=True, slots=True)
class Situation:
    """All a strategy may look at when a round is to be filled.

    Attributes:
        finished: Trials that ended since the last decision, as they were planned; repeats are not among them.
        trials: Every finished trial of the study by name, as they were planned, repeats included.
        decisions: What the rules said of ``finished``, silent ones included.
        round: Number of the round to fill.
        seed: Seed of the study, for strategies that draw.
        maximize: Whether a larger objective is better.
        refusal: Says why the loop would refuse a proposal as things stand (has run, changes nothing, beyond
            its bounds, did not help before); empty where it would take it.
        misfit: Whether the reason is that Hydra does not compose the config that a proposal leads to.
        outcome: Tells proposals apart by the config they lead to: two with an equal outcome are one job.
        preference: How often a proposal like this one has helped so far (0 to 1, 0.5 where it was never
            tried): the scorecard's word on which of the rules that fired goes first.
        proposed: What rules proposed when they were asked about the trial of that name, in whatever round.
        waiting: Variants of the user's that wait in the queue, as proposals.
        outside: What the outside proposer wants, if the strategy has one.
        slots: Of so many slots none is to stand idle: those with GPUs, or as many as ``n_jobs`` asks for;
            None where neither is known.
        bounds: Path pattern -> (low, high) for every value an edit may set.
        leave: Path patterns of what no strategy is to turn by itself: the seed, knobs that the trainer does
            not heed.
        opened: How many jobs round 1 was planned with, not counting repeats and what took the place of
            stopped jobs.
        planned: Rules of the jobs that were planned since, as they were planned, measurements aside.
        begun: How many of these, the latest, the round has already: where a round is filled job by job.
        places: How many more jobs there is room for; None for any number.
        running: Variants of jobs that have not ended, as they were planned, measurements aside.
        failed: Where jobs failed again and again.
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
    proposed: Callable[[str], Sequence[Decision]] = nothing_said
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


@dataclass(frozen=True, slots=True)
class Opening:
    """All a strategy may look at when round 1 is to be filled up.

    Attributes:
        start: The baseline.
        planned: How many jobs the round has already: starting points, the user's variants, repeats.
        repeats: How many of these are repeats.
        seed: Seed of the study.
        slots: As in `Situation`.
        bounds: As in `Situation`.
        touched: Paths that the user's variants change.
        leave: As in `Situation`.
        misfit: As in `Situation`.
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


@dataclass(frozen=True, slots=True)
class Foresight:
    """What a strategy is going to do, told before anything has run.

    Attributes:
        rules: What it makes of what the rules propose, as words that the list of rules follows.
        rounds: How many jobs a later round has, where that can be told.
        besides: What else it proposes, line by line.
        dry: When it has nothing to propose, as words that follow "when".
    """

    rules: str
    rounds: str = ""
    besides: Sequence[str] = ()
    dry: str = "no rule has anything new to propose"


class Strategy(ABC):
    """Turns what is known into proposals; the loop checks them and says no where it must.

    Attributes:
        proposer: The program that is asked for proposals beside it (`autoloop.runner.proposer`); None for
            none.
    """

    proposer: Mapping[str, object] | None = None

    @abstractmethod
    def propose(self, situation: Situation) -> list[Decision]:
        """Return decisions with edits, the most wanted first."""

    def open(self, opening: Opening) -> list[Decision]:
        """Return decisions on the baseline that fill up round 1; none unless a strategy wants some."""
        return []

    def foresee(self, opening: Opening) -> Foresight:
        """Say what the strategy will do after round 1; for the plan.

        Args:
            opening: Round 1 as it is planned.
        """
        return Foresight(f"Of what these rules say of each finished job {type(self).__name__} makes children")

    def passed_over(self, situation: Situation) -> list[tuple[Decision, str]]:
        """Return what rules proposed and `propose` may not take up, each with why; for the report.

        What it took up all the same is not told so.
        """
        return []

    def silence(self, situation: Situation) -> str:
        """Say why it has nothing to add to what rules propose; empty for a strategy of rules alone."""
        return ""


def filled_up(size: int, slots: int | None) -> int:
    """Return the smallest multiple of the number of slots that is at least ``size``."""
    return -(-size // slots) * slots if slots else size
