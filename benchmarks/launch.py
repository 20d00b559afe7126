"""What it costs to start a job: hydra/launcher=slots against other ways, measured in one run.

    python benchmarks/launch.py [--jobs 24] [--repeats 3]

Two jobs are measured: one that does nothing, and one that needs torch and makes an Accelerator, as a
training does. Each launcher runs a short and a long sweep of them; cost per job is the difference of
the two divided by the number of jobs between them, so what a sweep costs once (Python, Hydra,
importing torch in the zygote or in joblib's workers) is left out and shown on its own. Without a
launcher there is no sweep: each job is a start. joblib with one worker would run its jobs in the main
process, so it has two, and slots is measured with one and with two. Prints a Markdown table of medians.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

APP = """
import hydra

@hydra.main(version_base="1.3", config_path=None)
def main(cfg):
    if cfg.torch:
        from accelerate import Accelerator
        Accelerator(cpu=True)

if __name__ == "__main__":
    main()
"""
SHORT_SWEEP = 4
BASELINE = "slots, one at a time"


@dataclass(frozen=True)
class Cost:
    wall_s: float
    cpu_s: float

    def minus(self, other: Cost, share: int) -> Cost:
        return Cost((self.wall_s - other.wall_s) / share, (self.cpu_s - other.cpu_s) / share)


def measure(command: list[str], directory: Path) -> Cost:
    """Run ``command`` and return its wall time and the CPU time of all its processes."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall_s, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def sweep(app: Path, launcher: list[str], torch: bool) -> Callable[[int], list[str]]:
    """Return a function that gives the command for a sweep of n jobs."""

    def command(jobs: int) -> list[str]:
        numbers = ",".join(str(number) for number in range(jobs))
        return [sys.executable, str(app), "-m", *launcher, f"+torch={torch}", f"+n={numbers}"]

    return command


def per_job(command: Callable[[int], list[str]], jobs: int, directory: Path) -> tuple[Cost, Cost]:
    """Return the cost of one more job and the cost of the sweep without its jobs."""
    short = measure(command(SHORT_SWEEP), directory)
    long = measure(command(SHORT_SWEEP + jobs), directory)
    each = long.minus(short, jobs)
    return each, Cost(short.wall_s - SHORT_SWEEP * each.wall_s, short.cpu_s - SHORT_SWEEP * each.cpu_s)


def compare(app: Path, torch: bool, jobs: int) -> dict[str, tuple[Cost, Cost]]:
    """Measure every way of launching once."""
    preload = "[torch,accelerate]" if torch else "[]"
    slots = ["hydra/launcher=slots", f"hydra.launcher.preload={preload}"]
    ways = {
        BASELINE: [*slots, "hydra.launcher.n_jobs=1"],
        "slots, two at a time": [*slots, "hydra.launcher.n_jobs=2"],
        "hydra-joblib-launcher, two at a time": ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
        "basic, all in one process": ["hydra/launcher=basic"],
    }
    costs = {name: per_job(sweep(app, way, torch), jobs, app.parent) for name, way in ways.items()}
    start = [sys.executable, str(app), f"+torch={torch}"]
    module = ["-m", "accelerate.commands.launch", "--num_processes=1", "--cpu"]
    accelerate = [sys.executable, *module, *start[1:]]
    costs["python per job"] = (measure(start, app.parent), Cost(0, 0))
    costs["accelerate launch per job"] = (measure(accelerate, app.parent), Cost(0, 0))
    return costs


def table(runs: list[dict[str, tuple[Cost, Cost]]]) -> str:
    """Return medians over ``runs`` as a Markdown table, with ratios to the first row."""
    heads = ("launched by", "wall per job, s", "CPU per job, s", "wall ratio", "CPU ratio", "once, wall s")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]

    def median(name: str, part: int, field: str) -> float:
        return statistics.median(getattr(run[name][part], field) for run in runs)

    for name in runs[0]:
        wall, cpu = median(name, 0, "wall_s"), median(name, 0, "cpu_s")
        walls, cpus = wall / median(BASELINE, 0, "wall_s"), cpu / median(BASELINE, 0, "cpu_s")
        once = median(name, 1, "wall_s")
        lines.append(f"| {name} | {wall:.3f} | {cpu:.3f} | {walls:.1f} | {cpus:.1f} | {once:.1f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as directory:
        app = Path(directory) / "app.py"
        app.write_text(APP)
        for torch, title in ((False, "A job that does nothing"), (True, "A job that makes an Accelerator")):
            runs = [compare(app, torch, arguments.jobs) for _ in range(arguments.repeats)]
            print(f"{title}\n\n{table(runs)}\n", flush=True)


if __name__ == "__main__":
    main()
