"""Who takes part: every rival gets a task's baseline, its box and a number of jobs, and selects a config."""

from __future__ import annotations

import json
import logging
import math
import tempfile
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from autoloop.config.judging import Judging
from autoloop.strategies import MixedStrategy, RulesStrategy, Strategy
from contest.box import Box, Config
from contest.halvings import halving, priorband
from contest.models import BoTorch, MixedWith, OneHot, OptunaGP
from contest.results import Choice, Choices, result
from contest.study import SLOTS, MemoryStudy
from contest.task import Task

__all__ = ["BUDGETS", "MEANT", "RIVALS", "SHARE", "STOP_RULES", "Box", "Choice", "Choices"]

BUDGETS = (12, 24)
MEANT = 10  # studies of each rival on each task
SHARE = 0.6  # of the steps: what a study with stop rules needs, as it is hoped
STOP_RULES = "thrifty"
MOST_STOPPED = 3  # times as many jobs as without stop rules

Ask = Callable[[Box, int, list[Any], list[float]], list[Any]]


def ask_and_tell(ask: Ask) -> Callable[[Task, int], Choices]:
    """A rival that proposes points from the results so far, a round of four at a time."""

    def study(task: Task, seed: int) -> Choices:
        box = Box(task, seed)
        points, configs, values = [box.point()], [box.start], [result(task, box.start)]
        while len(points) < max(BUDGETS):
            for point in ask(box, SLOTS - len(points) % SLOTS, points, values):
                points.append(point)
                configs.append(box.config(point))
                values.append(result(task, configs[-1]))
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
        space = {f"x{place}": _distribution(kind) for place, kind in enumerate(box.kinds())}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            study = optuna.create_study(sampler=_sampler(kind, box.start["seed"] * 1000 + len(points)))
            for point, value in zip(points, _scored(values), strict=True):
                told = {
                    name: _as_asked(float(unit), kinds)
                    for (name, unit), kinds in zip(zip(space, point, strict=True), box.kinds(), strict=True)
                }
                study.add_trial(optuna.create_trial(params=told, distributions=space, value=value))
            asked = [study.ask(space) for _ in range(count)]
        return [
            [_as_unit(trial.params[name], kinds) for name, kinds in zip(space, box.kinds(), strict=True)]
            for trial in asked
        ]

    return ask


def _distribution(kinds: int) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    return CategoricalDistribution(range(kinds)) if kinds else FloatDistribution(0, 1)


def _as_asked(unit: float, kinds: int) -> float | int:
    """A place of a knob as other samplers have it: of choices the number of the choice."""
    return min(max(int(unit * kinds), 0), kinds - 1) if kinds else min(max(unit, 0.0), 1.0)


def _as_unit(value: float, kinds: int) -> float:
    return (value + 0.5) / kinds if kinds else float(value)


def _scored(values: list[float]) -> list[float]:
    """Results as others are told them: logarithms where all are above 0; diverged ones a little worse."""
    known = [value for value in values if math.isfinite(value)]
    logs = all(value > 0 for value in known)
    found = [math.log(value) if logs and math.isfinite(value) else value for value in values]
    reached = [value for value in found if math.isfinite(value)]
    worst = max(reached, default=0.0) + (max(reached, default=1.0) - min(reached, default=0.0) or 1.0)
    return [value if math.isfinite(value) else worst for value in found]


def smac_asks(box: Box, count: int, points: list[Any], values: list[float]) -> list[Any]:
    """Ask SMAC 2 (its facade for few and costly trainings), with the baseline and all results told."""
    from ConfigSpace import Categorical, Configuration, ConfigurationSpace, Float
    from smac import HyperparameterOptimizationFacade, Scenario
    from smac.runhistory import TrialInfo, TrialValue

    logging.getLogger("smac").setLevel(logging.ERROR)
    knobs = [
        Categorical(f"x{place}", list(range(kinds))) if kinds else Float(f"x{place}", (0.0, 1.0))
        for place, kinds in enumerate(box.kinds())
    ]
    space = ConfigurationSpace(seed=box.start["seed"], space={knob.name: knob for knob in knobs})
    seed = box.start["seed"] * 1000 + len(points)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scenario = Scenario(
            space, deterministic=True, n_trials=1000, seed=seed, output_directory=Path(folder)
        )
        design = HyperparameterOptimizationFacade.get_initial_design(scenario, n_configs=SLOTS)
        smac = HyperparameterOptimizationFacade(
            scenario, lambda config, seed=0: 0.0, initial_design=design, overwrite=True, logging_level=False
        )
        for point, value in zip(points, _scored(values), strict=True):
            told = {
                f"x{p}": _as_asked(float(u), k)
                for p, (u, k) in enumerate(zip(point, box.kinds(), strict=True))
            }
            info = TrialInfo(config=Configuration(space, values=told), seed=0)
            smac.tell(info, TrialValue(cost=value), save=False)
        asked = [smac.ask().config for _ in range(count)]
    return [[_as_unit(one[f"x{p}"], k) for p, k in enumerate(box.kinds())] for one in asked]


