"""Reading a CSV file of a run: this reader beside pandas, in one run.

Usage::

    python benchmarks/csv_files.py WORK_DIR [--rival PYTHON] [--steps N] [--repeat N]

The file is made once in ``WORK_DIR``: N steps (100,000) of 20 metrics, a row each, as Python prints them.
Each reading is a fresh process that reports the CPU seconds of reading, those of its imports, and its peak
memory. pandas reads all its columns at once; autoloop goes through the file piece by piece, as it may grow.
``--rival`` is the Python of an environment with pandas 3.1.1; without it, one is made in ``WORK_DIR``.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

from rival import measured, rival_python

ROOT = Path(__file__).resolve().parents[1]
NAMES = [f"{part}/{name}_{i}" for i in range(2) for part in ("train", "eval") for name in
         ("loss", "l1_loss", "grad_norm", "ot_cost", "learning_rate")]  # fmt: skip

OURS = """
import json, resource, sys, time
sys.path.insert(0, {root!r})
start = time.process_time()
from autoloop.history import read_history
began = time.process_time()
history = read_history({path!r}, {keys!r})
end = time.process_time()
assert not history.problem, history.problem
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
total = sum(float(series.values.sum()) for series in history.values())
print(json.dumps([end - began, began - start, memory, len(history), round(total, 3)]))
"""

PANDAS = """
import json, resource, time
start = time.process_time()
import pandas
began = time.process_time()
frame = pandas.read_csv({path!r}, usecols={keys!r} and ["step", *{keys!r}])
end = time.process_time()
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
values = frame.drop(columns="step")
total = float(values.sum().sum())
print(json.dumps([end - began, began - start, memory, len(values.columns), round(total, 3)]))
"""


def make_file(path: Path, steps: int) -> None:
    """Write the table, unless it is there."""
    if path.exists():
        return
    rng = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        file.write(f"step,{','.join(NAMES)}\n")
        for step in range(steps):
            file.write(f"{step},{','.join(repr(rng.random() + 1 / (step + 1)) for _ in NAMES)}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work_dir", type=Path)
    parser.add_argument("--rival", type=Path)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=5)
    args = parser.parse_args()
    args.work_dir.mkdir(parents=True, exist_ok=True)
    path = args.work_dir / f"run-{args.steps}.csv"
    make_file(path, args.steps)
    rival = args.rival or rival_python(args.work_dir, ["pandas==3.1.1"])
    sys.stdout.write(f"{args.steps} rows of {len(NAMES)} metrics, {path.stat().st_size / 1e6:.1f} MB\n")
    heads = ["reader", "metrics", "CPU, s", "CPU of the imports, s", "peak memory, MB"]
    sys.stdout.write(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}\n")
    for keys in (NAMES[:5], None):
        found = {}
        for label, python, code in (("autoloop", Path(sys.executable), OURS), ("pandas", rival, PANDAS)):
            filled = code.format(root=str(ROOT), path=str(path), keys=keys)
            found[label] = measured(python, filled, args.repeat)
            cpu, imports, memory, metrics, _ = found[label]
            cells = [label, f"{metrics:.0f}", f"{cpu:.3f}", f"{imports:.3f}", f"{memory:.0f}"]
            sys.stdout.write(f"| {' | '.join(cells)} |\n")
            sys.stdout.flush()
        if found["autoloop"][3:] != found["pandas"][3:]:
            raise RuntimeError(f"they do not read the same: {found}")


if __name__ == "__main__":
    main()
