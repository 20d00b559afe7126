"""What a study is judged by, as its journal has it: said at the start, settled by the first results."""

from __future__ import annotations

import logging
from dataclasses import asdict

from omegaconf import DictConfig

from autoloop.curves.aims import WATCHED, Aims
from autoloop.curves.metrics import Metrics
from autoloop.curves.objective import Objective
from autoloop.engine.launchers import JobLauncher
from autoloop.errors import ConfigError
from autoloop.loop.objective import seen
from autoloop.runner.collect import objective_again
from autoloop.runner.named import named_in
from autoloop.store.journal import Journal
from autoloop.store.redact import logger
from autoloop.study.events import AssumedObjective, ObjectiveSeen
from autoloop.study.trials import TrialState

log: logging.Logger = logger("autoloop")

NOT_RACED = (
    "no running job is ended for being behind: the one ahead may break a constraint, or be worse elsewhere"
)
"""What becomes of the stop rules that compare jobs, where the user has several objectives or constraints."""


def assumed(aim: Objective) -> AssumedObjective | None:
    """What is assumed of the objective; None if the user set metric and goal."""
    return AssumedObjective(why=aim.why, open=not aim.metric) if aim.why or not aim.metric else None


def log_aims(metrics: Metrics, named: str) -> None:
    """Log what the study is judged by, if the user did not set all of it; ``named``: see `named_in`."""
    for line in describe_aims(metrics, named):
        log.info("%s", line)


def describe_aims(metrics: Metrics, named: str) -> list[str]:
    """What the study is judged by, line by line; nothing if the user set all of it and it is one number."""
    aims = metrics.aims
    lines = [f"the objective: {metrics.description(named)}"] if metrics.aim.why else []
    if aims.several:
        lines.append(f"several objectives, of which the study finds the front: {aims.description}")
    elif aims:
        limits = ", ".join(one.description for one in aims.constraints)
        lines.append(f"a trial that breaks one of these never wins: {limits}")
    if aims:
        lines.append(NOT_RACED)
    return lines


def check_measured(aims: Aims, launcher: JobLauncher) -> None:
    """See to it that somebody measures what objectives and constraints ask for.

    Raises:
        ConfigError: They ask for what only a supervisor of ours can measure, and the launcher has none.
    """
    asked = [name for name in aims.names if name in WATCHED]
    if asked and not launcher.streams:
        raise ConfigError(
            f"{', '.join(asked)} can only be measured by a supervisor, and hydra/launcher="
            f"{launcher.kind.name} has none: choose hydra/launcher=slots or slurm, or let the task log or "
            "return it under this name"
        )


def settle(journal: Journal, metrics: Metrics, config: DictConfig) -> bool:
    """Write down what the first results show the study to be judged by, where the user did not say.

    Args:
        journal: The open journal.
        metrics: What the user set for metrics.
        config: The app's config, which may name what is returned.

    Returns:
        Whether it was news.
    """
    study = journal.study
    before = study.aim
    aim = seen(study, metrics, named_in(config)) if study.open else None
    if aim is None:
        return False
    ended = [job for job in study.jobs.values() if job.state is TrialState.COMPLETE]
    place, aimed = journal.path.parent, metrics.aimed(aim)
    values = {job.job: objective_again(job, place, aimed) for job in ended}
    journal.append(ObjectiveSeen(**asdict(aim), values=values))
    if aim != before:
        log.info("the objective: the study %s", aim.description)
    return True
