"""Reading TensorBoard's event files: this reader beside TensorBoard's own and tbparse, in one run.

Usage::

    python benchmarks/event_files.py WORK_DIR [--rival PYTHON] [--steps N] [--repeat N]

The file is made once in ``WORK_DIR`` by TensorBoard's own writer: N steps (100,000) of 20 scalars. Each
reading is a fresh process that reports its CPU seconds after the imports, and its peak memory. ``--rival`` is
the Python of an environment with tensorboard 2.21.0 and tbparse 0.0.9; without it, one is made in
``WORK_DIR``. EventAccumulator is told to keep all points (by default it keeps 10,000 of a metric); it and
tbparse have no choice of metrics.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from rival import measured, rival_python

ROOT = Path(__file__).resolve().parents[1]
NAMES = [f"{part}/{name}_{i}" for i in range(2) for part in ("train", "eval") for name in
         ("loss", "l1_loss", "grad_norm", "ot_cost", "learning_rate")]  # fmt: skip

WRITE = """
import random
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter
rng, writer = random.Random(0), EventFileWriter({folder!r}, max_queue_size=1000)
for step in range({steps}):
    for name in {names!r}:
        value = Summary.Value(tag=name, simple_value=rng.random() + 1 / (step + 1))
        writer.add_event(Event(step=step, wall_time=1.7e9 + step / 7, summary=Summary(value=[value])))
writer.close()
"""

RIVALS = ["tensorboard==2.21.0", "tbparse==0.0.9"]
BEGIN = """
import json, resource, sys, time
def end(points, metrics):
    cpu = time.process_time() - began
    print(json.dumps([cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, points, metrics]))
"""

OURS = """
sys.path.insert(0, {root!r})
from autoloop.history import read_history
began = time.process_time()
history = read_history({folder!r}, {keys!r})
assert not history.problem, history.problem
end(sum(map(len, history.values())), len(history))
"""

ACCUMULATOR = """
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
began = time.process_time()
found = EventAccumulator({folder!r}, size_guidance={{"scalars": 0}})
found.Reload()
tags = found.Tags()["scalars"]
series = {{tag: [(e.step, e.value) for e in found.Scalars(tag)] for tag in tags}}
end(sum(map(len, series.values())), len(series))
"""

TBPARSE = """
from tbparse import SummaryReader
began = time.process_time()
frame = SummaryReader({folder!r}).scalars
end(len(frame), frame["tag"].nunique())
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work_dir", type=Path)
    parser.add_argument("--rival", type=Path)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    rival = args.rival or rival_python(args.work_dir, RIVALS)
    folder = args.work_dir / f"events-{args.steps}"
    if not folder.exists():
        code = WRITE.format(folder=str(folder), steps=args.steps, names=NAMES)
        subprocess.run([str(rival), "-c", code], check=True)
    size = sum(file.stat().st_size for file in folder.iterdir())
    sys.stdout.write(f"{args.steps} steps of {len(NAMES)} scalars, {size / 1e6:.1f} MB\n")
    heads = ["reader", "metrics", "CPU, s", "to autoloop", "peak memory, MB"]
    sys.stdout.write(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}\n")
    here = Path(sys.executable)
    rows = [
        ("autoloop", here, OURS, NAMES[:5], args.repeat),
        ("autoloop", here, OURS, None, args.repeat),
    ]
    rows += [("EventAccumulator", rival, ACCUMULATOR, None, 1), ("tbparse", rival, TBPARSE, None, 1)]
    ours = 0.0
    for label, python, code, keys, repeat in rows:
        filled = code.format(root=str(ROOT), folder=str(folder), keys=keys)
        cpu, memory, points, metrics = measured(python, BEGIN + filled, repeat)
        ours = ours or cpu
        if points != args.steps * metrics:
            raise RuntimeError(f"{label}: {points} points of {metrics} metrics")
        sys.stdout.write(f"| {label} | {metrics:.0f} | {cpu:.2f} | {cpu / ours:.1f} x | {memory:.0f} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
