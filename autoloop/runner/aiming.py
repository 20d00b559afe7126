"""What a study is judged by, as its journal has it: said at the start, settled by the first results."""

from __future__ import annotations

import logging
from dataclasses import asdict

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from autoloop.curves.metrics import Metrics
from autoloop.curves.objective import Objective
from autoloop.loop.objective import seen
from autoloop.runner.collect import objective_again
from autoloop.store.journal import Journal
from autoloop.store.redact import logger
from autoloop.study.events import ObjectiveSeen, Unsaid
from autoloop.study.trials import TrialState

log: logging.Logger = logger("autoloop")

NAMED_AT = "optimized_metric"
"""Where apps write down which of their metrics they return."""


def unsaid(aim: Objective) -> Unsaid | None:
    """What the user left unsaid of the objective; None where that is neither metric nor goal."""
    return Unsaid(why=aim.why, open=not aim.metric) if aim.why or not aim.metric else None


def named_in(config: DictConfig) -> str:
    """The metric that an app's config says its task returns.

    Empty where it says none, or one that only the task's own process can read, by a resolver that it
    registers; there it is asked again when the job ends.
    """
    try:
        named = OmegaConf.select(config, NAMED_AT)
    except OmegaConfBaseException as error:
        log.debug("%s tells nothing before the task runs: %s", NAMED_AT, error)
        return ""
    return named if isinstance(named, str) else ""


def say_first(metrics: Metrics, named: str) -> None:
    """Say what the study is judged by, where the user did not say it all; ``named``: see `named_in`."""
    if metrics.aim.why:
        log.info("the objective: %s", metrics.foretold(named))


def settle(journal: Journal, metrics: Metrics, config: DictConfig) -> bool:
    """Write down what the first results show the study to be judged by, where the user did not say.

    Args:
        journal: The open journal.
        metrics: What the user said of metrics.
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
        log.info("the objective: the study %s", aim.told)
    return True
