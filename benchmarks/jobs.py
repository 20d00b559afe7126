"""What a job that does nothing costs: CPU time and memory, with this version and an earlier one in turn.

Each version runs a short study and a longer one; their difference is the cost of the further jobs.

    git archive COMMIT autoloop hydra_plugins conf | tar -x -C EARLIER
    python benchmarks/jobs.py --earlier EARLIER
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

APP = """
import resource, sys, time
import hydra

@hydra.main(version_base="1.3", config_path=".", config_name="config")
def run(cfg):
    return cfg.x

if __name__ == "__main__":
    run()
    kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"spent {time.process_time()} {kib / 1024}", file=sys.stderr)
"""
CONFIG = "defaults: [{override hydra/sweeper: autoloop}, {override hydra/launcher: slots}]\nx: 1.0\nseed: 1\n"
STUDY = "autoloop:\n  n_jobs: {slots}\n  variants:\n{variants}\n"


class Spent(NamedTuple):
    """What a study took.

    Attributes:
        main_s: CPU seconds of the main process.
        all_s: CPU seconds of all processes.
        main_mib: Peak memory of the main process.
    """

    main_s: float
    all_s: float
    main_mib: float


def study(jobs: int, slots: int, earlier: str) -> Spent:
    """Run a study of so many jobs; with the package in the folder ``earlier``, unless that is empty."""
    with tempfile.TemporaryDirectory() as directory:
        app = Path(directory, "app.py")
        app.write_text(APP)
        variants = "\n".join(f"    v{number}: {{x@set: {1 + number / 1000}}}" for number in range(1, jobs))
        Path(directory, "config.yaml").write_text(CONFIG + STUDY.format(slots=slots, variants=variants))
        before = _children_s()
        ran = subprocess.run(
            [sys.executable, str(app), "-m", f"hydra.sweep.dir={directory}/study"],
            env={**os.environ, "PYTHONPATH": earlier},
            capture_output=True,
            text=True,
        )
        lines = [line for line in ran.stderr.splitlines() if line.startswith("spent ")]
        if ran.returncode or not lines:
            raise SystemExit(f"the study ended with exit code {ran.returncode}:\n{ran.stdout}{ran.stderr}")
        main_s, main_mib = map(float, lines[-1].split()[1:])
        return Spent(main_s, _children_s() - before, main_mib)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Read the command line, run the studies and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--earlier", type=Path, default=None, help="a folder with an earlier autoloop")
    parser.add_argument("--jobs", type=int, nargs=2, default=(5, 105), help="of the two studies")
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=1)
    given = parser.parse_args()
    few, many = given.jobs
    print(f"for each of {many - few} further jobs: CPU of the main process, of all processes, memory of main")
    for _ in range(given.repeats):
        for name, path in (("before", given.earlier), ("now", "")):
            if path is None:
                continue
            short, long = study(few, given.slots, str(path)), study(many, given.slots, str(path))
            main_s, all_s, mib = (
                (after - before) / (many - few) for after, before in zip(long, short, strict=True)
            )
            print(f"{name:7s} {main_s:.4f} s  {all_s:.4f} s  {1024 * mib:.0f} KiB", flush=True)


if __name__ == "__main__":
    main()
