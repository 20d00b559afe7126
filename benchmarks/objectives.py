"""Which sampler finds more of a front with the same number of jobs, and how constraints are kept.

Every rival starts from the same point of a problem whose front is known and has rounds of four jobs. After 24
and 48 jobs (the first 24 of 48 are the 24) the hypervolume of the feasible trials is taken as a share of that
of the whole front, 1 at most. Rivals of one study run in one process, one after the other.

    python benchmarks/objectives.py run --studies 8   # appends to results/objectives.csv what it lacks
    python benchmarks/objectives.py run --only Ax --problems Binh-Korn Gardner
    python benchmarks/objectives.py report            # the tables of docs/benchmarks.md

Needs ``pip install 'autoloop[optuna]'`` and PyTorch for Optuna's Gaussian process; ``pip install
ax-platform`` where Ax is asked for by name.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import optuna
from contest.raw import append, read

from autoloop.strategies.front import FrontProcess
from autoloop.strategies.samplers import Floats, QuasiRandom, Seen
from autoloop.study.hypervolume import hypervolume

RESULTS = Path(__file__).parent / "results" / "objectives.csv"
COLUMNS = ("problem", "rival", "study", "budget", "share", "seconds")
BUDGETS, ROUND = (24, 48), 4
Numbers = tuple[list[float], list[float]]


@dataclass(frozen=True)
class Problem:
    """A problem on the unit cube.

    Attributes:
        name: Its name.
        knobs: Its dimensions.
        reference: The worst that counts, one number for each objective.
        whole: Hypervolume of its front.
        evaluate: A point -> its objectives, lower is better, and how far each constraint is broken.
    """

    name: str
    knobs: int
    reference: tuple[float, ...]
    whole: float
    evaluate: Callable[[Floats], Numbers]


def _zdt(shape: Callable[[float, float], float]) -> Callable[[Floats], Numbers]:
    def evaluate(x: Floats) -> Numbers:
        far = 1 + 9 * float(x[1:].mean())
        return [float(x[0]), far * shape(float(x[0]), far)], []

    return evaluate


def _fonseca(x: Floats) -> Numbers:
    place, middle = 8 * x - 4, 1 / np.sqrt(len(x))
    return [float(1 - np.exp(-((place + side * middle) ** 2).sum())) for side in (-1, 1)], []


def _binh(x: Floats) -> Numbers:
    a, b = 5 * x
    b *= 3 / 5
    limits = [(a - 5) ** 2 + b**2 - 25, 7.7 - (a - 8) ** 2 - (b + 3) ** 2]
    return [float(4 * a * a + 4 * b * b), float((a - 5) ** 2 + (b - 5) ** 2)], list(map(float, limits))


def _gardner(x: Floats) -> Numbers:
    a, b = 6 * x
    limit = np.cos(a) * np.cos(b) - np.sin(a) * np.sin(b) + 0.5
    return [float(np.cos(2 * a) * np.cos(b) + np.sin(a))], [float(limit)]


def _of_front(front: Floats, reference: Sequence[float]) -> float:
    return hypervolume(front, np.array(reference))


def problems() -> list[Problem]:
    """ZDT1 to ZDT3 (Zitzler et al., 2000) with four knobs, Fonseca and Fleming (1995), Binh and Korn (1997).

    And one objective with a constraint, after a simulation of Gardner et al. (2014) with less room.
    """
    line, corner = np.linspace(0, 1, 2001), (1.1, 1.1)
    shapes: dict[str, Callable[[float, float], float]] = {
        "ZDT1": lambda a, far: 1 - (a / far) ** 0.5,
        "ZDT2": lambda a, far: 1 - (a / far) ** 2,
        "ZDT3": lambda a, far: 1 - (a / far) ** 0.5 - a / far * np.sin(10 * np.pi * a),
    }
    found = []
    for name, shape in shapes.items():
        front = np.array([[a, shape(a, 1.0)] for a in line])
        found.append(Problem(name, 4, corner, _of_front(front, corner), _zdt(shape)))
    ways = np.linspace(-1, 1, 2001) / np.sqrt(3) / 8 + 0.5
    front = np.array([_fonseca(np.full(3, way))[0] for way in ways])
    found.append(Problem("Fonseca-Fleming", 3, corner, _of_front(front, corner), _fonseca))
    cost = (140.0, 50.0)
    rim = [*((t, t / 0.6) for t in np.linspace(0, 0.6, 1001)), *((t, 1.0) for t in np.linspace(0.6, 1, 1001))]
    front = np.array([_binh(np.array(one))[0] for one in rim if max(_binh(np.array(one))[1]) <= 0])
    found.append(Problem("Binh-Korn", 2, cost, _of_front(front, cost), _binh))
    grid = np.stack(np.meshgrid(np.linspace(0, 1, 601), np.linspace(0, 1, 601)), axis=-1).reshape(-1, 2)
    best = min(value for (value,), (limit,) in map(_gardner, grid) if limit <= 0)
    found.append(Problem("Gardner", 2, (1.0,), 1.0 - best, _gardner))
    return found


Trials = tuple[Floats, list[Numbers]]


def ours(problem: Problem, study: int) -> list[Numbers]:
    """The built-in sampler, as a study has it."""
    points = _start(problem, study)
    points = np.vstack(
        [points, QuasiRandom().ask(Seen(points, np.array([np.nan]), points[0], study), ROUND - 1)]
    )
    told = [problem.evaluate(point) for point in points]
    while len(told) < BUDGETS[-1]:
        losses = np.array([numbers for numbers, _ in told])
        excess = np.array([limits for _, limits in told]) if told[0][1] else None
        seen = Seen(points, losses[:, 0], points[0], study, several=losses, excess=excess)
        asked = FrontProcess().ask(seen, ROUND)
        told += [problem.evaluate(point) for point in asked]
        points = np.vstack([points, asked])
    return told


def _start(problem: Problem, study: int) -> Floats:
    return np.random.default_rng(study).random((1, problem.knobs))


def optunas(make: Callable[..., Any]) -> Callable[[Problem, int], list[Numbers]]:
    """One of Optuna's samplers, in rounds as the others."""

    def run(problem: Problem, study: int) -> list[Numbers]:
        constrained = bool(problem.evaluate(_start(problem, study)[0])[1])
        more = {"constraints_func": lambda trial: trial.user_attrs["limits"]} if constrained else {}
        search = optuna.create_study(
            sampler=make(seed=study, **more), directions=["minimize"] * len(problem.reference)
        )
        names = [f"x{place}" for place in range(problem.knobs)]
        search.enqueue_trial(dict(zip(names, _start(problem, study)[0].tolist(), strict=True)))
        told: list[Numbers] = []
        while len(told) < BUDGETS[-1]:
            trials = [search.ask() for _ in range(ROUND)]
            points = [np.array([trial.suggest_float(name, 0, 1) for name in names]) for trial in trials]
            for trial, point in zip(trials, points, strict=True):
                told.append(problem.evaluate(point))
                trial.set_user_attr("limits", told[-1][1])
                search.tell(trial, told[-1][0])
        return told

    return run


