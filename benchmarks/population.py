"""A population against the default strategy at the same number of trained steps.

    python benchmarks/population.py [--studies 20] [--tasks rate_too_low,label_noise] [--times 1,5]
    python benchmarks/population.py --tasks act_ot --studies 6

`population` trains 12 members, each to the full length, in 5 generations (6 of act_ot, whose objective is
first known at a sixth); `mixed` has 12 jobs of that length, its probe included. Both begin with the same
baseline and seed, and search the same box; copies change what a continued run takes from its config, so not
``hidden``. What each of them hands over is compared: the checkpoint of the best run, by its own result.
``fresh`` trains both again with four other seeds, the population's winner with its whole schedule. Trainings
are real ones: those of the contest in numpy, and the built-in task on the CPU. ``--times`` makes the numpy
trainings so much longer.

A line has the mean over studies, with its 95 % bootstrap interval, of what the population's result is beside
that of `mixed`, in percent (negative: its loss is lower), in how many studies it is lower, the gain of
both over the baseline, how many copies got a rule's edit, and the steps of both in whole trainings.

Needs ``pip install 'autoloop[bench]'``, for act_ot also ``autoloop[act_ot]``.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import act_ot_table as table
from contest.catalogue import tasks
from contest.perceptron import Perceptron
from contest.study import MemoryStudy
from contest.task import FRESH, Task

from autoloop.config.climbing import Climbing, Continues
from autoloop.edits import change, path_of
from autoloop.edits.variants import Variant, signature
from autoloop.history.series import History, Series
from autoloop.loop.briefing import Terms
from autoloop.loop.filling import Derived, Round
from autoloop.loop.score import schedule, winner
from autoloop.loop.steps import Breeding
from autoloop.strategies import MixedStrategy, PopulationStrategy
from autoloop.study.plans import PERTURB, POPULATION
from autoloop.study.record import Job, Study
from autoloop.study.trials import Trial

MEMBERS = 12
GENERATIONS = 5
TABLE_GENERATIONS = 6
FREE = ("lr", "weight_decay", "dropout", "label_smoothing", "batch_size", "warmup", "policy.*", "ot.*")
"""What a continued run takes from its config."""

Progress = Any
"""All that a training needs to go on; each task has its own."""


class LongPerceptron:
    """A training of the contest that is longer, and goes on from a copy of its progress."""

    def __init__(self, task: Perceptron, times: int) -> None:
        self.task: Task = copy.copy(task)
        self.task.steps = times * task.steps

    def train(
        self, config: Mapping[str, Any], steps: int, progress: Progress | None
    ) -> tuple[History, Progress]:
        """Train to a step, from the beginning or from where another training had come to."""
        task = self.task
        assert isinstance(task, Perceptron)
        going = task.begun(config) if progress is None else copy.deepcopy(progress)
        with np.errstate(all="ignore"):
            return task.train_on(config, steps, going), going


class RealActOt:
    """The built-in task, really trained."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def train(
        self, config: Mapping[str, Any], steps: int, progress: Progress | None
    ) -> tuple[History, Progress]:
        """Train to a step, from the beginning or from where another training had come to."""
        from autoloop.tasks.act_ot import training as act_ot
        from autoloop.tasks.act_ot.errors import DivergedError

        loss = config["ot"]["loss_config"]
        total = loss["reg"] + loss["tau_src"] + loss["tau_tgt"]
        given = table.config_of(
            total, config["ot"]["lambda_ot"], config["policy"]["optimizer_lr"], config["seed"], steps=steps
        )
        recorder, reached = table.Rows(), None
        with table.training_of(given) as (training, settings):
            if progress is not None:
                training.go_on_from(progress)
            with suppress(DivergedError):
                act_ot._run_loop(training, settings, recorder)
                state = training.progress()
                reached = replace(state, tensors={k: v.clone() for k, v in state.tensors.items()})
        return _history(recorder.rows), reached


def _history(rows: Mapping[int, Mapping[str, float]]) -> History:
    """The rows of a training as curves."""
    names = dict.fromkeys(name for row in rows.values() for name in row)
    found = {}
    for name in names:
        points = [(step, row[name]) for step, row in sorted(rows.items()) if name in row]
        found[name] = Series(np.array([step for step, _ in points]), np.array([value for _, value in points]))
    return History(found)


