"""What may be due in a study, and the settings that decide which: limits, flow, and the steps themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from autoloop.loop.until import Condition
from autoloop.rules.paths import matches
from autoloop.strategies.base import Generation
from autoloop.study.record import Job

#: Limits that journals of earlier versions do not have, with their defaults.
_LATER = {"max_steps": None, "seeds": 1, "climb": None}


@dataclass(frozen=True, slots=True)
class Climb:
    """How the best of a search are trained for longer, level by level.

    The shape is that of successive halving (Jamieson and Talwalkar, 2016, arXiv:1502.07943), one bracket.

    Attributes:
        lengths: Length of a run at each level, ascending, in the unit of ``knob`` (steps or epochs); the
            first is that of the search.
        keep: How many of a level go to the next one, for each step up: one fewer than ``lengths``.
        knob: Path of the length in the app's config.
    """

    lengths: tuple[int, ...]
    keep: tuple[int, ...]
    knob: str


@dataclass(frozen=True, slots=True)
class Breeding:
    """How the jobs of each round go on from those of the round before: a round is a generation.

    Attributes:
        knob: Path of the length in the app's config.
        length: Length of a generation where the study has no job yet, in the unit of ``knob``.
        free: Patterns of the paths that a job may change when it goes on.
    """

    knob: str
    length: int
    free: tuple[str, ...]

    def generation(self, number: int, start: Mapping[str, Any]) -> Generation:
        """What holds for a round.

        Args:
            number: Its number, from 1.
            start: Config of the baseline in round 1, which has the length of a generation.
        """
        found = next((value for _, value in matches(start, self.knob)), self.length)
        return Generation(self.knob, number * int(found), self.free)


@dataclass(frozen=True, slots=True)
class Limits:
    """When a study ends, whatever the rules say, and what it checks before it believes a result.

    Attributes:
        rounds: Rounds in all.
        max_jobs: Jobs in all, retries not counted; None for no limit.
        max_hours: Hours of running in all, over restarts; None for no limit.
        max_steps: Training steps of all jobs together; None for no limit.
        seeds: So many seeds for each job of the search.
        max_failures: Failed jobs in a row that end the study; None for no limit.
        retries: How often a failed job is tried again.
        fail_fast: End the study at the first failed job.
        patience: Rounds in a row without a gain over the noise that end the study; None for no limit.
        until: The study ends with the round that brings a job for which all of these hold; none for no such
            end.
        racing: So many further seeds, at most, for the leaders of a round that cannot be told apart, before
            children are made of them; 0 for none.
        minimal: Whether the edits of the winner that do nothing are looked for and taken back at the end.
        confirm: So many fresh seeds on which winner and starting point run at the end; None for what
            `autoloop.loop.closing.seeds_to_confirm` finds worth it.
        climb: How the best are trained for longer at the end; None for not at all.
    """

    rounds: int = 1
    max_jobs: int | None = None
    max_hours: float | None = None
    max_steps: int | None = None
    seeds: int = 1
    max_failures: int | None = None
    retries: int = 0
    fail_fast: bool = False
    patience: int | None = None
    until: tuple[Condition, ...] = ()
    racing: int = 0
    minimal: bool = False
    confirm: int | None = None
    climb: Climb | None = None

    def recorded(self) -> Any:
        """These limits as the journal has them; one that older journals lack only where it is set."""
        return _recorded(
            {name: value for name, value in asdict(self).items() if _LATER.get(name, ...) != value}
        )


def _recorded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _recorded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_recorded(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@dataclass(frozen=True, slots=True)
class Flow:
    """How rounds follow each other.

    Attributes:
        barrier: Whether a round is decided about when it is complete; else whenever a slot is free, from what
            is known then. A round is then as many jobs as there are slots.
        quorum: Share (above 0, up to 1) of a round's jobs that must have ended for it to be complete; what
            the others say feeds the next decision.
        refill: Whether the slot of a job that a stop rule ended is given to another idea in the same round.
        slots: How many jobs run at a time; None where the launcher does not tell.
        needs_approval: Whether each round waits for a user's approval before its jobs start.
    """

    barrier: bool = True
    quorum: float = 1.0
    refill: bool = True
    slots: int | None = None
    needs_approval: bool = False


ROUNDS = Flow()
"""Complete rounds, one after the other."""


@dataclass(frozen=True, slots=True)
class Run:
    """Run these jobs, then ask again."""

    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class Requeue:
    """Give this job a new number and run it again."""

    job: Job


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is to be done until a job ends."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing is to be started until a user says so; why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Decide:
    """Ask the rules about the jobs that ended; the round they are recorded under."""

    round: int


@dataclass(frozen=True, slots=True)
class PlanRound:
    """Fill the round of this number; with a number of places only a further part of it.

    Attributes:
        round: Number of the round.
        places: How many jobs it gets; None for as many as the strategy wants.
        aim: ``probe`` where it is what round 1 goes on with after the probe of the learning rate; else empty.
    """

    round: int
    places: int | None = None
    aim: str = ""


@dataclass(frozen=True, slots=True)
class Close:
    """The search is over, and why; what still runs only measures what was found.

    Attributes:
        reason: Why.
        worthy: Name of the job that met every condition of ``until``, where that is why.
    """

    reason: str
    worthy: str = ""


Aim = Literal["race", "anew", "ablate", "reduce", "check", "confirm", "climb"]
"""What is measured: which leader leads, what a warm start comes to from the beginning, which edits seem to do
nothing, the winner without them, whether that is so on further seeds, the winner's gain, and what the best
come to in longer runs."""


@dataclass(frozen=True, slots=True)
class Reseed:
    """Run these jobs' configs once more, each on these seeds, counted from the config's own."""

    aim: Aim
    jobs: tuple[str, ...]
    offsets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TrainAnew:
    """Train a job's config from the beginning, which itself went on from a checkpoint."""

    aim: Aim
    job: str


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Run a job's config once more for each of these groups of paths, without its changes of them."""

    aim: Aim
    job: str
    groups: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Lengthen:
    """Train these jobs' configs for longer: a level of a climb.

    Attributes:
        aim: What it is for.
        jobs: Names of the jobs, the best first.
        level: Number of the level, from 1; the search is level 0.
        knob: Path of the length in the config.
        length: What it is set to.
    """

    aim: Aim
    jobs: tuple[str, ...]
    level: int
    knob: str
    length: int


@dataclass(frozen=True, slots=True)
class Stop:
    """The study ends, and why.

    Attributes:
        reason: Why.
        failed: Whether that is a failure.
        worthy: Name of the job that met every condition of ``until``, where that is why.
    """

    reason: str
    failed: bool = False
    worthy: str = ""


Measure = Reseed | TrainAnew | TakeBack | Lengthen

Step = (
    Run | Requeue | Wait | Hold | Decide | PlanRound | Close | Reseed | TrainAnew | TakeBack | Lengthen | Stop
)
