"""Earlier studies of the same app: which are taken as evidence, and why others are not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from autoloop.curves.objective import Objective
from autoloop.errors import AutoloopError, ConfigError, counted
from autoloop.loop.score import ProposalOutcome, earlier_trials, outcomes
from autoloop.runner.siblings import made_by
from autoloop.store.journal import FILE_NAME, read_study
from autoloop.strategies.remembered import EarlierTrial
from autoloop.study.record import Study
from autoloop.views.past import journals

AUTO = "auto"
"""``learn_from``: the studies that the same pattern of ``hydra.sweep.dir`` made."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What earlier studies tell.

    Attributes:
        trials: Their trials.
        outcomes: What became of their proposals, for the scorecard.
        notes: What was taken from where, in sentences.
    """

    trials: tuple[EarlierTrial, ...] = ()
    outcomes: tuple[ProposalOutcome, ...] = ()
    notes: tuple[str, ...] = ()


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
        return memory_of(
            [(str(path), study) for path, study in _usable(_made_by(pattern, study_dir), task, aim, [])]
        )
    goes_on = (
        study_dir / FILE_NAME
    ).is_file()  # then round 1 is planned, and what is gone by now ends nothing
    found: list[tuple[Path, Study]] = []
    for name in wanted:
        top, refused = Path(name).expanduser(), list[str]()
        usable = list(_usable(_below(top, study_dir), task, aim, refused))
        if not usable and not goes_on:
            why = f": {'; '.join(refused[:3])}" if refused else ""
            raise ConfigError(f"learn_from={name} holds no study to learn from{why}")
        found += usable
    return _memory_of(found)


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


def _memory_of(found: Iterable[tuple[Path, Study]]) -> Memory:
    return memory_of([(str(path), study) for path, study in found])


def memory_of(found: Sequence[tuple[str, Study]]) -> Memory:
    """What some studies tell.

    Args:
        found: What each study is called, and its record.
    """
    trials: list[EarlierTrial] = []
    card: list[ProposalOutcome] = []
    notes: list[str] = []
    for name, study in found:
        own = list(earlier_trials(study, name))
        trials += own
        with suppress(AutoloopError):
            card += outcomes(study)
        known = [trial for trial in own if trial.values and math.isfinite(trial.gain_pct)]
        better = sum(trial.is_better for trial in known)
        count = counted(len(known), "trial")
        notes.append(f"Learns from {name}: {count} beside its baseline, {better} of them better.")
    return Memory(tuple(trials), tuple(card), tuple(notes))
