"""Which edits of a winner do nothing: it is run without each of them, at its own seed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from autoloop.score.leader import leader
from autoloop.score.noise import noise
from autoloop.score.pairs import Pair, gains_pct, results
from autoloop.score.verdicts import Verdict, verdict
from autoloop.study import Job, Study

Knobs = dict[str, tuple[Any, Any]]
"""Path -> (value in the starting point, value now) of what differs."""

_ITEM = re.compile(r"\.\d+(?=\.|$)")


def root(study: Study, job: Job) -> Job:
    """The starting point that a job descends from."""
    return _line(_by_name(study), job)[-1]


def knobs(study: Study, job: Job) -> Knobs:
    """What sets a job's config apart from that of its starting point."""
    return _knobs(_line(_by_name(study), job))


def _by_name(study: Study) -> dict[str, Job]:
    return {job.name: job for job in study.counted()}


def _line(jobs: Mapping[str, Job], job: Job) -> list[Job]:
    """A job and all it descends from, the starting point last."""
    line, seen = [job], {job.name}
    while (parent := jobs.get(line[-1].plan.parent or "")) is not None and parent.name not in seen:
        seen.add(parent.name)
        line.append(parent)
    return line


def _knobs(line: Sequence[Job]) -> Knobs:
    """What the first of a line changed against the last."""
    found: Knobs = {}
    for step in reversed(line):
        for path, old, new in step.plan.changes:
            found[path] = (found[path][0] if path in found else old, new)
    return {path: (old, new) for path, (old, new) in found.items() if old != new}


def groups(job_knobs: Mapping[str, object]) -> list[tuple[str, ...]]:
    """Paths that belong together: items of one list, ``features.0.weight`` and ``features.1.weight``."""
    by_shape: dict[str, list[str]] = {}
    for path in job_knobs:
        by_shape.setdefault(_ITEM.sub(".*", path), []).append(path)
    return [tuple(paths) for paths in by_shape.values()]


def without(study: Study, job: Job, paths: tuple[str, ...]) -> Job | None:
    """The job that ran with another's config but for these knobs, which it left as they were; or None."""
    jobs = _by_name(study)
    line = _line(jobs, job)
    wanted = {path: pair for path, pair in _knobs(line).items() if path not in paths}
    others = (_line(jobs, one) for one in jobs.values() if not one.is_repeat and one.name != job.name)
    kin = (other for other in others if other[-1].name == line[-1].name)
    return next((other[0] for other in kin if _knobs(other) == wanted), None)


def idle(study: Study, winner: Job) -> list[tuple[str, ...]]:
    """Groups of the winner's knobs without which it is not worse, as far as that was tried."""
    return [group for group in groups(knobs(study, winner)) if _dispensable(study, winner, group)]


def _dispensable(study: Study, winner: Job, paths: tuple[str, ...]) -> bool:
    """Whether the winner without these knobs was run and is not worse than the winner by more than noise."""
    other = without(study, winner, paths)
    if other is None or not other.known:
        return False
    by_seed = results(study)
    gains = gains_pct(study, by_seed.get(other.name, {}), by_seed.get(winner.name, {}))
    said = verdict(Pair(other, winner, gains), noise(study))
    return bool(gains) and said is not Verdict.WORSE


def idle_paths(study: Study, winner: Job) -> tuple[str, ...]:
    """The paths of all idle groups together."""
    return tuple(path for group in idle(study, winner) for path in group)


def reduced(study: Study) -> Job | None:
    """The winner without its idle edits, if that was asked for, ran, and is no worse than the winner."""
    best = leader(study) if "reduce" in study.measured else None
    paths = idle_paths(study, best) if best is not None else ()
    if best is None or not paths or not _dispensable(study, best, paths):
        return None
    return without(study, best, paths)


def without_effect(study: Study) -> tuple[str, ...]:
    """Paths of the leader's edits that do nothing and are not part of the winner."""
    best = leader(study)
    return idle_paths(study, best) if best is not None and reduced(study) is not None else ()


def winner(study: Study) -> Job | None:
    """What a study found: the leader, without the edits that do nothing where that was found out."""
    return reduced(study) or leader(study)
