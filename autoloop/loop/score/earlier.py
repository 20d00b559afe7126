"""A finished study as evidence for a later one."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

from autoloop.loop.score.noise import noise
from autoloop.loop.score.pairs import results
from autoloop.loop.score.reduction import knobs, root
from autoloop.strategies.remembered import EarlierTrial
from autoloop.study.record import Study


def earlier_trials(study: Study, name: str) -> Iterator[EarlierTrial]:
    """Yield the trials of a study that have a result and differ from their starting point.

    Args:
        study: The record.
        name: What the study is called.
    """
    known, floor = results(study), noise(study)
    for job in study.counted():
        start = root(study, job)
        gains = (
            known.gains_pct(job, start) if job.known and not job.measures and job.place != start.place else ()
        )
        if gains:
            changed = knobs(study, job)
            yield EarlierTrial(
                study=name,
                name=job.name,
                values={path: new for path, (_, new) in changed.items()},
                start={path: old for path, (old, _) in changed.items()},
                gain_pct=fmean(gains),
                margin_pct=floor.margin_pct(len(gains)),
            )