def _sampler(kind: str, seed: int) -> Any:
    from optuna import samplers

    if kind == "gp":
        return samplers.GPSampler(seed=seed, n_startup_trials=4)
    return samplers.TPESampler(seed=seed, n_startup_trials=4, multivariate=True, constant_liar=True)


def by_steps(select: Callable[[Task, int, int], Choice]) -> Callable[[Task, int], Choices]:
    """A rival that has the steps of so many whole trainings, a study of its own for each budget."""
    return lambda task, seed: {jobs: select(task, seed, jobs) for jobs in BUDGETS}


def autoloop_study(make: Callable[..., Strategy], **settings: Any) -> Callable[[Task, int], Choices]:
    """A study of autoloop itself; the settings are those of `MemoryStudy`."""

    def study(task: Task, seed: int) -> Choices:
        ran = MemoryStudy(task, make(space=task.space), seed, max(BUDGETS), **settings).run()
        return {jobs: _choice(ran, _of_jobs(ran, jobs)) for jobs in BUDGETS}

    return study


def stopping_study(make: Callable[..., Strategy], share: float) -> Callable[[Task, int], Choices]:
    """A study with stop rules and without a number of jobs: it has a share of the steps of the others."""

    def study(task: Task, seed: int) -> Choices:
        steps = share * max(BUDGETS) * task.steps
        most = MOST_STOPPED * max(BUDGETS) if task.curves else round(share * max(BUDGETS))
        ran = MemoryStudy(
            task, make(space=task.space), seed, most, max_steps=steps, stop_rules=STOP_RULES
        ).run()
        return {jobs: _choice(ran, _within(ran, share * jobs * task.steps)) for jobs in BUDGETS}

    return study


def _within(ran: MemoryStudy, steps: float) -> int:
    """How many jobs were done within so many steps."""
    reached = np.cumsum([job.steps for job in ran.study.counted()])
    return max(1, int(np.searchsorted(reached, steps, side="right")))


def _of_jobs(ran: MemoryStudy, jobs: int) -> int:
    """How many jobs were done within so many whole trainings; a probe is a part of one."""
    reached = np.cumsum([job.cost for job in ran.study.counted()])
    return max(1, int(np.searchsorted(reached, jobs + 1e-9, side="right")))


def _choice(ran: MemoryStudy, jobs: int) -> Choice:
    counted = ran.study.counted()[:jobs]
    sign = -1 if ran.task.maximize else 1
    best = min(
        (job for job in counted if job.known), key=lambda job: sign * job.objective, default=counted[0]
    )
    steps = sum(job.steps for job in counted)
    return Choice(json.loads(best.plan.overrides[0]), best.objective, steps, len(counted))


def _rules(space: Mapping[str, Any]) -> Strategy:
    """The strategy of rules alone, which turns no space."""
    return RulesStrategy()


OLD = Judging(cooldown=0, freeze=False)
RIVALS: dict[str, Callable[[Task, int], Choices]] = {
    "random": ask_and_tell(draw),
    "optuna_tpe": ask_and_tell(optuna_asks("tpe")),
    "optuna_gp": ask_and_tell(optuna_asks("gp")),
    "halving": by_steps(halving),
    "priorband": by_steps(priorband),
    "smac": ask_and_tell(smac_asks),
    "rules_unpaired": autoloop_study(_rules, paired=False, guesses=True, judging=OLD),
    "rules": autoloop_study(_rules, guesses=True),
    "mixed": autoloop_study(MixedStrategy),
    "mixed_unprobed": autoloop_study(MixedStrategy, probe=False),
    "mixed_one_hot": autoloop_study(partial(MixedWith, OneHot())),
    "mixed_botorch": autoloop_study(partial(MixedWith, BoTorch())),
    "mixed_optuna_gp": autoloop_study(partial(MixedWith, OptunaGP())),
    "mixed_60": stopping_study(MixedStrategy, SHARE),
    "mixed_steps": stopping_study(MixedStrategy, 1.0),
}

ALIASES = {"tpe": "optuna_tpe", "gp": "optuna_gp", "mixed_thrifty": "mixed_steps", "thrifty": "mixed_steps"}
"""Short names of rivals."""
