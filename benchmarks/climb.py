"""What a climb costs and whether it finds the same winner, against training every candidate at full length.

    python benchmarks/climb.py [--studies 20] [--tasks rate_too_low,label_noise,act_ot]

A study is the baseline and 11 points drawn evenly from a task's box. All are trained to the full length; the
climb sees of these curves only what it asks for, and its decisions are the product's own
(`autoloop.loop.climbing`). Steps are counted with checkpoints (a longer run pays what is new) and without.
The same winner: the one that is best of all at full length; the loss is how much worse the climb's winner is
than that, in percent, and by how much it beats the baseline.
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
LENGTHS = (1 / 25, 1 / 5, 1)  # shares of the full length
KEEP = (4, 1)
TIMES = 5  # the full length of the numpy tasks, in their usual steps; the table of act_ot ends at its own


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--studies", type=int, default=20)
    parser.add_argument("--tasks", default="rate_too_low,label_noise,act_ot")
    asked = parser.parse_args()
    print("task          lengths             steps anew  continued  same winner  loss %  gain on baseline %")
    for name in asked.tasks.split(","):
        task = tasks()[name]
        full = task.steps * (1 if name == "act_ot" else TIMES)
        shares = (1 / 10, 3 / 10, 1) if name == "act_ot" else LENGTHS  # it is evaluated every tenth
        lengths = tuple(round(share * full) for share in shares)
        found = [one_study(task, seed, lengths) for seed in range(asked.studies)]
        anew, continued, same, loss, gain = (np.mean(column) for column in zip(*found, strict=True))
        print(
            f"{name:13} {'/'.join(map(str, lengths)):19} {100 * anew:8.1f} % {100 * continued:8.1f} % "
            f"{100 * same:10.0f} % {loss:7.2f} {gain:12.1f}",
            flush=True,
        )


def one_study(task: Task, seed: int, lengths: tuple[int, ...]) -> tuple[float, float, bool, float, float]:
    """Shares of the steps, whether the winner is the same, its loss and its gain in percent."""
    box = Box(task, 5000 + seed)
    points = np.random.default_rng([77, seed]).random((CANDIDATES - 1, len(box.knobs)))
    configs = [box.start, *map(box.config, points)]
    curves = [task.train(config, lengths[-1]).get(task.objective) for config in configs]
    ends = [value_at(curve, lengths[-1]) for curve in curves]
    study, climb = begun(curves, lengths), Climb(lengths, KEEP, "steps")
    spent, continued = len(configs) * lengths[0], len(configs) * lengths[0]
    steps = 0
    while (step := next_level(study, climb, steps)) is not None:
        steps += 1
        run(study, step, curves)
        spent += len(step.jobs) * step.length
        continued += len(step.jobs) * (step.length - lengths[step.level - 1])
    best = winner(study)
    assert best is not None
    chosen = ends[idea(study, best).place]
    of_all = CANDIDATES * lengths[-1]
    loss, gain = 100 * (chosen / min(ends) - 1), 100 * (1 - chosen / ends[0])
    return spent / of_all, continued / of_all, chosen == min(ends), loss, gain


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
