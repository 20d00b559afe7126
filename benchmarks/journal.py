"""What the journal costs: each job's lines, written and waited for, and reading a long study again.

    python benchmarks/journal.py WORK_DIR [--repeats 200]

WORK_DIR must be on the disk to be measured. A short study of the built-in task is run there first; its own
lines are then written again and again into fresh journals, once as a study does (each on disk before it
counts) and once without waiting for the disk. What a job costs beside its lines is measured in the same run
with `benchmarks/launch.py`: a job that does nothing, in one slot. Long journals are made of the lines of the
short study, renumbered; each is read by a fresh process. Prints Markdown tables.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import chain, count, islice
from pathlib import Path
from statistics import median
from typing import Any

import launch

import autoloop.store.journal
from autoloop.loop.due import Limits, next_step
from autoloop.store.journal import FILE_NAME, Journal, read_study
from autoloop.study.events import read_event

Event = dict[str, Any]
Seconds = tuple[float, float]  # of the clock, of the CPU
LENGTHS = (10_000, 100_000)
TASK = ("rounds=2", "steps=40", "n_jobs=2", "live=false", "hydra.sweep.dir=study")


def short_study(work_dir: Path) -> list[Event]:
    """Run the built-in task and return the events of its journal."""
    command = [sys.executable, "-m", "autoloop.train", "-m", "hydra/sweeper=autoloop", *TASK]
    with tempfile.TemporaryDirectory(dir=work_dir) as directory:
        subprocess.run(command, check=True, cwd=directory, capture_output=True)
        return [json.loads(line) for line in Path(directory, "study", FILE_NAME).read_text().splitlines()]


def writing(events: list[Event], work_dir: Path, wait: Callable[[int], None]) -> Seconds:
    """Write events into a fresh journal; return what that took, opening and closing left out."""
    autoloop.store.journal.os.fsync, restore = wait, os.fsync
    try:
        with tempfile.TemporaryDirectory(dir=work_dir) as directory, Journal(Path(directory)) as journal:
            wall, cpu = time.perf_counter(), time.process_time()
            for event in events:
                journal.append(read_event(event))
            return time.perf_counter() - wall, time.process_time() - cpu
    finally:
        autoloop.store.journal.os.fsync = restore


def longer(events: list[Event], lines: int) -> Iterator[Event]:
    """A journal of so many lines: the study's rounds again and again, with numbers and names of their own."""
    first = [event for event in events if event["event"] == "study"]
    rounds = [event for event in events if event["event"] not in ("study", "stop")]
    jobs = 1 + max(event.get("job", 0) for event in rounds)
    again = (moved(event, turn, jobs) for turn in count() for event in rounds)
    return islice(chain(first, again), lines)


def moved(event: Event, turn: int, jobs: int) -> Event:
    """An event of a later turn."""
    names = {key: f"{event[key]}~{turn}" for key in ("name", "trial", "parent") if event.get(key)}
    shifted = {key: event[key] + turn * step for key, step in (("job", jobs), ("round", 2)) if key in event}
    inner = {
        key: [moved(one, turn, jobs) for one in event[key]]
        for key in ("variants", "decisions")
        if key in event
    }
    judged = {"judged": [job + turn * jobs for job in event["judged"]]} if "decisions" in event else {}
    return {**event, **names, **shifted, **inner, **judged}


def reading(path: Path) -> None:
    """Read a study and print what that took: seconds, megabytes, and seconds to find out what is due."""
    start = time.process_time()
    study = read_study(path)
    read = time.process_time()
    next_step(study, Limits(rounds=10**9))
    due = time.process_time()
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([read - start, memory_mb, due - read, len(study.jobs)]))


def show_writing(events: list[Event], work_dir: Path, repeats: int) -> None:
    jobs = sum(event["event"] == "job" for event in events)
    size = sum(len(json.dumps(event)) + 1 for event in events)
    app = Path(tempfile.mkdtemp(dir=work_dir), "app.py")
    app.write_text(launch.APP)
    command = launch.sweep(app, ["hydra/launcher=slots", "hydra.launcher.n_jobs=1"], torch=False)
    empty, _ = launch.per_job(command, 16, app.parent)
    costs = [
        [writing(events, work_dir, wait) for wait in (os.fsync, lambda descriptor: None)]
        for _ in range(repeats)
    ]
    print(f"{jobs} jobs in {len(events)} lines, {size} bytes: {len(events) / jobs:.1f} lines a job.\n")
    print("| a job's lines | wall, ms | CPU, ms | share of an empty job's wall | of its CPU |")
    print("|---|---|---|---|---|")
    for place, name in enumerate(("on disk before they count", "without waiting for the disk")):
        wall, cpu = (median(cost[place][part] for cost in costs) / jobs for part in (0, 1))
        shares = f"{wall / empty.wall_s:.1%} | {cpu / empty.cpu_s:.1%}"
        print(f"| {name} | {1000 * wall:.2f} | {1000 * cpu:.2f} | {shares} |")
    print(f"\nThe empty job: {empty.wall_s:.3f} s wall, {empty.cpu_s:.3f} s CPU.\n")


def show_reading(events: list[Event], work_dir: Path) -> None:
    print("| lines | jobs | MB | read, CPU s | of that per job, ms | memory, MB | what is due, ms |")
    print("|---|---|---|---|---|---|---|")
    for lines in LENGTHS:
        with tempfile.TemporaryDirectory(dir=work_dir) as directory:
            path = Path(directory, FILE_NAME)
            with path.open("w") as file:
                file.writelines(json.dumps(event) + "\n" for event in longer(events, lines))
            size_mb = path.stat().st_size / 1e6
            command = [sys.executable, __file__, "--read", directory]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds, memory_mb, due, jobs = json.loads(done.stdout)
        each, due_ms = f"{1000 * seconds / jobs:.2f}", f"{1000 * due:.1f}"
        print(
            f"| {lines:,} | {jobs:,} | {size_mb:.1f} | {seconds:.2f} | {each} | {memory_mb:.0f} | {due_ms} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work_dir", type=Path)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--read", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read:
        reading(arguments.work_dir)
        return
    arguments.work_dir.mkdir(parents=True, exist_ok=True)
    events = short_study(arguments.work_dir)
    show_writing(events, arguments.work_dir, arguments.repeats)
    show_reading(events, arguments.work_dir)


if __name__ == "__main__":
    main()
