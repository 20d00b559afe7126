"""A study of several objectives as a study of each: what is known of one objective holds of each of them."""

from __future__ import annotations

from dataclasses import replace

from autoloop.curves.aims import Aims
from autoloop.study.record import Job, Study


def seen_by(study: Study, place: int) -> Study:
    """The study as if the objective of that place were its only one; constraints stay.

    Noise, gains and confirmation of that objective are those of this study.

    Args:
        study: The record of a study with several objectives.
        place: Which of them, from 0.
    """
    aim = study.aims.objectives[place]
    sign = -1 if aim.maximize else 1
    header = study.header
    if place and header.learnt is not None:  # earlier studies tell of the noise of the first objective alone
        header = replace(header, learnt=replace(header.learnt, noise_pct=None))
    return replace(
        study,
        header=header,
        aim=aim,
        aims=Aims(constraints=study.aims.constraints),
        jobs={number: _seen(job, place, sign) for number, job in study.jobs.items()},
        _tally=None,
    )


def each_objective(study: Study) -> list[Study]:
    """The study as each of its objectives sees it; the study itself where it has one."""
    several = [seen_by(study, place) for place in range(len(study.aims.objectives))]
    return several or [study]


def _seen(job: Job, place: int, sign: int) -> Job:
    if not job.known:
        return job
    return replace(job.whole(), objective=sign * job.losses[place], losses=())
