"""Who takes part: every rival gets a task's baseline, its box and a number of jobs, and selects a config."""

from __future__ import annotations

import json
import logging
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from autoloop.config.judging import Judging
from autoloop.edits import apply
from autoloop.strategies import MixedStrategy, RulesStrategy, Strategy
from autoloop.strategies.space import read_space
from contest.study import SLOTS, MemoryStudy
from contest.task import Floats, Task

BUDGETS = (12, 24)
MEANT = 10  # studies of each rival on each task
SHARE = 0.6  # of the steps: what a study with stop rules needs, as it is hoped
STOP_RULES = "thrifty"
MOST_STOPPED = 3  # times as many jobs as without stop rules

Config = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a rival selected.

    Attributes:
        config: The config.
        value: Its result in the study.
        steps: Steps that the study trained until then.
        jobs: Jobs that it started until then.
    """

    config: Config
    value: float
    steps: int
    jobs: int


Choices = dict[int, Choice]
"""Budget in jobs -> the choice."""


class Box:
    """A task's box as a unit cube around configs."""

    def __init__(self, task: Task, seed: int) -> None:
        self.start = {**task.config, "seed": seed}
        self.knobs = read_space(self.start, {}, task.bounds, (), 4.0)

    def config(self, point: Any) -> Config:
        edits = [knob.edit(float(unit)) for knob, unit in zip(self.knobs, point, strict=True)]
        return apply([edit for edit in edits if edit], self.start)

    def point(self) -> Floats:
        return np.clip([knob.unit(self.start) for knob in self.knobs], 0.0, 1.0)


Ask = Callable[[Box, int, list[Any], list[float]], list[Any]]


def ask_and_tell(ask: Ask) -> Callable[[Task, int], Choices]:
    """A rival that proposes points from the results so far, a round of four at a time."""

    def study(task: Task, seed: int) -> Choices:
        box = Box(task, seed)
        points, configs, values = [box.point()], [box.start], [_result(task, box.start)]
        while len(points) < max(BUDGETS):
            for point in ask(box, SLOTS - len(points) % SLOTS, points, values):
                points.append(point)
                configs.append(box.config(point))
                values.append(_result(task, configs[-1]))
        return {jobs: _first_best(configs, values, jobs, task.steps) for jobs in BUDGETS}

    return study


def _first_best(configs: list[Config], values: list[float], jobs: int, steps: int) -> Choice:
    best = int(np.argmin(values[:jobs]))
    return Choice(configs[best], values[best], jobs * steps, jobs)


def draw(box: Box, count: int, points: list[Any], values: list[float]) -> list[Any]:
    """Draw evenly."""
    rng = np.random.default_rng([box.start["seed"], len(points)])
    return list(rng.random((count, len(box.knobs))))


def optuna_asks(kind: str) -> Ask:
    """Ask Optuna, with the baseline and all results told; its samplers start after four jobs, not ten."""

    def ask(box: Box, count: int, points: list[Any], values: list[float]) -> list[Any]:
        import optuna

        optuna.logging.set_verbosity(logging.ERROR)
        names = [f"x{number}" for number in range(len(box.knobs))]
        space = {name: optuna.distributions.FloatDistribution(0, 1) for name in names}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            study = optuna.create_study(sampler=_sampler(kind, box.start["seed"] * 1000 + len(points)))
            worst = max(value for value in values if math.isfinite(value))
            for point, value in zip(points, values, strict=True):
                told = math.log(value) if math.isfinite(value) else math.log(worst) + 1
                params = dict(zip(names, map(float, point), strict=True))
                study.add_trial(optuna.create_trial(params=params, distributions=space, value=told))
            asked = [study.ask(space) for _ in range(count)]
        return [[trial.params[name] for name in names] for trial in asked]

    return ask


def _sampler(kind: str, seed: int) -> Any:
    from optuna import samplers

    if kind == "gp":
        return samplers.GPSampler(seed=seed, n_startup_trials=4)
    return samplers.TPESampler(seed=seed, n_startup_trials=4, multivariate=True, constant_liar=True)


def halving(task: Task, seed: int) -> Choices:
    """Synchronous successive halving (eta 3, from a ninth of the steps) with the steps of so many full jobs.

    Li et al., Hyperband, 2018. Random configs, the baseline among the first; brackets of 9, 3 and 1 are
    repeated until the steps are used up. On a task without curves it is random search.
    """
    return {jobs: _halving(task, seed, jobs) for jobs in BUDGETS}