def axs(problem: Problem, study: int) -> list[Numbers]:
    """Ax, as its client chooses the method, told that results have no noise."""
    from ax.api.client import Client
    from ax.api.configs import RangeParameterConfig

    names = [f"x{place}" for place in range(problem.knobs)]
    start = dict(zip(names, _start(problem, study)[0].tolist(), strict=True))
    told: list[Numbers] = [problem.evaluate(_start(problem, study)[0])]
    goals, limits = ([f"{kind}{at}" for at in range(len(told[0][one]))] for one, kind in enumerate("fc"))
    client = Client(random_seed=study)
    client.configure_experiment(
        [RangeParameterConfig(name=name, parameter_type="float", bounds=(0, 1)) for name in names]
    )
    client.configure_optimization(
        ", ".join(f"-{goal}" for goal in goals), [f"{limit} <= 0" for limit in limits] or None
    )

    def tell(index: int, numbers: Numbers) -> None:
        pairs = zip([*goals, *limits], [*numbers[0], *numbers[1]], strict=True)
        client.complete_trial(index, {name: (value, 0.0) for name, value in pairs})

    tell(client.attach_trial(start), told[0])
    while len(told) < BUDGETS[-1]:
        asked = client.get_next_trials(max_trials=ROUND - 1 if len(told) == 1 else ROUND)
        for index, found in asked.items():
            told.append(problem.evaluate(np.array([found[name] for name in names])))
            tell(index, told[-1])
    return told


