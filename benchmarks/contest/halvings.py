"""Rivals that train many configs a little: successive halving, and PriorBand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from contest.box import Box, Config
from contest.results import Choice, finite
from contest.task import Floats, Task

ETA = 3
RUNGS = ((1 / 9, 3), (1 / 3, 1), (1.0, 1))  # share of the steps, how many go on
STEADY = 0.25  # deviation of the prior and of a perturbed incumbent, of the range
MOVED = 0.5  # how likely a knob of the incumbent is perturbed

Draw = Callable[[list[tuple[float, Floats]]], Floats]


def halving(task: Task, seed: int, jobs: int) -> Choice:
    """Synchronous successive halving (eta 3, from a ninth of the steps) with the steps of so many full jobs.

    Li et al., Hyperband, 2018. Random configs, the baseline among the first; brackets of 9, 3 and 1 are
    repeated until the steps are used up. On a task without curves it is random search.
    """
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
    for share, keep in RUNGS:
        step = max(task.first_result, round(share * task.steps))
        room = (budget - spent) // max(1, step - reached)
        alive = alive[: max(room, 1)]
        spent += len(alive) * (step - reached)
        scores = [finite(task, task.train(config, step), step) for config in alive]
        order = np.argsort(scores, kind="stable")[:keep]
        alive, scores, reached = [alive[i] for i in order], [scores[i] for i in order], step
    return scores[0], alive[0], spent


def priorband(task: Task, seed: int, jobs: int) -> Choice:
    """PriorBand with the steps of so many full jobs: Hyperband whose configs come from a mixture.

    Mallik et al., PriorBand, 2023: a config of rung r is drawn evenly with probability 1 / (1 + eta^r), else
    from the prior around the baseline or around the incumbent, the more from the latter the better it
    explains the best third so far. As its authors' neural-pipeline-search has it: a normal prior of a quarter
    of the range, the baseline first, half the knobs of the incumbent perturbed; trainings go on from where
    they stopped.
    """
    box, rng = Box(task, seed), np.random.default_rng([seed, 78])
    budget, spent, started = jobs * task.steps, 0, 0
    best: tuple[float, Config] = (math.inf, box.start)
    seen: list[tuple[float, Floats]] = []  # results at the highest rung so far
    brackets = 0
    while budget - spent >= task.steps:
        first = brackets % len(RUNGS)
        count = math.ceil(len(RUNGS) / (len(RUNGS) - first) * ETA ** (len(RUNGS) - 1 - first))
        points = [_drawn(box, rng, seen, first) for _ in range(count)]
        points[0] = points[0] if started else box.point()
        alive, reached, scores = points, 0, [0.0] * count
        for rung in range(first, len(RUNGS)):
            step = max(task.first_result, round(RUNGS[rung][0] * task.steps))
            alive = alive[: max(1, (budget - spent) // max(1, step - reached))]
            spent += len(alive) * (step - reached)
            scores = [finite(task, task.train(box.config(point), step), step) for point in alive]
            order = np.argsort(scores, kind="stable")
            alive, scores, reached = [alive[i] for i in order], [scores[i] for i in order], step
            if rung == len(RUNGS) - 1:
                seen += list(zip(scores, alive, strict=True))
            else:
                alive = alive[: max(1, len(alive) // ETA)]
        best = min(best, (scores[0], box.config(alive[0])), key=lambda pair: pair[0])
        started, brackets = started + count, brackets + 1
    return Choice(best[1], best[0], spent, started)


def _drawn(box: Box, rng: Any, seen: list[tuple[float, Floats]], rung: int) -> Floats:
    """One config of the mixture, for a bracket that begins at this rung."""
    if rng.random() < 1 / (1 + ETA**rung):
        return np.asarray(rng.random(len(box.knobs)))
    prior = box.point()
    ranked = sorted(seen, key=lambda pair: pair[0])
    if not ranked or not math.isfinite(ranked[0][0]):
        return _around(box, rng, prior, 1.0)
    top = [point for _, point in ranked[: max(1, len(ranked) // ETA)]]
    weights = np.arange(len(top), 0, -1, dtype=np.float64)
    scores = [sum(weights * [_density(point, centre) for point in top]) for centre in (prior, ranked[0][1])]
    if rng.random() < scores[1] / (sum(scores) + 1e-300):
        return _around(box, rng, ranked[0][1], MOVED)
    return _around(box, rng, prior, 1.0)


def _around(box: Box, rng: Any, centre: Floats, moved: float) -> Floats:
    """A normal draw around a point, cut off at the box; choices are drawn anew now and then."""
    moves = rng.random(len(centre)) < moved
    drawn = np.array([_cut(rng, middle) for middle in centre])
    kinds = np.array(box.kinds())
    stays = (kinds > 0) & (rng.random(len(centre)) < 1 - STEADY)
    anywhere = rng.random(len(centre))
    drawn = np.where(kinds > 0, np.where(stays, centre, anywhere), drawn)
    return np.where(moves, drawn, centre)


def _cut(rng: Any, middle: float) -> float:
    for _ in range(50):
        value = float(rng.normal(middle, STEADY))
        if 0 <= value <= 1:
            return value
    return float(np.clip(middle, 0, 1))


def _density(point: Floats, centre: Floats) -> float:
    return float(np.exp(-0.5 * (((point - centre) / STEADY) ** 2).sum()))