def _halving(task: Task, seed: int, jobs: int) -> Choice:
    box, rng = Box(task, seed), np.random.default_rng([seed, 77])
    budget, spent, started = jobs * task.steps, 0, 0
    best: tuple[float, Config] = (math.inf, box.start)
    while budget - spent >= task.steps:
        configs = [box.config(rng.random(len(box.knobs))) for _ in range(9)]
        configs[0] = configs[0] if started else box.start
        value, config, steps = _bracket(task, configs, budget - spent)
        spent, started = spent + steps, started + len(configs)
        best = min(best, (value, config), key=lambda pair: pair[0])
    return Choice(best[1], best[0], spent, started)


def _bracket(task: Task, configs: list[Config], budget: int) -> tuple[float, Config, int]:
    """One bracket: the result and config of the last that is left, and the steps trained."""
    alive, scores = configs, [0.0]
    spent = reached = 0
    for share, keep in ((1 / 9, 3), (1 / 3, 1), (1.0, 1)):
        step = max(task.first_result, round(share * task.steps))
        room = (budget - spent) // max(1, step - reached)
        alive = alive[: max(room, 1)]
        spent += len(alive) * (step - reached)
        scores = [_finite(task, task.train(config, step), step) for config in alive]
        order = np.argsort(scores, kind="stable")[:keep]
        alive, scores, reached = [alive[i] for i in order], [scores[i] for i in order], step
    return scores[0], alive[0], spent


def _result(task: Task, config: Config) -> float:
    return _finite(task, task.train(config), task.steps)


def _finite(task: Task, history: Any, step: int) -> float:
    """The objective at a step; infinite if the training diverged before."""
    series = history.until(step).get(task.objective)
    value = float(series.values[-1]) if series is not None and len(series) else math.inf
    return value if math.isfinite(value) else math.inf


def autoloop_study(make: Callable[[], Strategy], **settings: Any) -> Callable[[Task, int], Choices]:
    """A study of autoloop itself; the settings are those of `MemoryStudy`."""

    def study(task: Task, seed: int) -> Choices:
        ran = MemoryStudy(task, make(), seed, max(BUDGETS), **settings).run()
        return {jobs: _choice(ran, jobs) for jobs in BUDGETS}

    return study


def stopping_study(make: Callable[[], Strategy], share: float) -> Callable[[Task, int], Choices]:
    """A study with stop rules and without a number of jobs: it has a share of the steps of the others."""

    def study(task: Task, seed: int) -> Choices:
        steps = share * max(BUDGETS) * task.steps
        most = MOST_STOPPED * max(BUDGETS) if task.curves else round(share * max(BUDGETS))
        ran = MemoryStudy(task, make(), seed, most, max_steps=steps, stop_rules=STOP_RULES).run()
        return {jobs: _choice(ran, _within(ran, share * jobs * task.steps)) for jobs in BUDGETS}

    return study


def _within(ran: MemoryStudy, steps: float) -> int:
    """How many jobs were done within so many steps."""
    reached = np.cumsum([job.steps for job in ran.study.counted()])
    return max(1, int(np.searchsorted(reached, steps, side="right")))


def _choice(ran: MemoryStudy, jobs: int) -> Choice:
    counted = ran.study.counted()[:jobs]
    best = min((job for job in counted if job.known), key=lambda job: job.objective, default=counted[0])
    steps = sum(job.steps for job in counted)
    return Choice(json.loads(best.plan.overrides[0]), best.objective, steps, len(counted))


OLD = Judging(cooldown=0, freeze=False)
RIVALS: dict[str, Callable[[Task, int], Choices]] = {
    "random": ask_and_tell(draw),
    "optuna_tpe": ask_and_tell(optuna_asks("tpe")),
    "optuna_gp": ask_and_tell(optuna_asks("gp")),
    "halving": halving,
    "rules_unpaired": autoloop_study(RulesStrategy, paired=False, guesses=True, judging=OLD),
    "rules": autoloop_study(RulesStrategy, guesses=True),
    "mixed": autoloop_study(MixedStrategy),
    "mixed_60": stopping_study(MixedStrategy, SHARE),
    "mixed_steps": stopping_study(MixedStrategy, 1.0),
}
