"""What a second study gains from a first one on a similar task, and what a misleading one costs.

    python benchmarks/memory.py run [--studies 10] [--tasks rate_too_low,act_ot] [--file FILE.csv]
    python benchmarks/memory.py report [--file FILE.csv]

The first study of a task has 12 jobs. The second is of the same app on a shifted task: other data and another
baseline (`SECOND`); ``act_ot_gap`` trains the built-in task with another `dataset.gap`. It runs without
memory, with what the first one found, and misled: with a first study of the shifted task that had good and
bad the wrong way round. With ``--arms "no prior"`` it only runs the best earlier setting again. What leads
after 4, 8 and 12 trainings is trained again on seeds that no study trains with. Compared are logarithms of
the result, paired by study, with a 95 % bootstrap interval.

Needs ``pip install 'autoloop[bench]'``.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import act_ot_table as table
from contest.act_ot import ActOt
from contest.catalogue import tasks
from contest.perceptron import Perceptron, digits
from contest.raw import append, read
from contest.rivals import _choice, _of_jobs
from contest.score import interval
from contest.study import MemoryStudy
from contest.tables import FIXED, HPOBENCH, HPOLIB, Table
from contest.task import FRESH, Task

from autoloop.history.series import History, Series
from autoloop.runner.memory import NOTHING, Memory, memory_of
from autoloop.strategies import MixedStrategy

FILE = Path(__file__).parent / "results" / "memory.csv"
COLUMNS = ("task", "arm", "study", "jobs", "value")
JOBS = 12
AFTER = (4, 8, 12)
ARMS = ("without", "with", "misled", "no prior")
COMPARED = (
    (("without", 4), ("without", 12)),
    (("with", 4), ("without", 12)),
    (("with", 12), ("without", 12)),
    (("misled", 12), ("without", 12)),
    (("with", 8), ("no prior", 8)),
    (("with", 12), ("no prior", 12)),
)
SEED = 500  # of the second studies, apart from those of the first


def shifted_rate() -> Task:
    """Fewer digits, every fifth label wrong, another network, and a rate that is ten times too low."""
    first = tasks()["rate_too_low"]
    baseline = {"lr": 0.005, "hidden": 64, "batch_size": 16}
    return Perceptron(first.name, "", lambda: digits(300, noise=0.2), 10, baseline, first.bounds)


def shifted_noise() -> Task:
    """More digits with fewer wrong labels, a smaller network and a lower rate."""
    first = tasks()["label_noise"]
    baseline = {"lr": 0.02, "hidden": 32, "batch_size": 64}
    return Perceptron(first.name, "", lambda: digits(450, noise=0.2), 10, baseline, first.bounds, steps=200)


class OtherBaseline(ActOt):
    """The table's task from another baseline: a plan with mass, the rate too high, the weight too large."""

    config: Mapping[str, Any] = {
        **ActOt.config,
        "policy": {"optimizer_lr": 8e-3},
        "ot": {
            "lambda_ot": 0.9,
            "loss_config": {**ActOt.config["ot"]["loss_config"], "reg": 0.3, "tau_src": 0.3, "tau_tgt": 0.3},
        },
    }


class TrainedActOt(ActOt):
    """The built-in task itself, for half of the table's steps, with the real domain at some distance."""

    steps = 120

    def __init__(self, gap: float, **start: float) -> None:
        self.config = {**ActOt.config, "policy": {"optimizer_lr": start.get("rate", 3e-4)}}
        self._gap = gap
        self._trained: dict[tuple[float, ...], History] = {}

    def train(self, config: Mapping[str, Any], steps: int | None = None) -> History:
        loss = config["ot"]["loss_config"]
        total = loss["reg"] + loss["tau_src"] + loss["tau_tgt"]
        about = (total, config["ot"]["lambda_ot"], config["policy"]["optimizer_lr"], config["seed"])
        if about not in self._trained:
            curves = table.train(*about, gap=self._gap, steps=self.steps)
            self._trained[about] = self._history(curves.astype(np.float64))
        return self._trained[about]

    def fresh_seeds(self, seed: int) -> tuple[int, ...]:
        """Two seeds that no study trains with."""
        return FRESH[:2]


def other_table(suite: str, data: str) -> Callable[[], Task]:
    """The same network on another data set, from another baseline; without curves, so without a probe."""
    start = {"HPOBench": HPOBENCH, "HPOLib": HPOLIB}[suite]
    lower = {knob: value / 4 if "lr" in knob or "rate" in knob else value for knob, value in start.items()}
    return lambda: Table(suite, data, lower, FIXED if suite == "HPOLib" else {})