RIVALS: dict[str, Callable[[Problem, int], list[Numbers]]] = {
    "autoloop": ours,
    "Optuna NSGA-II": optunas(lambda **more: optuna.samplers.NSGAIISampler(population_size=8, **more)),
    "Optuna TPE": optunas(lambda **more: optuna.samplers.TPESampler(multivariate=True, **more)),
    "Optuna GP": optunas(lambda **more: optuna.samplers.GPSampler(**more)),
    "Ax": axs,
}
USUAL = [name for name in RIVALS if name != "Ax"]


def share(problem: Problem, told: Sequence[Numbers]) -> float:
    """Hypervolume of the feasible trials, as a share of the front's."""
    kept = [numbers for numbers, limits in told if all(limit <= 0 for limit in limits)]
    losses = np.array(kept).reshape(len(kept), len(problem.reference))
    return hypervolume(losses, np.array(problem.reference)) / problem.whole


def run(studies: Sequence[int], only: Sequence[str], named: Sequence[str]) -> None:
    """Run every study that the file lacks, of some rivals on some problems."""
    done = {(row["problem"], row["rival"], int(row["study"])) for row in read(RESULTS)}
    known = [problem for problem in problems() if not named or problem.name in named]
    for study in studies:
        for problem in known:
            for name in [name for name in RIVALS if name in (only or USUAL)]:
                if (problem.name, name, study) in done:
                    continue
                began = time.monotonic()
                told = RIVALS[name](problem, study)
                took = f"{time.monotonic() - began:.1f}"
                rows = [(budget, share(problem, told[:budget])) for budget in BUDGETS]
                append(
                    RESULTS,
                    COLUMNS,
                    [[problem.name, name, str(study), str(count), f"{one:.4f}", took] for count, one in rows],
                )


def report(asked: Sequence[int], only: Sequence[str], named: Sequence[str]) -> None:
    """Print the mean share of each of some rivals over those of some studies that all of them ran."""
    rows, rivals = read(RESULTS), only or USUAL
    rows = [row for row in rows if int(row["study"]) in asked]
    for problem in [problem for problem in problems() if not named or problem.name in named]:
        own = [row for row in rows if row["problem"] == problem.name]
        studies = [{row["study"] for row in own if row["rival"] == name} for name in rivals]
        common = set.intersection(*studies)
        for budget in BUDGETS:
            means = [
                fmean(
                    float(row["share"])
                    for row in own
                    if (row["rival"], row["budget"]) == (name, str(budget)) and row["study"] in common
                )
                for name in rivals
                if common
            ]
            cells = [f"**{one:.3f}**" if one == max(means) else f"{one:.3f}" for one in means]
            print(f"| {problem.name} | {len(common)} | {budget} | {' | '.join(cells)} |")


def main() -> None:
    """Run or report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("run", "report"))
    parser.add_argument("--studies", type=int, default=8)
    parser.add_argument("--first", type=int, default=0, help="the first study")
    parser.add_argument("--only", nargs="*", default=(), help="rivals")
    parser.add_argument("--problems", nargs="*", default=())
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore")
    studies = range(given.first, given.first + given.studies)
    if given.what == "run":
        run(studies, given.only, given.problems)
    else:
        report(studies, given.only, given.problems)


if __name__ == "__main__":
    main()
