"""Is it worth its jobs to run leaders that cannot be told apart with a second and third seed?

    python benchmarks/racing.py run       # appends to results/racing.csv what is not there yet
    python benchmarks/racing.py report    # prints the tables of docs/benchmarks.md

The contest's tasks and score (`strategies.py`), with studies of other seeds. `racing=1` and `racing=2` have
the same number of jobs as the study without: every job of a race is one idea less. `at the end` searches with
four jobs fewer and gives these to one race of its leaders. Who is selected is the leader by all seeds
(`autoloop.loop.score.leader`).

`act_ot` and the tables have four or five seeds in all; there the ones that a race may have seen are left out
of the score for all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import strategies
from contest.catalogue import tasks
from contest.raw import commands, read, seeds
from contest.rivals import BUDGETS, RIVALS, Choice, Choices
from contest.score import interval, p_worse, regret
from contest.study import MemoryStudy
from contest.task import Floats, Task

from autoloop.loop.closing import RACERS, race
from autoloop.loop.score import leader
from autoloop.loop.steps import Limits
from autoloop.strategies import MixedStrategy

RESULTS = Path(__file__).parent / "results" / "racing.csv"
FIRST, STUDIES = 100, 20
MOST = 2  # races after a round
PLAIN = "mixed"


def racing(times: int) -> Callable[[Task, int], Choices]:
    """A study with so many races after each round, at the most."""

    def study(task: Task, seed: int) -> Choices:
        found = (MemoryStudy(task, MixedStrategy(), seed, jobs, racing=times).run() for jobs in BUDGETS)
        return {jobs: led(study) for jobs, study in zip(BUDGETS, found, strict=True)}

    return study


def at_the_end(task: Task, seed: int) -> Choices:
    """A study whose last four jobs are one race, where leaders cannot be told apart then."""
    choices = dict(RIVALS[PLAIN](task, seed))
    for jobs in BUDGETS:
        study = MemoryStudy(task, MixedStrategy(), seed, jobs - RACERS).run()
        step = race(study.study, Limits(rounds=2, racing=1))
        if step is not None:
            study.measure(step)
            choices[jobs] = led(study)
    return choices


def led(study: MemoryStudy) -> Choice:
    """What a study selects: its leader."""
    record = study.study
    best = leader(record) or record.counted()[0]
    raced = sum(job.is_repeat for job in record.counted())
    return Choice(json.loads(best.plan.overrides[0]), best.objective, study.steps, len(record.jobs) - raced)


ENTRANTS = {
    PLAIN: RIVALS[PLAIN],
    **{f"racing={times}": racing(times) for times in range(1, MOST + 1)},
    "at the end": at_the_end,
}

Place = tuple[str, str, int]


def scores(rows: Sequence[Mapping[str, str]], best: Mapping[str, float]) -> dict[Place, dict[int, float]]:
    """(task, entrant, budget) -> study -> regret."""
    found: dict[Place, dict[int, float]] = {}
    for row in rows:
        study, place = int(row["study"]), (row["task"], row["rival"], int(row["budget"]))
        unseen = _unseen(tasks()[row["task"]], study, len(row["fresh"].split()))
        fresh, baseline = (
            [float(value) for value, new in zip(row[name].split(), unseen, strict=True) if new]
            for name in ("fresh", "baseline")
        )
        found.setdefault(place, {})[study] = regret(fresh, baseline, best[row["task"]])
    return found


def _unseen(task: Task, study: int, fresh: int) -> list[bool]:
    """Which of so many fresh seeds of a study no race can have trained with.

    A task with few seeds has one more than are fresh: the study's own, to which a race adds 1 or 2.
    """
    if type(task).fresh_seeds is Task.fresh_seeds:
        return [True] * fresh
    seeds = fresh + 1
    known = {(study + offset) % seeds for offset in range(MOST + 1)}
    return [seed not in known for seed in range(seeds) if seed != study % seeds]


def differences(
    found: Mapping[Place, Mapping[int, float]], entrant: str, budget: int
) -> dict[str, tuple[Floats, Floats]]:
    """Task -> regrets of the entrant and of the study without races, of the same studies."""
    both = {}
    for task in tasks():
        one, other = found.get((task, entrant, budget), {}), found.get((task, PLAIN, budget), {})
        common = sorted(one.keys() & other.keys())
        if common:
            both[task] = np.array([one[n] for n in common]), np.array([other[n] for n in common])
    return both


def report(rows: Sequence[Mapping[str, str]], best: Mapping[str, float]) -> Iterator[str]:
    """Yield the lines of the tables."""
    found = scores(rows, best)
    jobs = {(row["rival"], int(row["budget"])): [] for row in rows}
    for row in rows:
        jobs[row["rival"], int(row["budget"])].append(int(row["budget"]) - int(row["jobs"]))
    yield "| jobs | | of these in races | regret | without races | difference | 95 % interval | p |"
    yield "|---|---|---|---|---|---|---|---|"
    for budget in BUDGETS:
        for entrant in [name for name in ENTRANTS if name != PLAIN]:
            both = differences(found, entrant, budget)
            gaps = {task: one - other for task, (one, other) in both.items()}
            low, high = interval(gaps)
            means = [float(np.mean([pair[side].mean() for pair in both.values()])) for side in (0, 1)]
            spent = float(np.mean(jobs[entrant, budget]))
            yield (
                f"| {budget} | {entrant} | {spent:.1f} | {means[0]:.3f} | {means[1]:.3f} "
                f"| {means[0] - means[1]:+.3f} | {low:+.3f} to {high:+.3f} | {_p(gaps)} |"
            )
    yield ""
    columns = [(budget, entrant) for budget in BUDGETS for entrant in ENTRANTS if entrant != PLAIN]
    heads = [f"{budget} jobs, {entrant}" for budget, entrant in columns]
    yield f"| task | {' | '.join(heads)} |"
    yield "|---|" + "---|" * len(columns)
    for task in dict.fromkeys(row["task"] for row in rows):
        cells = []
        for budget, entrant in columns:
            one, other = differences(found, entrant, budget)[task]
            p = min(p_worse(one, other), p_worse(other, one))
            cells.append(f"{(one - other).mean():+.3f} (p = {p:.2g})")
        yield f"| {task} | {' | '.join(cells)} |"


def _p(gaps: Mapping[str, Floats]) -> str:
    """One-sided probability by chance of a difference like this, every task weighing the same."""
    weighed = np.concatenate([gap / len(gap) for gap in gaps.values()])
    nothing = np.zeros_like(weighed)
    return f"{min(p_worse(weighed, nothing), p_worse(nothing, weighed)):.2g}"


def main() -> None:
    parser, runs = commands(__doc__, FIRST, STUDIES)
    runs.add_argument("--on", nargs="*", default=[], choices=tasks())
    given = parser.parse_args()
    if given.command == "run":
        strategies.run(seeds(given), [], given.on, RESULTS, ENTRANTS)
    else:
        best = json.loads(strategies.BEST.read_text())
        print("\n".join(report(read(RESULTS), best)))


if __name__ == "__main__":
    main()
