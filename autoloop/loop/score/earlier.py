"""A finished study as evidence for a later one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from statistics import fmean
from typing import Any

from autoloop.edits import find
from autoloop.edits.effects import IgnoredKnob
from autoloop.loop.score.leader import standings
from autoloop.loop.score.noise import noise
from autoloop.loop.score.pairs import results
from autoloop.loop.score.reduction import Knobs
from autoloop.loop.telling import telling
from autoloop.rules.out_of_memory import MESSAGES
from autoloop.strategies.failed import FailedRegion, failed_regions
from autoloop.strategies.remembered import EarlierTrial
from autoloop.study.identity import from_exact
from autoloop.study.record import Job, Study
from autoloop.study.settled import OPEN
from autoloop.study.trials import TrialState

MOST_PLACED = 200
"""Of so many jobs, the latest, the whole config is told."""


def earlier_trials(study: Study, name: str) -> Iterator[EarlierTrial]:
    """Yield the trials of a study that have a result or diverged, its starting points with them.

    Of a population only the first generation: settings of later ones acted from the middle of a run on.
    Of a very long study those that tell the most (`autoloop.loop.telling`).

    Args:
        study: The record.
        name: What the study is called.
    """
    known, floor, lines = results(study), noise(study), _Lines(study)
    sign = -1 if study.maximize else 1
    jobs = study.counted()
    if len(jobs) > OPEN:
        ended = [job for job in jobs if job.state is not None]
        jobs = telling(ended, standings(study), {}, study.maximize)
    for place, job in enumerate(jobs):
        known_end = job.known or job.state is TrialState.INFEASIBLE
        if job.measures or not known_end or study.generation(job) > 1:
            continue
        placed = place >= len(jobs) - MOST_PLACED
        first, changed = lines.of(job)
        gains = known.gains_pct(job, first) if job.known else ()
        yield EarlierTrial(
            study=name,
            name=job.name,
            values={path: new for path, (_, new) in changed.items()},
            start={path: old for path, (old, _) in changed.items()},
            gain_pct=fmean(gains) if gains else math.nan,
            margin_pct=floor.margin_pct(len(gains)),
            config=config_of(study, changed) if placed and first.place == jobs[0].place else {},
            loss=sign * job.objective if job.known else math.nan,
        )


def ignored_knobs(study: Study, name: str = "") -> list[IgnoredKnob]:
    """The knobs that jobs of a study changed without effect.

    Args:
        study: The record.
        name: What the study is called, if it is an earlier one.
    """
    of_earlier = f" of the earlier study {name}" if name else ""
    return [
        IgnoredKnob(path, f"no effect in {job.name}{of_earlier}: the trainer ignores it")
        for job in study.ineffective()
        for path in job.details.unheeded
    ]


def earlier_failures(study: Study, name: str) -> list[FailedRegion]:
    """Where jobs of a study failed that would fail on any machine: memory and time limits are not counted.

    Args:
        study: The record.
        name: What the study is called.
    """
    counted, lines = study.counted(), _Lines(study)
    trials = [
        job.trial(job.plan.variant(config, job.plan.overrides))
        for job in counted[-MOST_PLACED:]
        if job.state is not None
        and not job.measures
        and not _is_of_machine(job)
        and lines.of(job)[0].place == counted[0].place
        and (config := config_of(study, lines.of(job)[1]))
    ]
    return [replace(region, study=name) for region in failed_regions(trials)]


class _Lines:
    """What jobs descend from, and what sets them apart from that; each ancestor is looked at once."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._known: dict[int, tuple[Job, Knobs]] = {}

    def of(self, job: Job) -> tuple[Job, Knobs]:
        """The starting point of a job, and `knobs` of the job."""
        line: list[Job] = []
        above: Job | None = job
        while above is not None and above.place not in self._known:
            line.append(above)
            above = self._study.parent(above)
        first, found = (line[-1], Knobs()) if above is None else self._known[above.place]
        for one in reversed(line):
            found = dict(found)
            for path, old, new in one.plan.changes:
                found[path] = (found[path][0] if path in found else old, new)
            self._known[one.place] = first, found
        while len(self._known) > OPEN:
            del self._known[next(iter(self._known))]
        return first, {path: pair for path, pair in found.items() if pair[0] != pair[1]}


def _is_of_machine(job: Job) -> bool:
    """Whether a job ended for a reason that another machine, or another limit, may not have."""
    return job.state is TrialState.TIMEOUT or any(text in job.error.lower() for text in MESSAGES)


def config_of(study: Study, changed: Knobs) -> Mapping[str, Any]:
    """The config of a job that descends from a study's first starting point; empty where it is not known.

    Args:
        study: The record; a journal of an older version has no config.
        changed: What sets the job apart from its starting point.
    """
    config: dict[str, Any] = from_exact(study.header.config or {})
    for path, (_, new) in changed.items():
        places = find(path, config)
        if len(places) != 1:
            return {}  # an option of a config group brought it along
        *above, last = places[0]
        node: Any = config
        for key in above:
            node = node[key]
        node[last] = new
    return config
