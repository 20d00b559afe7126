"""CPU time that deciding takes in a study of 24 jobs: everything but the trainings.

    OMP_NUM_THREADS=1 python benchmarks/deciding.py

Each study runs once to train, and then from what was trained. What is measured includes composing and judging
in memory (`contest.study`), but no files and no processes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from contest.outside import tasks_of
from contest.study import MemoryStudy
from contest.task import Task

from autoloop.history.series import History
from autoloop.strategies import MixedStrategy

FILE = Path(__file__).parent / "held_out" / "confirmed.py"
SEED, JOBS, TIMES = 26, 24, 4


def remembering(train: Callable[..., History]) -> Callable[..., History]:
    """A training that runs once for each config."""
    known: dict[str, History] = {}

    def recalled(config: Mapping[str, Any], steps: int | None = None) -> History:
        key = json.dumps([config, steps], sort_keys=True)
        if key not in known:
            known[key] = train(config, steps)
        return known[key]

    return recalled


def seconds(task: Task) -> float:
    """CPU time of one study."""
    begun = time.process_time()
    MemoryStudy(task, MixedStrategy(space=task.space), SEED, JOBS).run()
    return time.process_time() - begun


def main() -> None:
    for name, task in tasks_of([FILE]).items():
        task.train = remembering(task.train)  # type: ignore[method-assign]
        seconds(task)
        print(name, *(f"{seconds(task):.2f}" for _ in range(TIMES)))


if __name__ == "__main__":
    main()
