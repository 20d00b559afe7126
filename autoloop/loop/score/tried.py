"""What was tried on one app over several studies: the best ever, and knobs that never mattered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from autoloop.loop.score.levels import winner
from autoloop.loop.score.noise import noise
from autoloop.loop.score.pairs import each_pair, results
from autoloop.loop.score.reduction import groups, start_of
from autoloop.loop.score.verdicts import Verdict, verdict
from autoloop.study.record import Job, Study

FEWEST = 3
"""So many comparisons, at least, before a knob is said never to have mattered: two may be luck."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What studies show about one knob, from children that changed it and nothing else.

    Attributes:
        knob: Its path; items of one list are one knob.
        compared: Children that could be compared with their parent.
        better: Those better by more than the noise floor of their study.
        worse: Those worse by more than it, or ended by a stop rule or for diverging.
    """

    knob: str
    compared: int
    better: int
    worse: int

    @property
    def mattered(self) -> bool:
        """Whether any change of it was more than noise."""
        return bool(self.better or self.worse)


@dataclass(frozen=True, slots=True)
class StudyOutcome:
    """What one study came to.

    Attributes:
        jobs: Jobs that ended.
        best: What it found; None while no job has a result.
        start: The starting point of that; None likewise.
        gain_pct: Gain of the one over the other at the same seed, in percent; None where it is not known.
        is_sure: Whether the gain is more than the study's noise floor.
    """

    jobs: int
    best: Job | None
    start: Job | None
    gain_pct: float | None
    is_sure: bool


def outcome(study: Study) -> StudyOutcome:
    """What a study came to."""
    best = winner(study)
    jobs = sum(job.state is not None for job in study.counted())
    start = None if best is None else start_of(study, best)
    if best is None or start is None or start.place == best.place:
        return StudyOutcome(jobs, best, start, None, False)
    gains = results(study).gains_pct(best, start)
    gain = sum(gains) / len(gains) if gains else None
    sure = gain is not None and gain > noise(study).margin_pct(len(gains))
    return StudyOutcome(jobs, best, start, gain, sure)


def tried_knobs(studies: Iterable[Study]) -> list[Tried]:
    """What is known of each knob, those first that mattered most often."""
    verdicts: dict[str, list[Verdict]] = {}
    for study in studies:
        floor, known = noise(study), results(study)
        for pair in each_pair(study, known):
            changed = groups(_changes(pair.child))
            if len(changed) == 1 and (pair.gain_pct is not None or pair.child.stopping is not None):
                verdicts.setdefault(_name(changed[0]), []).append(verdict(pair, floor))
    found = [_tried(knob, each) for knob, each in verdicts.items()]
    return sorted(found, key=lambda one: (-(one.better + one.worse), -one.compared, one.knob))


def without_any_effect(tried: Sequence[Tried]) -> list[str]:
    """The knobs that never mattered, as far as enough comparisons tell."""
    return [one.knob for one in tried if not one.mattered and one.compared >= FEWEST]


def _changes(job: Job) -> Mapping[str, object]:
    return {change.path: change.new for change in job.plan.changes}


def _name(paths: Sequence[str]) -> str:
    """One name for the items of a list: ``features.0.weight`` and ``features.1.weight``."""
    first = paths[0]
    if len(paths) == 1:
        return first
    return ".".join("*" if part.isdigit() else part for part in first.split("."))


def _tried(knob: str, found: Sequence[Verdict]) -> Tried:
    return Tried(knob, len(found), found.count(Verdict.BETTER), found.count(Verdict.WORSE))