FIRST = {
    "hpobench": lambda: tasks()["hpobench_phoneme"],
    "hpolib": lambda: tasks()["hpolib_naval_propulsion"],
    "act_ot_gap": lambda: TrainedActOt(1.6),
}
SECOND: dict[str, Callable[[], Task]] = {
    "rate_too_low": shifted_rate,
    "label_noise": shifted_noise,
    "act_ot": OtherBaseline,
    "hpobench": other_table("HPOBench", "segment"),
    "hpolib": other_table("HPOLib", "protein_structure"),
    "act_ot_gap": lambda: TrainedActOt(2.4, rate=8e-4),
}
"""The shifted task of each; the first one is the contest's of that name, or of `FIRST`."""


def first_task(name: str) -> Task:
    """The task of the first study."""
    return FIRST[name]() if name in FIRST else tasks()[name]


class Inverted(Task):
    """A task with good and bad the wrong way round: the result is one through the result."""

    def __init__(self, task: Task) -> None:
        self.name, self.config, self.bounds, self.rules = task.name, task.config, task.bounds, task.rules
        self.objective, self.steps, self.first_result = task.objective, task.steps, task.first_result
        self._task = task

    def train(self, config: Mapping[str, Any], steps: int | None = None) -> History:
        history = self._task.train(config, steps)
        curve = history[self.objective]
        return History({**history, self.objective: Series(curve.steps, 1 / curve.values)})


def memory_for(arm: str, second: Task, name: str, seed: int) -> Memory:
    """What the second study is told in an arm."""
    if arm == "without":
        return NOTHING
    first = Inverted(second) if arm == "misled" else first_task(name)
    memory = memory_of([("the first study", one_study(first, seed).study)])
    if arm == "no prior":  # trials of which no config is known can be run again, and no more
        return replace(memory, trials=tuple(replace(trial, config={}) for trial in memory.trials))
    return memory


def one_study(task: Task, seed: int, memory: Memory = NOTHING) -> MemoryStudy:
    """A study of so many jobs."""
    return MemoryStudy(task, MixedStrategy(space=task.space), seed, JOBS, memory=memory).run()


def run(studies: int, names: list[str], arms: list[str], file: Path) -> None:
    """Run every study that the file lacks."""
    done = {(row["task"], row["arm"], int(row["study"])) for row in read(file)}
    for seed in range(studies):
        for name in names:
            second = SECOND[name]()
            for arm in (arm for arm in arms if (name, arm, seed) not in done):
                ran = one_study(second, SEED + seed, memory_for(arm, second, name, seed))
                append(file, COLUMNS, [_row(ran, arm, seed, name, jobs) for jobs in AFTER])
        print(f"study {seed + 1} of {studies}", flush=True)


def _row(ran: MemoryStudy, arm: str, seed: int, name: str, jobs: int) -> list[str]:
    """What leads after so many trainings, on fresh seeds."""
    fresh = ran.task.fresh(_choice(ran, _of_jobs(ran, jobs)).config)
    value = float(np.mean(np.log(fresh))) if np.isfinite(fresh).all() else math.inf
    return [name, arm, str(seed), str(jobs), f"{value:.6g}"]


def report(file: Path) -> None:
    """Print what leads after so many trainings, and the paired differences."""
    found: dict[tuple[str, str, int], dict[int, float]] = defaultdict(dict)
    for row in read(file):
        found[row["task"], row["arm"], int(row["jobs"])][int(row["study"])] = float(row["value"])
    print("task          arm      studies   after 4   after 8  after 12")
    names = list(dict.fromkeys(key[0] for key in found))
    for name in names:
        for arm in ARMS:
            if not found[name, arm, JOBS]:
                continue
            values = [math.exp(np.mean(list(found[name, arm, jobs].values()))) for jobs in AFTER]
            count = len(found[name, arm, JOBS])
            print(f"{name:13} {arm:8} {count:7} " + " ".join(f"{value:9.4g}" for value in values))
    for mine, other in COMPARED:
        print(f"{mine[0]} after {mine[1]} against {other[0]} after {other[1]}:")
        each = {}
        for name in names:
            ours, theirs = found[(name, *mine)], found[(name, *other)]
            pairs = [100 * (ours[study] - value) for study, value in theirs.items() if study in ours]
            if pairs:
                each[name] = np.array(pairs)
                print(f"  {name:13} {_interval({name: each[name]})}")
        if each:
            print(f"  {'all':13} {_interval(each)}")


def _interval(parts: Mapping[str, Any]) -> str:
    """Mean over tasks of differences in percent, with its interval."""
    low, high = interval(parts)
    return f"{np.mean([part.mean() for part in parts.values()]):+.1f} % [{low:+.1f}, {high:+.1f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("command", choices=("run", "report"))
    parser.add_argument("--studies", type=int, default=10)
    parser.add_argument("--tasks", default=",".join(SECOND))
    parser.add_argument("--arms", default="without,with,misled")
    parser.add_argument("--file", type=Path, default=FILE)
    asked = parser.parse_args()
    if asked.command == "run":
        run(asked.studies, asked.tasks.split(","), asked.arms.split(","), asked.file)
    report(asked.file)


if __name__ == "__main__":
    main()