Trainer = LongPerceptron | RealActOt


@dataclass
class Whole(MemoryStudy):
    """A study whose jobs train from the beginning to the end; what they came to is kept."""

    trainer: Trainer | None = None

    def _train(self, job: Job) -> History:
        assert self.trainer is not None
        return self.trainer.train(json.loads(job.plan.overrides[0]), self.task.steps, None)[0]


@dataclass
class Generational(MemoryStudy):
    """A study whose jobs go on from the progress of others.

    Attributes:
        trainer: Trains them.
        interval: Length of a generation.
        progress: Name of a job -> how far it came.
    """

    trainer: Trainer | None = None
    interval: int = 1
    progress: dict[str, Progress] = field(default_factory=dict)

    def __post_init__(self) -> None:
        continues = Continues("progress", words={"from": "{checkpoint}"}, knobs=FREE)
        breeding = Breeding("steps", self.interval, FREE)
        self.climbing = Climbing(continues=continues, breeding=breeding)
        super().__post_init__()
        self.planner._going_on = self._going_on  # type: ignore[method-assign]

    def run(self) -> Generational:
        """Run as many generations as the full length has."""
        planned = self.begin()
        for number in range(2, self.task.steps // self.interval + 2):
            self._run_jobs(planned)
            self._decide(planned.number)
            if number <= self.task.steps // self.interval:
                planned = self._next(number)
        return self

    def _next(self, number: int) -> Round:
        return self.planner.next(self.study, number)

    def _going_on(self, terms: Terms, study: Study, number: int | None = None) -> Terms:
        """Let members go on from progress that is kept in memory."""
        assert number is not None
        length = number * self.interval

        def derive(parent: Variant, edits: Sequence[str]) -> Derived:
            own = [edit for edit in edits if path_of(edit) != "steps"]
            done = change(own, parent.config, self.task.bounds) if own else None
            config = {**(done.config if done else parent.config), "steps": length, "from": parent.name}
            job = study.by_name(parent.name)
            assert job is not None
            begins = {"generation": number, "from_step": job.steps, "from_job": job.name}
            changes = done.changes if done else ()
            return Derived(config, (json.dumps(config),), signature(config), changes, begins=begins)

        return replace(terms, derive=derive)

    def _train(self, job: Job) -> History:
        config = json.loads(job.plan.overrides[0])
        assert self.trainer is not None
        before = self.progress[job.begins_of] if job.begins_at else None
        history, self.progress[job.name] = self.trainer.train(config, int(config["steps"]), before)
        return history

    def trial(self, job: Job) -> Trial:
        """A trial with its curves, as rules see it."""
        found = super().trial(job)
        return replace(found, variant=self.planner.beside(self.study, job).variant)


def parts_of(study: Study, job: Job) -> list[Mapping[str, Any]]:
    """The configs that a run was trained with, one for each of its parts."""
    jobs = [part.job for part in schedule(study, job)] or [job]
    return [json.loads(one.plan.overrides[0]) for one in jobs]


def trained_again(
    trainer: Trainer, parts: Sequence[Mapping[str, Any]], seed: int, full: int, objective: str
) -> float:
    """What a schedule comes to with another seed."""
    progress, value = None, math.nan
    for config in parts:
        history, progress = trainer.train({**config, "seed": seed}, int(config.get("steps", full)), progress)
        series = history.get(objective)
        value = float(series.values[-1]) if series is not None and len(series) else math.nan
    return value


@dataclass(frozen=True)
class Compared:
    """One pair of studies; results are losses.

    Attributes:
        population: What the population's winner came to.
        mixed: The same of the default strategy.
        baseline: The same of the baseline at full length.
        fresh: Logarithm of the ratio of both, the mean over fresh seeds; NaN where that was not measured.
        by_rule: Share of the copies that got a rule's edit.
        steps: Steps that both trained, in those of a whole training.
    """

    population: float
    mixed: float
    baseline: float
    fresh: float
    by_rule: float
    steps: tuple[float, float]


def compare(trainer: Trainer, seed: int, generations: int, fresh: int) -> Compared:
    """Run both strategies on one task with one seed."""
    full, interval = trainer.task.steps, trainer.task.steps // generations
    short = copy.copy(trainer.task)
    short.config = {**trainer.task.config, "steps": interval}
    bred = Generational(
        short,
        PopulationStrategy(size=MEMBERS),
        seed,
        MEMBERS * generations,
        trainer=trainer,
        interval=interval,
    ).run()
    mixed = Whole(trainer.task, MixedStrategy(), seed, MEMBERS, trainer=trainer).run()
    best, other = winner(bred.study), winner(mixed.study)
    assert best is not None
    assert other is not None
    metric, start = trainer.task.objective, mixed.study.jobs[0]
    both = (parts_of(bred.study, best), parts_of(mixed.study, other))
    ratios = [
        math.log(trained_again(trainer, both[0], one, full, metric))
        - math.log(trained_again(trainer, both[1], one, full, metric))
        for one in FRESH[:fresh]
    ]
    copies = [job.rule for job in bred.study.counted() if job.generation > 1 and job.rule != POPULATION]
    return Compared(
        best.objective,
        other.objective,
        start.objective,
        float(np.mean(ratios)) if ratios else math.nan,
        sum(rule != PERTURB for rule in copies) / max(1, len(copies)),
        (bred.study.trained / full, mixed.study.trained / full),
    )


def described(logs: Sequence[float]) -> str:
    """The mean of logarithms of ratios as percent, with the 95 % bootstrap interval of the mean."""
    values = np.array(logs)
    if not np.isfinite(values).all():
        return "-".rjust(26)
    rng = np.random.default_rng(0)
    means = values[rng.integers(len(values), size=(10_000, len(values)))].mean(axis=1)
    low, high = 100 * np.expm1(np.percentile(means, [2.5, 97.5]))
    return f"{100 * math.expm1(values.mean()):+7.1f} ({low:+.1f} to {high:+.1f})".rjust(26)


def trainer_of(name: str, times: int) -> tuple[Trainer, int, int]:
    """The trainer of a task, the generations of its population, and how many fresh seeds are worth it."""
    task = tasks()[name]
    if name == "act_ot":
        return RealActOt(task), TABLE_GENERATIONS, 0
    assert isinstance(task, Perceptron)
    return LongPerceptron(task, times), GENERATIONS, len(FRESH)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--studies", type=int, default=20)
    parser.add_argument("--tasks", default="rate_too_low,label_noise")
    parser.add_argument("--times", default="1,5")
    asked = parser.parse_args()
    titles = ("population/mixed %", "fresh seeds %")
    print(f"{'task':13} {'steps':>5} {titles[0]:>26} {titles[1]:>26}  lower  gains %      by rules  steps")
    for name in asked.tasks.split(","):
        for times in [1] if name == "act_ot" else map(int, asked.times.split(",")):
            trainer, generations, fresh = trainer_of(name, times)
            found = []
            for seed in range(asked.studies):
                found.append(compare(trainer, seed, generations, fresh))
                if name == "act_ot":
                    print(f"  study {seed}: {found[-1]}", flush=True)
            print(f"{name:13} {trainer.task.steps:5} {line(found)}", flush=True)


def line(found: Sequence[Compared]) -> str:
    """What all pairs of studies of a task came to."""
    logs = [math.log(one.population / one.mixed) for one in found]
    gains = [
        100 * (1 - float(np.mean([getattr(one, name) / one.baseline for one in found])))
        for name in ("population", "mixed")
    ]
    steps = np.mean([one.steps for one in found], axis=0)
    return (
        f"{described(logs)} {described([one.fresh for one in found])}  "
        f"{sum(log < 0 for log in logs)}/{len(logs)}  {gains[0]:.1f} / {gains[1]:.1f}  "
        f"{100 * np.mean([one.by_rule for one in found]):6.0f} %  {steps[0]:.1f} / {steps[1]:.1f}"
    )


if __name__ == "__main__":
    main()
