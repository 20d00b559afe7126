"""Which edits of a winner do nothing.

It is run without each of them at its own seed, which leaves suspects; then without all suspects, and that is
compared with the winner on further seeds. Only what holds there is taken back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from autoloop.loop.score.generations import Generations
from autoloop.loop.score.leader import leader
from autoloop.loop.score.noise import Noise, noise
from autoloop.loop.score.pairs import afterwards, results
from autoloop.loop.until import conditions_met
from autoloop.study.record import CHECK, Job, Study

Knobs = dict[str, tuple[Any, Any]]
"""Path -> (value in the starting point, value now) of what differs."""

Paths = tuple[str, ...]

_ITEM = re.compile(r"\.\d+(?=\.|$)")


def root(study: Study, job: Job) -> Job:
    """The starting point that a job descends from."""
    return _line(study, job)[-1]


def start_of(study: Study, job: Job) -> Job | None:
    """The starting point that a job is compared with: in a population what it came to in the same generation.

    None where it did not get there.
    """
    return Generations.of(study).beside(job, root(study, job))


def knobs(study: Study, job: Job) -> Knobs:
    """What sets a job's config apart from that of its starting point."""
    return _knobs(_line(study, job))


def _line(study: Study, job: Job) -> list[Job]:
    """A job and all it descends from, the starting point last."""
    line = [job]
    while (parent := study.parent(line[-1])) is not None:
        line.append(parent)
    return line


def _knobs(line: Sequence[Job]) -> Knobs:
    """What the first of a line changed against the last."""
    found: Knobs = {}
    for step in reversed(line):
        for path, old, new in step.plan.changes:
            found[path] = (found[path][0] if path in found else old, new)
    return {path: (old, new) for path, (old, new) in found.items() if old != new}


def groups(job_knobs: Mapping[str, object]) -> list[Paths]:
    """Paths that belong together: items of one list, ``features.0.weight`` and ``features.1.weight``."""
    by_shape: dict[str, list[str]] = {}
    for path in job_knobs:
        by_shape.setdefault(_ITEM.sub(".*", path), []).append(path)
    return [tuple(paths) for paths in by_shape.values()]


def without(study: Study, job: Job, paths: Paths) -> Job | None:
    """The job that ran with another's config but for these knobs, which it left as they were; or None.

    One that went on from a checkpoint is none: the other was trained from the beginning.
    """
    line = _line(study, job)
    wanted = {path: pair for path, pair in _knobs(line).items() if path not in paths}
    ideas = (
        one
        for one in study.counted()
        if not one.is_repeat and not study.is_warm(one) and one.place != job.place
    )
    similar = (other for one in ideas if (other := _line(study, one))[-1].place == line[-1].place)
    return next((other[0] for other in similar if _knobs(other) == wanted), None)


def reductions(study: Study, winner: Job) -> list[Paths]:
    """What to take back from the winner together, one try after the other.

    First all groups of its knobs without which it was not worse at its own seed, then the half of them that
    it missed least, and so on: among edits that only seemed idle the one that does most hides in the other
    half. None before the search is over.
    """
    found = idle(study, winner) if study.closing else []
    sizes = [len(found)] if found else []
    while sizes and sizes[-1] > 1:
        sizes.append((sizes[-1] + 1) // 2)
    return [tuple(path for group in found[:size] for path in group) for size in sizes]


def idle(study: Study, winner: Job) -> list[Paths]:
    """Groups of the winner's knobs without which it is not worse at its own seed, the least missed first."""
    known, floor = results(study), noise(study)
    gains = {}
    for group in groups(knobs(study, winner)):
        other = without(study, winner, group)
        if other is not None and _stands_in(study, other):
            gains[group] = known.gains_pct(other, winner)
    kept = [group for group, found in gains.items() if _no_worse(found, floor)]
    return sorted(kept, key=lambda group: -fmean(gains[group]))


def seems_idle(study: Study, winner: Job, paths: Paths) -> bool:
    """Whether the winner without these knobs ran and is not worse at its own seed."""
    other = without(study, winner, paths)
    if other is None or not _stands_in(study, other):
        return False
    return _no_worse(results(study).gains_pct(other, winner), noise(study))


def _stands_in(study: Study, other: Job) -> bool:
    """Whether a job has a result that keeps the constraints, and what ``until`` asks for.

    The latter where the winner was chosen by that.
    """
    return (
        other.known and other.feasible and all(condition.holds(other) for condition in conditions_met(study))
    )


def is_idle(study: Study, winner: Job, paths: Paths) -> bool:
    """Whether that holds on the further seeds of `CHECK` too, by which nothing was chosen."""
    return seems_idle(study, winner, paths) and _no_worse(checked(study, winner, paths), noise(study))


def checked(study: Study, winner: Job, paths: Paths) -> tuple[float, ...]:
    """Gains of the winner without these knobs over the winner, in percent, one for each further seed."""
    other = without(study, winner, paths)
    if other is None:
        return ()
    return results(study).compare(afterwards(study, other, CHECK), afterwards(study, winner, CHECK))


def _no_worse(gains: Sequence[float], floor: Noise) -> bool:
    """Whether gains at common seeds show no loss beyond the noise."""
    return bool(gains) and fmean(gains) >= -floor.margin_pct(len(gains))


def reduced(study: Study) -> Job | None:
    """The winner without its idle edits, if that was asked for and found out."""
    best = leader(study)
    if best is None:
        return None
    found = next((paths for paths in reductions(study, best) if is_idle(study, best, paths)), None)
    return None if found is None else without(study, best, found)


def without_effect(study: Study) -> Paths:
    """Paths of the leader's edits that do nothing and are not part of the winner."""
    best, found = leader(study), reduced(study)
    if best is None or found is None:
        return ()
    left = knobs(study, found)
    return tuple(path for path in knobs(study, best) if path not in left)


def chosen(study: Study) -> Job | None:
    """What a search chose: the leader, without the edits that do nothing where that was found out."""
    return reduced(study) or leader(study)
