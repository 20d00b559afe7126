"""Earlier studies of the same app: which are taken as evidence, and why others are not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from autoloop.curves.objective import Objective
from autoloop.edits.effects import IgnoredKnob
from autoloop.errors import AutoloopError, ConfigError, counted
from autoloop.loop.score import (
    ProposalOutcome,
    earlier_failures,
    earlier_noise,
    earlier_trials,
    ignored_knobs,
    latest_outcomes,
)
from autoloop.runner.siblings import made_by
from autoloop.store.journal import FILE_NAME, read_study
from autoloop.strategies.failed import FailedRegion
from autoloop.strategies.remembered import EarlierTrial
from autoloop.study.events import Learnt
from autoloop.study.record import Study
from autoloop.views.past import journals

MOST_NOTES = 3
"""Studies that are passed over, each named with the reason; of more only the number is given."""

AUTO = "auto"
"""``learn_from``: the studies that the same pattern of ``hydra.sweep.dir`` made."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What earlier studies tell.

    Attributes:
        trials: Their trials.
        outcomes: What became of their proposals, for the scorecard.
        ignored: Knobs that their jobs turned in vain.
        closed: Where their jobs failed.
        learnt: What was taken from where, for the journal; None where nothing was asked for.
        keys: What a scorecard calls these studies.
    """

    trials: tuple[EarlierTrial, ...] = ()
    outcomes: tuple[ProposalOutcome, ...] = ()
    ignored: tuple[IgnoredKnob, ...] = ()
    closed: tuple[FailedRegion, ...] = ()
    learnt: Learnt | None = None
    keys: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was taken from where, and what was passed over, in sentences."""
        return self.learnt.notes if self.learnt else ()


NOTHING = Memory()


def remember(wanted: Sequence[str], study_dir: Path, pattern: str, task: str, aim: Objective) -> Memory:
    """Read the earlier studies that are to be learnt from.

    Args:
        wanted: Directories, each a study or one with studies below it; or `AUTO` alone.
        study_dir: The study that begins, which is none of them.
        pattern: ``hydra.sweep.dir`` as it is written.
        task: What the study that begins trains.
        aim: What it is judged by.

    Raises:
        ConfigError: A directory that was named holds no study, or only those of another app or objective.
    """
    if not wanted:
        return Memory()
    if list(wanted) == [AUTO]:
        others = list[str]()
        beside = list(_usable(_made_by(pattern, study_dir), task, aim, others))
        return _memory_of(beside, others)
    # Round 1 of a study that goes on is planned, so what is gone by now ends nothing.
    goes_on = (study_dir / FILE_NAME).is_file()
    found: list[tuple[Path, Study]] = []
    passed_over = list[str]()
    for name in wanted:
        top, refused = Path(name).expanduser(), list[str]()
        usable = list(_usable(_below(top, study_dir), task, aim, refused))
        if not usable and not goes_on:
            why = f": {'; '.join(refused[:3])}" if refused else ""
            raise ConfigError(f"learn_from={name} holds no study to learn from{why}")
        found += usable
        passed_over += refused
    return _memory_of(found, passed_over)


def _made_by(pattern: str, study_dir: Path) -> Iterator[Path]:
    own = study_dir.resolve()
    return (path for path in made_by(pattern) if (path / FILE_NAME).is_file() and path.resolve() != own)


def _below(top: Path, study_dir: Path) -> Iterator[Path]:
    own = study_dir.resolve()
    return (path for path in journals(top) if path.resolve() != own) if top.is_dir() else iter(())


def _usable(
    paths: Iterator[Path], task: str, aim: Objective, refused: list[str]
) -> Iterator[tuple[Path, Study]]:
    """The studies that are of this app and objective; why others are not goes into ``refused``."""
    for path in paths:
        try:
            study = read_study(path)
        except AutoloopError as error:
            refused.append(f"{path}: {error}")
            continue
        why = other_than(study, task, aim)
        if why:
            refused.append(f"{path} {why}")
        else:
            yield path, study


