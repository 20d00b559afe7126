"""Generations of a population: the length that a study begins with, and members that go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autoloop.config.climbing import Continues, check_continues
from autoloop.config.compose import Composer
from autoloop.config.rerun import merge_overrides
from autoloop.config.settings import Settings
from autoloop.edits import path_of
from autoloop.edits.variants import Variant
from autoloop.errors import ConfigError, EditError
from autoloop.loop.filling import Derive, Derived
from autoloop.loop.steps import Breeding
from autoloop.rules.paths import matches
from autoloop.runner.longer import checkpoint_of, continuing, keeping, without_continuing
from autoloop.runner.searching import Search
from autoloop.strategies.base import Generation
from autoloop.study.record import POPULATION, Job, Study
from autoloop.study.trials import TrialState

WANTED = "strategy=population"


def refuse_contradictions(settings: Settings) -> None:
    """See to it that no other setting contradicts the strategy's generations.

    Raises:
        ConfigError: One does; the message names it and says why.
    """
    for setting, contradicts, why in _contradictions(settings) if settings.strategy.breeds else ():
        if contradicts:
            raise ConfigError(f"{WANTED} and {setting} do not go together: {why}")


def breeding(search: Search, settings: Settings, composer: Composer) -> tuple[Search, Settings]:
    """Let a study begin with the length of its first generation, and its runs keep what others go on from.

    A study whose strategy has no generations is left as it is.

    Args:
        search: What is searched.
        settings: The study's settings.
        composer: Composes the config of the baseline.

    Returns:
        The search whose starting points have that length and keep their checkpoints, and settings that fit.

    Raises:
        ConfigError: The trainer cannot continue, or the config has no length.
    """
    strategy = settings.strategy
    if not strategy.breeds:
        return search, settings
    continues = check_continues(settings.climbing.continues, WANTED)
    config = composer.config([*(one.values[0] for one in search.overrides if one.values), *search.starts])
    knob = settings.climbing.knob_of(config, WANTED)
    key = f"{composer.root}.{knob}" if composer.root else knob
    length = _length(int(matches(config, knob)[0][1]), settings, f"{WANTED}: {knob}")
    given = next((one for one in search.overrides if one.path in (key, knob)), None)
    if given is not None and (len(given.values) > 1 or given.entry is not None):
        raise ConfigError(f"{WANTED}: all members have the same length; give one instead of {given.text}")
    kept = keeping(continues)
    starts = (*search.starts, f"{given.key if given else key}={length}", *kept)
    overrides = tuple(one for one in search.overrides if one is not given)
    limits = replace(settings.limits, confirm=0)  # its winner is a schedule, which no further seed repeats
    flow = replace(settings.flow, refill=False)
    known = Breeding(knob, length, continues.knobs)
    return (
        replace(search, overrides=overrides, starts=starts, kept=kept),
        replace(settings, limits=limits, flow=flow, climbing=replace(settings.climbing, breeding=known)),
    )


def _length(whole: int, settings: Settings, named: str) -> int:
    """Length of a generation: what the user said, else a share of the length of the baseline."""
    rounds = settings.limits.rounds
    length = settings.strategy.interval or whole // rounds
    if length < 1:
        raise ConfigError(f"{named}={whole} cannot be divided among {rounds} rounds; set strategy.interval")
    return length


def _contradictions(settings: Settings) -> Iterator[tuple[str, bool, str]]:
    """Yield settings that do not go with generations, whether they are set, and why they do not."""
    limits, flow, wish = settings.limits, settings.flow, settings.climbing
    schedule = "the winner is one run whose settings changed on the way, and it is not run again"
    whole = "a generation goes on when all of it has ended"
    yield "climb", bool(wish.lengths), "runs become longer with every round anyway"
    yield "warm_start", wish.warm_start, "runs go on from the end of others, not from their middle"
    yield "several objectives", settings.metrics.aims.several, "members are ranked by one number"
    yield f"seeds={limits.seeds}", limits.seeds > 1, "a member is one run with one seed"
    yield f"racing={limits.racing}", limits.racing > 0, "all but the worst members train on anyway"
    yield "minimal=true", limits.minimal, schedule
    yield f"confirm={limits.confirm}", bool(limits.confirm), schedule
    yield (
        f"patience={limits.patience}",
        limits.patience is not None,
        "each round is longer than the one before",
    )
    yield "barrier=false", not flow.barrier, whole
    yield f"quorum={flow.quorum:g}", flow.quorum < 1, whole
    yield (
        f"n_trials={settings.n_trials}",
        settings.n_trials is not None,
        "say rounds and strategy.size instead",
    )
    yield "rounds=1", limits.rounds < 2, "a round is a generation, and nothing is replaced before the second"


def length_begun(search: Search, known: Breeding | None, study: Study) -> Search:
    """The search of a study whose generations have the length that it began with, whatever is set now."""
    first = next(iter(study.counted()), None)
    if first is None or known is None:
        return search
    lengths = {
        key: word
        for word in first.plan.overrides
        if f".{(key := word.partition('=')[0]).lstrip('+')}".endswith(f".{known.knob}")
    }
    return replace(search, starts=tuple(lengths.get(word.partition("=")[0], word) for word in search.starts))


@dataclass(frozen=True, slots=True)
class NextGeneration:
    """Makes the members of a generation: each goes on from the checkpoint of its parent where it can.

    Attributes:
        continues: How a run of this app goes on.
        study: The record.
        study_dir: The study's directory.
        composer: Composes configs.
        anew: Makes children that start anew.
        number: Number of the generation.
        generation: What holds for it.
    """

    continues: Continues
    study: Study
    study_dir: Path
    composer: Composer
    anew: Derive
    number: int
    generation: Generation

    def derive(self, parent: Variant, edits: Sequence[str]) -> Derived:
        """See `Derive`.

        A child whose edits are not all of `Continues.knobs` trains from the beginning, which only a user asks
        for.

        Raises:
            EditError: The edits do not fit the parent's config, or it left no checkpoint.
        """
        job = self.study.by_name(parent.name)
        bare = without_continuing(parent, job, self.continues)
        own = [edit for edit in edits if path_of(edit) != self.generation.knob]
        child = self.anew(bare, own) if own else Derived(bare.config, bare.overrides, bare.signature)
        source = (
            self._source(job) if all(self.continues.heeds(path) for path, _, _ in child.changes) else None
        )
        overrides = merge_overrides(child.overrides, [f"{self._key}={self.generation.length}"])
        begins: Mapping[str, Any] = {}
        if source is not None:
            checkpoint = checkpoint_of(source, self.continues, self.study_dir)
            if checkpoint is None:
                where = f"{self.continues.checkpoint} in {source.run_dir}"
                raise EditError(f"{source.name} left no checkpoint to go on from ({where})")
            overrides = continuing(overrides, self.continues, checkpoint)
            begins = {"from_step": source.steps, "from_job": source.name}
        if self.number > 1:
            begins = {"generation": self.number, "length": self.generation.length, **begins}
        return replace(
            child,
            config=self.composer.config(overrides),
            overrides=overrides,
            signature=self.composer.signature(overrides),
            begins=begins,
            name="" if own or job is None else f"{self._idea(job).name}-{self.generation.length}",
        )

    def _source(self, job: Job | None) -> Job | None:
        """The job whose checkpoint a child goes on from: of an earlier generation, and complete."""
        while job is not None and not (
            self.study.generation(job) < self.number and job.state is TrialState.COMPLETE
        ):
            job = self.study.parent(job)
        return job

    def _idea(self, job: Job) -> Job:
        """The job that a member was at first, or when it was last edited."""
        while job.rule == POPULATION and (parent := self.study.parent(job)) is not None:
            job = parent
        return job

    @property
    def _key(self) -> str:
        knob = self.generation.knob
        return f"{self.composer.root}.{knob}" if self.composer.root else knob
