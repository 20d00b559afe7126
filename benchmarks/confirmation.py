"""How much better does a winner look than it is, and does `confirm=` tell?

    python benchmarks/confirmation.py run       # appends to results/confirmation.csv what is not there yet
    python benchmarks/confirmation.py report    # prints the tables of docs/benchmarks.md

Studies of the contest's small trainings with `strategy=mixed`, 12 and 24 jobs. Winner and starting point of
each run on 40 fresh seeds by the step with which `confirm=40` would have them run. Any 3 (or 5) of these are
what `confirm=3` sees; the mean of the others stands for the truth. `act_ot` and the tables have too few seeds
to take part.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from contest.catalogue import tasks
from contest.raw import append, commands, read, seeds
from contest.rivals import BUDGETS
from contest.study import MemoryStudy
from contest.task import FRESH, Floats, Task

from autoloop.curves.objective import Objective
from autoloop.history.series import History
from autoloop.loop.closing import measurement
from autoloop.loop.score import Confirmation, confirmation, interval, leader, root
from autoloop.loop.score.student import quantile
from autoloop.loop.steps import Limits
from autoloop.strategies import MixedStrategy
from autoloop.study.events import StudyBegun, read_event
from autoloop.study.record import CONFIRM, Study

RESULTS = Path(__file__).parent / "results" / "confirmation.csv"
FIRST, STUDIES, SEEDS = 100, 20, 40
COUNTS = (3, 5)
COLUMNS = ("task", "study", "budget", "own", "own_start", "fresh", "fresh_start")


class Remembering(Task):
    """A task that trains no config twice: starting points are the same in all studies."""

    def __init__(self, task: Task) -> None:
        self.__dict__.update(task=task, known={})

    def __getattr__(self, name: str) -> Any:
        return getattr(self.task, name)

    def train(self, config: Mapping[str, Any], steps: int | None = None) -> History:
        key = json.dumps(config)
        if key not in self.known:
            self.known[key] = self.task.train(config)
        return self.known[key]


def run(studies: range, file: Path) -> None:
    """Run every study that the file lacks."""
    done = {(row["task"], int(row["study"])) for row in read(file)}
    for task in (task for task in tasks().values() if task.fresh_seeds(0) == FRESH):
        remembering = Remembering(task)
        for study in [study for study in studies if (task.name, study) not in done]:
            append(file, COLUMNS, [_row(remembering, study, budget) for budget in BUDGETS])
        print(f"{task.name} is done", flush=True)


def _row(task: Task, seed: int, budget: int) -> list[str]:
    study = MemoryStudy(task, MixedStrategy(), seed, budget).run()
    winner = leader(study.study)
    assert winner is not None
    start, step = root(study.study, winner), measurement(study.study, Limits(confirm=SEEDS))
    about = [task.name, str(seed), str(budget), f"{winner.objective:.5g}", f"{start.objective:.5g}"]
    if step is None:  # nothing was better than the starting point
        return [*about, "", ""]
    study.measure(step)
    found = confirmation(study.study)
    assert found is not None
    return [*about, *(_values(study.study, job.name) for job in (found.chosen, found.start))]


def _values(study: Study, name: str) -> str:
    runs = [job for job in study.counted() if job.plan.rule == CONFIRM and job.plan.parent == name]
    return " ".join(f"{job.objective:.5g}" if job.known else "nan" for job in runs)


@dataclass(frozen=True, eq=False)
class Winner:
    """One study's winner beside its starting point, on fresh seeds.

    Attributes:
        task: The task.
        budget: Jobs of the study.
        own: Results of winner and starting point at the study's seed.
        fresh: Their results on fresh seeds, (2, seeds); empty where the winner is the starting point.
    """

    task: str
    budget: int
    own: tuple[float, float]
    fresh: Floats

    @classmethod
    def of(cls, row: Mapping[str, str]) -> Winner:
        """Read a raw result."""
        values = [[float(value) for value in row[name].split()] for name in ("fresh", "fresh_start")]
        own = float(row["own"]), float(row["own_start"])
        return cls(row["task"], int(row["budget"]), own, np.array(values))

    @cached_property
    def gains(self) -> Floats:
        """Gains over the starting point in percent, one for each fresh seed on which both have a result."""
        winner, start = self.fresh[:, np.isfinite(self.fresh).all(axis=0)]
        return np.asarray(100 * (start - winner) / np.abs(start))

    @property
    def looked(self) -> float:
        """Its gain at the study's seed."""
        return 100 * (self.own[1] - self.own[0]) / abs(self.own[1])

    @property
    def optimism(self) -> float:
        """How much better its result at the study's seed is than on fresh ones, in percent."""
        fresh = float(np.nanmean(self.fresh[0]))
        return 100 * (fresh - self.own[0]) / abs(fresh)

    @property
    def paired_optimism(self) -> float:
        """The same, of its result in terms of the starting point's at the same seeds."""
        winner, start = np.nanmean(self.fresh, axis=1)
        return float(100 * (1 - (self.own[0] / self.own[1]) / (winner / start)))

    @cached_property
    def confirmations(self) -> dict[int, list[tuple[Confirmation, float]]]:
        """How many seeds -> what each so many of the fresh ones say, and the mean gain over the others."""
        return {count: list(self._confirmations(count)) for count in COUNTS}

    def _confirmations(self, count: int) -> Iterator[tuple[Confirmation, float]]:
        for first in range(0, self.fresh.shape[1] - count + 1, count):
            these = list(range(first, first + count))
            said = confirmation(self._study(these))
            others = np.delete(self.gains, these) if len(self.gains) == self.fresh.shape[1] else self.gains
            if said is not None:
                yield said, float(others.mean())

    def _study(self, seeds: Sequence[int]) -> Study:
        """The record of a study that ran winner and starting point on these of the fresh seeds."""
        study = Study()
        study.record(StudyBegun(time=0.0, objective=Objective(goal="min")))
        _add(study, [_entry(0, "start", None, ""), _entry(1, "winner", "start", "sample")], self.own[::-1])
        jobs = [(side, name, seed) for side, name in ((1, "start"), (0, "winner")) for seed in seeds]
        entries = [
            _entry(2 + n, f"{name}-{seed}", name, CONFIRM, seed) for n, (_, name, seed) in enumerate(jobs)
        ]
        _add(study, entries, [float(self.fresh[side, seed]) for side, _, seed in jobs])
        return study


