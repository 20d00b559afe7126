"""Do stop rules cost winners? Random studies of the contest's tasks, with and without them.

    python benchmarks/stop_rules.py [--studies 20] [--jobs 24] [--only TASK ...]

Nothing decides here but chance: every job is a point of the task's box, drawn evenly, in rounds of four, all
at one seed, the baseline first. So every kind of curve comes up, and about each are asked the shipped sets of
rules, `Behind` in several strengths, against the best so far and against the baseline as the parent, and
`Rungs`. A winner is lost where a job that was stopped would have been the best of its study. Prints one
Markdown row for each: jobs stopped, training steps saved, winners lost; and for each task how well the order
of the jobs early in their trainings tells their order at the end.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from contest.catalogue import tasks
from contest.task import Task

from autoloop.config.settings import load_group
from autoloop.edits import apply
from autoloop.errors import NoChangeError
from autoloop.history.series import History, Series
from autoloop.stopping import Behind, Live, Rungs, StopRule, build_stop_rules, first_stop, protected

MARGIN_PCT = 3.0  # the noise floor's, where nothing was measured
ROUND = 4


@dataclass
class Cost:
    """What a set of rules did.

    Attributes:
        jobs: Jobs asked about.
        stopped: Jobs stopped.
        steps: Steps of all jobs.
        saved: Steps not trained.
        studies: Studies.
        lost: Studies whose winner was stopped.
        worst_pct: By how much the best that was left is worse than the winner that was lost, at most.
        lost_pct: The sum of these over all studies.
    """

    jobs: int = 0
    stopped: int = 0
    steps: int = 0
    saved: int = 0
    studies: int = 0
    lost: int = 0
    worst_pct: float = 0.0
    lost_pct: float = 0.0
    lost_on: list[str] = field(default_factory=list)

    def count(self, task: Task, stop: int | None) -> None:
        """Count a job, and where it was stopped."""
        self.jobs += 1
        self.steps += task.steps
        self.stopped += stop is not None
        self.saved += 0 if stop is None else task.steps - stop


EARLY = (0.1, 0.2, 0.3, 0.5, 0.75)  # shares of the steps


def rank_correlations(task: Task, curves: list[History]) -> list[float]:
    """Rank correlation (Spearman's) of the objective at each early share with its end, in one study."""
    found = [curve.get(task.objective) or Series.of([]) for curve in curves]
    end = _ranks([last(series) for series in found])
    early = [_ranks([_or_inf(series.at(int(share * task.steps))) for series in found]) for share in EARLY]
    return [float(np.corrcoef(ranks, end)[0, 1]) if ranks.std() else math.nan for ranks in early]


def _ranks(values: list[float]) -> np.ndarray:
    """Places from 0; equal values share theirs."""
    return np.unique(values, return_inverse=True)[1].astype(float)


def _or_inf(value: float) -> float:
    return value if math.isfinite(value) else math.inf


def points(task: Task, count: int, seed: int) -> list[dict[str, object]]:
    """Draw points of a task's box, evenly in the logarithm; the baseline is the first."""
    draw = np.random.default_rng(seed)
    start = {**task.config, "seed": seed}
    box = [(path, low or 0.0, high or 0.0) for path, (low, high) in task.bounds.items()]
    drawn = [start]
    for _ in range(count - 1):
        point = start
        for path, low, high in box:
            with suppress(NoChangeError):  # a whole number may stay as it is
                point = apply([f"{path}@set={value(draw, low, high):.6g}"], point)
        drawn.append(point)
    return drawn


def value(draw: np.random.Generator, low: float, high: float) -> float:
    """Draw a value between two bounds above 0."""
    return math.exp(draw.uniform(math.log(low), math.log(high)))


def last(series: Series | None) -> float:
    """The result; infinite where there is none."""
    return math.inf if series is None or not len(series) else _or_inf(float(series.values[-1]))


def ask(rules: list[StopRule], task: Task, curves: list[History], cost: Cost) -> None:
    """Let the rules go through one study and add what they did."""
    metric = task.objective
    finals = [last(curve.get(metric)) for curve in curves]
    alive, ended = [0], [curves[0][metric]]
    for first in range(1, len(curves), ROUND):
        known = list(alive)
        best = min(known, key=lambda job: finals[job])
        others = [curves[other][metric] for other in known if metric in curves[other]]
        before = list(ended)
        for job in range(first, min(first + ROUND, len(curves))):
            reference = {"parent": curves[0], "best": curves[best], "ended": before}
            live = Live("job", curves[job], metric, margin_pct=MARGIN_PCT, **reference)
            found = first_stop(rules, live, partial(_safe, curves[job].get(metric), others))
            cost.count(task, found.step if found else None)
            if metric in curves[job]:
                ended.append(curves[job][metric].until(found.step if found else task.steps))
            if found is None:
                alive.append(job)
    cost.studies += 1
    left, whole = min(finals[job] for job in alive), min(finals)
    if left > whole:
        cost.lost += 1
        cost.lost_on.append(task.name)
        worse = 100 * (left - whole) / abs(whole)
        cost.worst_pct, cost.lost_pct = max(cost.worst_pct, worse), cost.lost_pct + worse


def _safe(series: Series | None, others: Sequence[Series], step: int) -> bool:
    return series is not None and protected(series.until(step), others, 1, maximize=False)


STRENGTHS: dict[str, list[StopRule]] = {
    f"all of `{choice}`": build_stop_rules(load_group("stop_rules", choice))
    for choice in ("general", "act_ot", "thrifty")
}
STRENGTHS |= {
    f"behind {who} by {by:g} %, after {after:g}": [Behind(name="x", against=who, by_pct=by, after=after)]
    for who in ("best", "parent")
    for by in (10.0, 25.0, 50.0)
    for after in (0.1, 0.3, 0.4)
}
STRENGTHS |= {
    f"not among the best {keep:.0%} at {', '.join(f'{share:.0%}' for share in at)}": [
        Rungs(name="x", at=at, keep=keep)
    ]
    for at in ((0.1, 0.3, 0.6), (0.2, 0.5), (0.4, 0.7))
    for keep in (1 / 4, 1 / 3, 1 / 2)
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=24)
    parser.add_argument("--only", nargs="*", default=[])
    args = parser.parse_args()
    chosen = [task for name, task in tasks().items() if task.curves and (not args.only or name in args.only)]
    costs = {name: Cost() for name in STRENGTHS}
    correlations: dict[str, list[list[float]]] = {task.name: [] for task in chosen}
    for task in chosen:
        for seed in range(args.studies):
            curves = [task.train(point) for point in points(task, args.jobs, seed)]
            correlations[task.name].append(rank_correlations(task, curves))
            for name, rules in STRENGTHS.items():
                ask(rules, task, curves, costs[name])
        print(f"{task.name} is done", flush=True)
    print_costs(costs)
    print_correlations(correlations)


def print_costs(costs: dict[str, Cost]) -> None:
    print("| rule | jobs stopped | steps saved | winners lost | worse by, mean | at most | on |")
    print("|---|---|---|---|---|---|---|")
    for name, cost in costs.items():
        where = ", ".join(f"{task} {cost.lost_on.count(task)}" for task in dict.fromkeys(cost.lost_on))
        print(
            f"| {name} | {100 * cost.stopped / cost.jobs:.0f} % | {100 * cost.saved / cost.steps:.0f} % "
            f"| {cost.lost} of {cost.studies} | {cost.lost_pct / cost.studies:.2g} % "
            f"| {cost.worst_pct:.2g} % | {where} |"
        )


def print_correlations(correlations: dict[str, list[list[float]]]) -> None:
    print(f"\n| task | {' | '.join(f'{share:.0%} of the steps' for share in EARLY)} |")
    print("|---|" + "---|" * len(EARLY))
    for name, studies in correlations.items():
        cells = ["" if math.isnan(one) else f"{one:.2f}" for one in np.mean(studies, axis=0)]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
