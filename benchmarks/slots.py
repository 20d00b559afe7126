"""How busy slots are with uneven jobs: hydra/launcher=slots against hydra-joblib-launcher, in one run.

    python benchmarks/slots.py [--jobs 64] [--slots 4] [--mean 1.0] [--sigma 1.0]

Both launchers run the same jobs at the same time, so that what else the machine does slows both: each job
sleeps for a lognormal time and notes when it began and ended.
The share of slot time spent in jobs is the time slept, divided by the number of slots times the time
from the first job's begin to the last one's end. The end of a sweep, when fewer jobs are left than
slots, is idle for any launcher: the second column counts only until the first slot finds no job left.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

NAMES = {"slots": "slots", "hydra-joblib-launcher": "joblib"}

APP = """
import json, time
import hydra

@hydra.main(version_base="1.3", config_path=None)
def main(cfg):
    begin = time.time()
    time.sleep(cfg.s)
    with open(cfg.notes, "a") as file:
        file.write(json.dumps([begin, time.time()]) + "\\n")

if __name__ == "__main__":
    main()
"""


def run_sweep(launcher: list[str], seconds: list[float], directory: Path) -> list[tuple[float, float]]:
    """Run one job per entry of ``seconds``; return when each began and ended."""
    app, notes = directory / "app.py", directory / "notes.jsonl"
    app.write_text(APP)
    notes.unlink(missing_ok=True)
    lengths = ",".join(f"{length:.4f}" for length in seconds)
    command = [sys.executable, str(app), "-m", *launcher, f"+notes={notes}", f"+s={lengths}"]
    subprocess.run(command, check=True, cwd=directory, stdout=subprocess.DEVNULL)
    return [(begin, end) for begin, end in map(json.loads, notes.read_text().splitlines())]


def shares(spans: list[tuple[float, float]], slots: int) -> tuple[float, float]:
    """Return the share of slot time spent in jobs: over all, and until jobs run out.

    Jobs run out when the number of jobs at work falls below ``slots`` for good.
    """
    begin = min(start for start, _ in spans)
    last_start = max(start for start, _ in spans)
    full_until = min(end for _, end in spans if end > last_start)
    busy = sum(min(end, full_until) - start for start, end in spans)
    whole = sum(end - start for start, end in spans)
    return (
        whole / (slots * (max(end for _, end in spans) - begin)),
        busy / (slots * (full_until - begin)),
    )


def gaps(spans: list[tuple[float, float]], slots: int) -> float:
    """Return the median time in seconds from a job's end to the next begin in a freed slot."""
    ends = sorted(end for _, end in spans)
    begins = sorted(start for start, _ in spans)[slots:]
    waits = sorted(begin - end for begin, end in zip(begins, ends, strict=False))
    return waits[len(waits) // 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=64)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--mean", type=float, default=1.0, help="mean length of a job in seconds")
    parser.add_argument("--sigma", type=float, default=1.0, help="spread of the lognormal lengths")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    generator = random.Random(arguments.seed)
    drawn = [generator.lognormvariate(0.0, arguments.sigma) for _ in range(arguments.jobs)]
    scale = arguments.mean * arguments.jobs / sum(drawn)
    seconds = [length * scale for length in drawn]
    count = f"hydra.launcher.n_jobs={arguments.slots}"
    print("| launcher | share of slot time in jobs | until jobs run out | median gap, s | sweep, s |")
    print("|---|---|---|---|---|")

    def run(launcher: str) -> list[tuple[float, float]]:
        with tempfile.TemporaryDirectory() as directory:
            return run_sweep([f"hydra/launcher={launcher}", count], seconds, Path(directory))

    with ThreadPoolExecutor() as threads:
        both = dict(zip(NAMES, threads.map(run, NAMES.values()), strict=True))
    for name, spans in both.items():
        whole, full = shares(spans, arguments.slots)
        took = max(end for _, end in spans) - min(start for start, _ in spans)
        gap = gaps(spans, arguments.slots)
        print(f"| {name} | {whole:.1%} | {full:.1%} | {gap:.3f} | {took:.1f} |", flush=True)


if __name__ == "__main__":
    main()