def _entry(job: int, name: str, parent: str | None, rule: str, seed: int = 0) -> dict[str, Any]:
    empty = {"reason": "", "expects": "", "edits": [], "overrides": [], "changes": [], "notes": []}
    return {
        **empty,
        "job": job,
        "name": name,
        "parent": parent,
        "rule": rule,
        "evidence": {"seed": seed},
        "signature": name,
    }


def _add(study: Study, entries: Sequence[Mapping[str, Any]], values: Sequence[float]) -> None:
    """Record jobs and their ends."""
    study.record(read_event({"event": "round", "time": 0.0, "round": 1, "variants": entries, "refused": []}))
    for entry, value in zip(entries, values, strict=True):
        known = math.isfinite(value)
        state = {"state": "COMPLETE" if known else "INFEASIBLE", "objective": value if known else None}
        about = {"event": "trial", "time": 0.0, "job": entry["job"], "summary": {}, "steps": 1, "error": ""}
        study.record(read_event({**about, **state}))


def report(rows: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Yield the lines of the tables."""
    winners = [Winner.of(row) for row in rows]
    found = [winner for winner in winners if winner.fresh.size]
    yield from _of_winners(winners, found)
    yield ""
    yield from _of_looks(found)
    yield ""
    yield from _of_fallback(found)
    yield ""
    yield from _of_intervals(found)
    yield ""
    yield from _of_probabilities(found)


def _of_winners(winners: Sequence[Winner], found: Sequence[Winner]) -> Iterator[str]:
    yield (
        "| task | jobs | winner is the baseline | winner is no better | looked better by | is better by "
        "| optimism | paired |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for task, budget in dict.fromkeys((winner.task, winner.budget) for winner in winners):
        these = [one for one in found if (one.task, one.budget) == (task, budget)]
        all_of_it = sum((one.task, one.budget) == (task, budget) for one in winners)
        worse = sum(one.gains.mean() <= 0 for one in these)
        numbers = [
            float(np.median([getattr(one, name) for one in these]))
            for name in ("looked", "optimism", "paired_optimism")
        ]
        gain = float(np.median([one.gains.mean() for one in these]))
        yield (
            f"| {task} | {budget} | {all_of_it - len(these)} of {all_of_it} | {worse} of {len(these)} "
            f"| {numbers[0]:.1f} % | {gain:.1f} % | {numbers[1]:.1f} % | {numbers[2]:.1f} % |"
        )


def _of_looks(found: Sequence[Winner]) -> Iterator[str]:
    yield "| looked better by | winners | of these no better |"
    yield "|---|---|---|"
    for low, high in ((0, 10), (10, 20), (20, 40), (40, 100)):
        these = [one for one in found if low <= one.looked < high]
        yield f"| {low} to {high} % | {len(these)} | {sum(one.gains.mean() <= 0 for one in these)} |"


def _of_fallback(found: Sequence[Winner]) -> Iterator[str]:
    """How often the mean over fresh seeds is below 0, which makes the starting point the winner."""
    yield "| seeds | told of those that are no better | of those that are better |"
    yield "|---|---|---|"
    for count in COUNTS:
        said = [
            (sure.gain_pct < 0, float(one.gains.mean()) > 0)
            for one in found
            for sure, _ in one.confirmations[count]
        ]
        shares = [
            np.mean([told for told, better in said if better is is_better]) for is_better in (False, True)
        ]
        yield f"| {count} | {shares[0]:.0%} | {shares[1]:.1%} |"


def _of_intervals(found: Sequence[Winner]) -> Iterator[str]:
    yield "| seeds | 90 % interval | holds the truth | on the worst task | median half width |"
    yield "|---|---|---|---|---|"
    for count in COUNTS:
        for method, ends_of in METHODS.items():
            held: dict[str, list[bool]] = {}
            widths = []
            for one in found:
                for sure, truth in one.confirmations[count]:
                    low, high = ends_of(sure)
                    held.setdefault(one.task, []).append(low <= truth <= high)
                    widths.append((high - low) / 2)
            shares = {task: float(np.mean(of_task)) for task, of_task in held.items()}
            worst = min(shares, key=lambda task: shares[task])
            yield (
                f"| {count} | {method} | {np.mean(list(shares.values())):.0%} "
                f"| {shares[worst]:.0%} ({worst}) | {np.median(widths):.1f} % |"
            )


def _bootstrap(sure: Confirmation) -> tuple[float, float]:
    found = interval(sure.gains_pct)
    return found.low, found.high


def _student(sure: Confirmation) -> tuple[float, float]:
    count, middle = len(sure.gains_pct), float(np.mean(sure.gains_pct))
    if count < 2:
        return -math.inf, math.inf
    half = quantile(0.95, count - 1) * float(np.std(sure.gains_pct, ddof=1)) / math.sqrt(count)
    return middle - half, middle + half


METHODS = {
    "percentile bootstrap": _bootstrap,
    "Student's t of these gains": _student,
    "**as shipped**": lambda sure: sure.interval_pct,
}


def _of_probabilities(found: Sequence[Winner]) -> Iterator[str]:
    said = {count: [pair for one in found for pair in one.confirmations[count]] for count in COUNTS}
    yield (
        "| better with probability | " + " | ".join(f"{n} seeds: so often | is better" for n in COUNTS) + " |"
    )
    yield "|---|" + "---|---|" * len(COUNTS)
    for low, high in ((0.0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 0.95), (0.95, 1.0)):
        cells = []
        for count in COUNTS:
            these = [truth > 0 for sure, truth in said[count] if low <= sure.better < high + (high == 1.0)]
            share = f"{np.mean(these):.0%}" if these else ""
            cells.append(f"{len(these)} of {len(said[count])} | {share}")
        yield f"| {low:g} to {high:g} | {' | '.join(cells)} |"


def main() -> None:
    given = commands(__doc__, FIRST, STUDIES)[0].parse_args()
    if given.command == "run":
        run(seeds(given), RESULTS)
    else:
        print("\n".join(report(read(RESULTS))))


if __name__ == "__main__":
    main()
