"""Which strategy finds better settings with the same number of jobs.

Every competitor starts from the same baseline of a task (`strategy_tasks`), has the same box, rounds of four
jobs and the same number of jobs, 12 and 24 (the first 12 of 24 are the 12). What it selects is trained again
on fresh seeds. The score is the normalised regret on the scale of logarithms:

    log(result / best known) / log(baseline / best known)

1 is the baseline, 0 the best config that any study of any competitor selected. Run

    python benchmarks/strategies.py run --studies 12     # raw results into benchmarks/results/strategies.json
    python benchmarks/strategies.py report               # tables and plots into docs/

`run` goes on where it stopped. Extra: scikit-learn, and Optuna for its samplers.
"""

from __future__ import annotations

import argparse
import json
import math
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from memory_study import SLOTS, MemoryStudy, cut
from strategy_tasks import Task, tasks

from autoloop.edits import apply
from autoloop.judging import Judging
from autoloop.strategies import MixedStrategy, RulesStrategy
from autoloop.strategies.space import read_space

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "strategies.json"
BUDGETS = (12, 24)
FRESH = (101, 102, 103, 104, 105)

Selected = dict[int, dict[str, Any]]
"""Jobs -> the config selected after so many, and the steps trained until then."""


class Box:
    """A task's box as a unit cube around configs."""

    def __init__(self, task: Task, seed: int) -> None:
        self.start = {**task.config, "seed": seed}
        self.knobs = read_space(self.start, {}, task.bounds, (), 4.0)

    def config(self, point: Any) -> dict[str, Any]:
        edits = [knob.edit(float(unit)) for knob, unit in zip(self.knobs, point, strict=True)]
        return apply([edit for edit in edits if edit], self.start)

    def point(self) -> Any:
        return np.clip([knob.unit(self.start) for knob in self.knobs], 0.0, 1.0)


class Selection:
    """Jobs as they come, and the best of them."""

    def __init__(self) -> None:
        self.done: list[tuple[float, dict[str, Any]]] = []
        self.steps: list[int] = []

    def add(self, value: float, config: dict[str, Any], steps: int) -> None:
        self.done.append((value if math.isfinite(value) else math.inf, config))
        self.steps.append(steps)

    def after(self, jobs: int) -> dict[str, Any]:
        best = min(self.done[:jobs], key=lambda pair: pair[0])
        return {"config": best[1], "value": best[0], "steps": sum(self.steps[:jobs])}


def ask_and_tell(
    ask: Callable[[Box, int, list[Any], list[float]], list[Any]],
) -> Callable[[Task, int], Selected]:
    """A competitor that proposes points from the results so far, a round of four at a time."""

    def study(task: Task, seed: int) -> Selected:
        box, found = Box(task, seed), Selection()
        points, values = [box.point()], [task.result(box.start)]
        found.add(values[0], box.start, task.steps)
        while len(points) < max(BUDGETS):
            free = SLOTS - len(points) % SLOTS
            for point in ask(box, free, points, values)[:free]:
                config = box.config(point)
                points.append(point)
                values.append(task.result(config))
                found.add(values[-1], config, task.steps)
        return {jobs: found.after(jobs) for jobs in BUDGETS}

    return study


def draw(box: Box, count: int, points: list[Any], values: list[float]) -> list[Any]:
    rng = np.random.default_rng([box.start["seed"], len(points)])
    return list(rng.random((count, len(box.knobs))))


def optuna_asks(kind: str) -> Callable[[Box, int, list[Any], list[float]], list[Any]]:
    """Ask Optuna, with the baseline and all results told; its samplers start after four jobs, not ten."""

    def ask(box: Box, count: int, points: list[Any], values: list[float]) -> list[Any]:
        import warnings

        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.simplefilter("ignore")
        seed = box.start["seed"] * 1000 + len(points)
        sampler = (
            optuna.samplers.TPESampler(seed=seed, n_startup_trials=4, multivariate=True, constant_liar=True)
            if kind == "tpe"
            else optuna.samplers.GPSampler(seed=seed, n_startup_trials=4)
        )
        names = [f"x{number}" for number in range(len(box.knobs))]
        space = {name: optuna.distributions.FloatDistribution(0, 1) for name in names}
        study = optuna.create_study(sampler=sampler)
        worst = max(value for value in values if math.isfinite(value))
        for point, value in zip(points, values, strict=True):
            told = math.log(value) if math.isfinite(value) else math.log(worst) + 1
            params = dict(zip(names, map(float, point), strict=True))
            study.add_trial(optuna.create_trial(params=params, distributions=space, value=told))
        asked = [study.ask(space) for _ in range(count)]
        return [[trial.params[name] for name in names] for trial in asked]

    return ask


def halving(task: Task, seed: int) -> Selected:
    """Synchronous successive halving (eta 3, from a ninth of the steps) with the steps of so many full jobs.

    Random configs, the baseline among the first; brackets of 9, 3 and 1 are repeated until the steps are used
    up.
    """
    return {jobs: _halving(task, seed, jobs) for jobs in BUDGETS}