def other_than(study: Study, task: str, aim: Objective) -> str:
    """Why a study tells nothing of this app and objective, as words; empty where it does.

    Where one of the two does not know its objective yet, the name alone is not held against it.
    """
    if (study.header.task or "") != task:
        return f"is a study of {study.header.task!r}, not of {task!r}"
    theirs = study.aim
    if aim.metric and theirs.metric and aim.metric != theirs.metric:
        return f"is judged by {theirs.metric}, not by {aim.metric}"
    if not aim.why and theirs.goal != aim.goal:
        return f"wants {theirs.metric or 'its result'} {theirs.goal}, not {aim.goal}"
    return ""


def _memory_of(found: Sequence[tuple[Path, Study]], passed_over: Sequence[str]) -> Memory:
    """What studies tell, each called by its directory."""
    memory = memory_of([(str(path), study) for path, study in found])
    notes = [f"Passed over: {why}." for why in passed_over[:MOST_NOTES]]
    more = len(passed_over) - len(notes)
    notes += [f"Passed over as well: {counted(more, 'other')}."] if more > 0 else []
    learnt = replace(memory.learnt or Learnt(), notes=(*memory.notes, *notes))
    keys = tuple(str(path.resolve()) for path, _ in found)
    return replace(memory, learnt=learnt if learnt.notes else None, keys=keys)


def memory_of(found: Sequence[tuple[str, Study]]) -> Memory:
    """What some studies tell.

    Args:
        found: What each study is called, and its record.
    """
    latest = sorted(found, key=lambda one: -_begun(one[1]))
    each = [_of_study(name, study) for name, study in latest]
    notes = [line for one in each for line in one.notes]
    pct, source = earlier_noise(found) or (None, "")
    if pct is not None:
        notes.append(f"Noise until this study has measured it: {pct:.2g} %, {source}.")
    return Memory(
        trials=tuple(chain.from_iterable(one.trials for one in each)),
        outcomes=tuple(chain.from_iterable(one.outcomes for one in each)),
        ignored=tuple(chain.from_iterable(one.ignored for one in each)),
        closed=tuple(chain.from_iterable(one.closed for one in each)),
        learnt=Learnt(notes=tuple(notes), noise_pct=pct, source=source) if found else None,
    )


def _begun(study: Study) -> float:
    """When a study began, seconds since the epoch; that of a journal that does not say so long ago."""
    return study.header.time if math.isfinite(study.header.time) else -math.inf


def _of_study(name: str, study: Study) -> Memory:
    """What one study tells; nothing but the reason where an entry of its journal is damaged."""
    try:
        own, ignored = tuple(earlier_trials(study, name)), ignored_knobs(study, name)
        failed = earlier_failures(study, name)
        notes = (_note(name, own), *_further_notes(name, ignored, failed))
        return Memory(own, tuple(latest_outcomes(study)), tuple(ignored), tuple(failed), Learnt(notes=notes))
    except AutoloopError as error:
        return Memory(learnt=Learnt(notes=(f"Passed over: {name}: {error}.",)))


def _note(name: str, own: Sequence[EarlierTrial]) -> str:
    known = [trial for trial in own if trial.values and math.isfinite(trial.gain_pct)]
    better = sum(trial.is_better for trial in known)
    return f"Learns from {name}: {counted(len(known), 'trial')} beside its baseline, {better} of them better."


def _further_notes(
    name: str, ignored: Sequence[IgnoredKnob], failed: Sequence[FailedRegion]
) -> Iterator[str]:
    """Yield what else is known from a study."""
    if ignored:
        paths = ", ".join(dict.fromkeys(one.path for one in ignored))
        yield f"The trainer ignored {paths} in {name}: no rule or sampler changes it here."
    for region in failed:
        yield f"No job goes to {region.description}, unless you ask for it."
