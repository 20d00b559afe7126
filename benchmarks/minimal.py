"""What does `minimal=true` take from a winner, at what price, and does the result stay?

    python benchmarks/minimal.py run       # appends to results/minimal.csv what is not there yet
    python benchmarks/minimal.py report    # prints the table of docs/benchmarks.md

Studies of the contest's small trainings with `strategy=mixed` and 24 jobs, then the steps that `minimal=true`
takes. The winner as the search left it, without what one seed calls idle (all suspects, where they are no
worse together at the winner's own seed), and as `minimal` leaves it run on 20 seeds that were not used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from contest.catalogue import tasks
from contest.raw import append, commands, read, seeds
from contest.study import MemoryStudy
from contest.task import FRESH, Task

from autoloop.loop.closing import measurement
from autoloop.loop.score import chosen, knobs, leader
from autoloop.loop.score.reduction import reductions, seems_idle, without
from autoloop.loop.steps import Limits
from autoloop.strategies import MixedStrategy
from autoloop.study.record import Job, Study

RESULTS = Path(__file__).parent / "results" / "minimal.csv"
FIRST, STUDIES, JOBS, SEEDS = 100, 10, 24, 20
LIMITS = Limits(minimal=True, confirm=0)
WAYS = ("search", "one_seed", "minimal")
COLUMNS = ("task", "study", "jobs", *(f"{way}_{what}" for way in WAYS for what in ("edits", "fresh")))


def run(studies: range, file: Path) -> None:
    """Run every study that the file lacks."""
    done = {(row["task"], int(row["study"])) for row in read(file)}
    for study in studies:
        for task in tasks().values():
            if task.fresh_seeds(0) == FRESH and (task.name, study) not in done:
                append(file, COLUMNS, [_row(task, study)])
        print(f"study {study} of {studies}", flush=True)


def _row(task: Task, seed: int) -> list[str]:
    ran = MemoryStudy(task, MixedStrategy(), seed, JOBS).run()
    ran.close(LIMITS)
    while (step := measurement(ran.study, LIMITS)) is not None:
        ran.measure(step)
    found = (leader(ran.study), _by_one_seed(ran.study), chosen(ran.study))
    parts = [part for job in found if job is not None for part in (_edits(ran.study, job), _fresh(task, job))]
    return [task.name, str(seed), str(len(ran.study.jobs) - JOBS), *parts]


def _by_one_seed(study: Study) -> Job | None:
    """The winner without all suspects, where that is no worse at its own seed; else the winner."""
    best = leader(study)
    tries = reductions(study, best)[:1] if best is not None else []
    found = [without(study, best, paths) for paths in tries if best and seems_idle(study, best, paths)]
    return found[0] if found else best


def _edits(study: Study, job: Job) -> str:
    return str(len(knobs(study, job)))


def _fresh(task: Task, job: Job) -> str:
    config = json.loads(job.plan.overrides[0])
    seeds = range(FRESH[-1] + 1, FRESH[-1] + 1 + SEEDS)
    return " ".join(f"{task.result({**config, 'seed': seed}):.5g}" for seed in seeds)


def report(rows: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Yield the lines of the table."""
    yield (
        "| task | edits of the winner | left by one seed | result | worse by 3 % or more "
        "| left by `minimal` | result | worse by 3 % or more | jobs |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for task in dict.fromkeys(row["task"] for row in rows):
        of_task = [row for row in rows if row["task"] == task]
        cells = [f"{np.mean([int(row['search_edits']) for row in of_task]):.1f}"]
        for way in WAYS[1:]:
            gains = np.array([_gain(row, way) for row in of_task])
            cells.append(f"{np.mean([int(row[f'{way}_edits']) for row in of_task]):.1f}")
            cells += [f"{np.median(gains):+.1f} %", f"{(gains <= -3).sum()} of {len(gains)}"]
        jobs = np.mean([int(row["jobs"]) for row in of_task])
        yield f"| {task} | {' | '.join(cells)} | {jobs:.1f} |"


def _gain(row: Mapping[str, str], way: str) -> float:
    """By how much the result is better than the winner's of the search, in percent: the median over seeds."""
    own, other = ([float(value) for value in row[f"{name}_fresh"].split()] for name in (way, "search"))
    return float(np.median([100 * (was - is_now) / was for is_now, was in zip(own, other, strict=True)]))


def main() -> None:
    given = commands(__doc__, FIRST, STUDIES)[0].parse_args()
    if given.command == "run":
        run(seeds(given), RESULTS)
    else:
        print("\n".join(report(read(RESULTS))))


if __name__ == "__main__":
    main()