def _halving(task: Task, seed: int, jobs: int) -> dict[str, Any]:
    box, rng = Box(task, seed), np.random.default_rng([seed, 77])
    budget, spent, first = jobs * task.steps, 0, True
    best: tuple[float, dict[str, Any]] = (math.inf, box.start)
    while budget - spent >= task.steps:
        configs = [box.config(rng.random(len(box.knobs))) for _ in range(9)]
        if first:
            configs[0], first = box.start, False
        alive = [(config, task.train(config)) for config in configs]
        reached = 0
        for share, keep in ((1 / 9, 3), (1 / 3, 1), (1.0, 1)):
            step = max(1, round(share * task.steps))
            room = int((budget - spent) // max(1, step - reached))
            alive = alive[: max(room, 1)]
            spent += len(alive) * (step - reached)
            scored = sorted(alive, key=lambda pair: _value(task, pair[1], step))
            reached = step
            alive = scored[:keep]
        value = _value(task, alive[0][1], task.steps)
        if value < best[0]:
            best = (value, alive[0][0])
    return {"config": best[1], "value": best[0], "steps": spent}


def _value(task: Task, history: Any, step: int) -> float:
    series = cut(history, step)[task.objective]
    value = float(series.values[-1]) if len(series) else math.inf
    return value if math.isfinite(value) else math.inf


def autoloop_study(**settings: Any) -> Callable[[Task, int], Selected]:
    """A study of autoloop itself.

    Args:
        **settings: ``strategy`` makes the strategy; the rest goes to `MemoryStudy`.
    """
    make = settings.pop("strategy")

    def study(task: Task, seed: int) -> Selected:
        ran = MemoryStudy(task, make(), seed, max(BUDGETS), **settings).run()
        jobs = ran.study.counted()
        chosen = {}
        for budget in BUDGETS:
            known = [job for job in jobs[:budget] if job.known]
            best = min(known, key=lambda job: job.objective)
            steps = sum(min(job.steps, task.steps) for job in jobs[:budget])
            chosen[budget] = {
                "config": json.loads(best.plan.overrides[0]),
                "value": best.objective,
                "steps": steps,
            }
        return chosen

    return study


OLD = Judging(cooldown=0, freeze=False)
COMPETITORS: dict[str, Callable[[Task, int], Selected]] = {
    "random": ask_and_tell(draw),
    "optuna_tpe": ask_and_tell(optuna_asks("tpe")),
    "optuna_gp": ask_and_tell(optuna_asks("gp")),
    "halving": halving,
    "rules_unpaired": autoloop_study(strategy=RulesStrategy, paired=False, judging=OLD),
    "rules": autoloop_study(strategy=RulesStrategy),
    "mixed": autoloop_study(strategy=MixedStrategy),
}


def run(seeds: range, only: list[str], on: list[str], file: Path) -> None:
    """Run what the results lack."""
    results: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    for seed in seeds:
        for name, task in tasks().items():
            if on and name not in on:
                continue
            for competitor, study in COMPETITORS.items():
                key = f"{name}/{competitor}/{seed}"
                if key in results or (only and competitor not in only):
                    continue
                start = time.process_time()
                chosen = study(task, seed)
                results[key] = {
                    str(jobs): {
                        "config": trimmed(one["config"]),
                        "steps": one["steps"],
                        "value": one["value"],
                        "fresh": fresh(task, one["config"]),
                    }
                    for jobs, one in chosen.items()
                }
                results[key]["cpu_s"] = round(time.process_time() - start, 2)
        file.write_text(json.dumps(results, indent=None, separators=(",", ":")))
        print(f"study {seed} of {seeds}", flush=True)


_FRESH: dict[str, list[float]] = {}


def fresh(task: Task, config: Mapping[str, Any]) -> list[float]:
    """Results of a config on seeds that no study trained with."""
    key = task.name + json.dumps({**config, "seed": None}, sort_keys=True)
    if key not in _FRESH:
        _FRESH[key] = [task.result({**config, "seed": seed}) for seed in fresh_seeds(task, config)]
    return _FRESH[key]


def fresh_seeds(task: Task, config: Mapping[str, Any]) -> tuple[int, ...]:
    """Five seeds beyond those of studies; of `act_ot`, which has four, the three others."""
    if task.name != "act_ot":
        return FRESH
    return tuple(seed for seed in range(4) if seed != int(config["seed"]) % 4)


def trimmed(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config with numbers of four digits."""
    return json.loads(json.dumps(config), parse_float=lambda text: float(f"{float(text):.4g}"))


def stable(text: str) -> int:
    """A number made from a text, the same in every process."""
    return zlib.crc32(text.encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("run")
    runs.add_argument("--studies", type=int, default=12)
    runs.add_argument("--first", type=int, default=0, help="seed of the first study")
    runs.add_argument("--only", nargs="*", default=[])
    runs.add_argument("--on", nargs="*", default=[])
    runs.add_argument("--file", type=Path, default=RESULTS)
    commands.add_parser("report")
    given = parser.parse_args()
    if given.command == "run":
        run(range(given.first, given.first + given.studies), given.only, given.on, given.file)
    else:
        from strategies_report import report

        report(RESULTS)


if __name__ == "__main__":
    main()
