"""What a climb costs and whether it finds the same winner, against training every candidate at full length.

    python benchmarks/climb.py [--studies 20] [--tasks rate_too_low,label_noise,act_ot]

A study is the baseline and 11 points drawn evenly from a task's box. All are trained to the full length; the
climb sees of these curves only what it asks for, and its decisions are the product's own
(`autoloop.loop.climbing`). Every scheme (lengths, and how many go up) sees the same curves. Steps are counted
with checkpoints (a longer run pays what is new) and without. The same winner: the one that is best of all at
full length. Close: the climb's winner is at most 3 % worse than that, which one seed cannot tell apart where
no noise was measured. The loss is how much worse it is in percent, and the gain by how much it beats the
baseline.

Needs ``pip install 'autoloop[bench]'``.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from contest.catalogue import tasks
from contest.rivals import Box
from contest.task import Task

from autoloop.curves.objective import Objective
from autoloop.history.series import Series
from autoloop.loop.climbing import next_level
from autoloop.loop.score import winner
from autoloop.loop.score.levels import idea
from autoloop.loop.steps import Climb, Lengthen
from autoloop.study.events import Details, JobEnded, Planned, RoundPlanned, StudyBegun
from autoloop.study.plans import CLIMB, Plan
from autoloop.study.record import Study
from autoloop.study.trials import TrialState

CANDIDATES = 12
TIMES = 5  # the full length of the numpy tasks, in their usual steps; the table of act_ot ends at its own
CLOSE = 0.03
Scheme = tuple[tuple[float, ...], tuple[int, ...]]
"""Lengths as shares of the full one, and how many go up at each."""

SCHEMES: dict[str, tuple[Scheme, ...]] = {
    "act_ot": (
        ((1 / 6, 1 / 2, 1), (4, 1)),
        ((1 / 6, 1 / 2, 1), (3, 2)),
        ((1 / 6, 1), (1,)),
        ((1 / 6, 1), (2,)),
    ),
}  # its objective is first known at a sixth
USUAL: tuple[Scheme, ...] = (
    ((1 / 25, 1 / 5, 1), (4, 1)),
    ((1 / 25, 1 / 5, 1), (4, 2)),
    ((1 / 25, 1 / 5, 1), (6, 2)),
    ((1 / 25, 1 / 10, 1 / 4, 1), (6, 3, 2)),
    ((1 / 10, 1), (1,)),
    ((1 / 10, 1), (2,)),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--studies", type=int, default=20)
    parser.add_argument("--tasks", default="rate_too_low,label_noise,act_ot")
    asked = parser.parse_args()
    titles = ("anew %", "continued %", "same winner %", "close %", "loss %", "gain %")
    print(f"{'task':13} {'lengths':13} {'keep':6}" + "".join(f"{title:>14}" for title in titles))
    for name in asked.tasks.split(","):
        task = tasks()[name]
        full = task.steps * (1 if name == "act_ot" else TIMES)
        trained = [trainings(task, seed, full) for seed in range(asked.studies)]
        for shares, keep in SCHEMES.get(name, USUAL):
            lengths = tuple(round(share * full) for share in shares)
            found = np.array([one_study(curves, lengths, keep) for curves in trained])
            told = "".join(f"{value:14.1f}" for value in 100 * found.mean(axis=0))
            print(
                f"{name:13} {'/'.join(map(str, lengths)):13} {','.join(map(str, keep)):6}{told}", flush=True
            )


def trainings(task: Task, seed: int, full: int) -> list[Series | None]:
    """The objective's curves of the baseline and the other candidates, to the full length."""
    box = Box(task, 5000 + seed)
    points = np.random.default_rng([77, seed]).random((CANDIDATES - 1, len(box.knobs)))
    return [task.train(config, full).get(task.objective) for config in [box.start, *map(box.config, points)]]


def one_study(
    curves: Sequence[Series | None], lengths: tuple[int, ...], keep: tuple[int, ...]
) -> tuple[float, float, bool, bool, float, float]:
    """Shares of the steps, whether the winner is the same and whether it is close, its loss and its gain."""
    ends = [value_at(curve, lengths[-1]) for curve in curves]
    study, climb = begun(curves, lengths), Climb(lengths, keep, "steps")
    spent = continued = len(curves) * lengths[0]
    steps = 0
    while (step := next_level(study, climb, steps)) is not None:
        steps += 1
        run(study, step, curves)
        spent += len(step.jobs) * step.length
        continued += len(step.jobs) * (step.length - lengths[step.level - 1])
    best = winner(study)
    assert best is not None  # the baseline does not diverge
    chosen, whole = ends[idea(study, best).place], len(curves) * lengths[-1]
    loss = chosen / min(ends) - 1
    return spent / whole, continued / whole, chosen == min(ends), loss <= CLOSE, loss, 1 - chosen / ends[0]


def value_at(curve: Series | None, step: int) -> float:
    """A curve's value at a step; infinite where it ended before, or never began."""
    found = None if curve is None else curve.until(step)
    whole = found is not None and len(found) and math.isfinite(found.values[-1])
    return float(found.values[-1]) if whole and found is not None else math.inf


def begun(curves: Sequence[Series | None], lengths: tuple[int, ...]) -> Study:
    """The search: every candidate, trained to the first length."""
    study = Study()
    study.record(StudyBegun(objective=Objective("eval", "min")))
    plans = [
        plan(f"c{place}", "c0" if place else None, "x" if place else "", {}) for place in range(len(curves))
    ]
    study.record(RoundPlanned(round=1, variants=tuple(map(Planned, range(len(plans)), plans)), refused=()))
    for place, curve in enumerate(curves):
        study.record(ended(place, value_at(curve, lengths[0]), lengths[0]))
    return study


def run(study: Study, step: Lengthen, curves: Sequence[Series | None]) -> None:
    """Plan and end the jobs of a level."""
    first = study.next_job
    entries = []
    for name in step.jobs:
        job = study.by_name(name)
        assert job is not None
        told = {"level": step.level, "length": step.length}
        entries.append(plan(f"{idea(study, job).name}-{step.length}", name, CLIMB, told))
    variants = tuple(Planned(first + n, entry) for n, entry in enumerate(entries))
    study.record(RoundPlanned(round=1, variants=variants, refused=(), aim="climb"))
    for variant in variants:
        place = idea(study, study.jobs[variant.job]).place
        study.record(ended(variant.job, value_at(curves[place], step.length), step.length))


def plan(name: str, parent: str | None, rule: str, evidence: dict[str, int]) -> Plan:
    return Plan(name, parent, rule, "", evidence, "", (), (), name, (), ())


def ended(job: int, value: float, steps: int) -> JobEnded:
    known = math.isfinite(value)
    return JobEnded(
        objective=value if known else math.nan,
        state=TrialState.COMPLETE if known else TrialState.INFEASIBLE,
        summary={},
        steps=steps,
        error="",
        details=Details(),
        job=job,
    )


if __name__ == "__main__":
    main()
