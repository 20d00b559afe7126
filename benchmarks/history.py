"""Reading W&B's local files: this reader beside wandb's own, in one run.

Usage::

    python benchmarks/history.py WORK_DIR [--wandb PYTHON] [--repeat N] [--rows N]

Makes its files in ``WORK_DIR`` once, with wandb itself (offline): ``big`` (100,000 rows of 50 metrics, a
minute or two), ``typical`` (2,000 rows of 20) and ``tree`` (1,000 typical runs). Each reading is a fresh
process that reports its CPU seconds after the imports, the CPU seconds of the imports, and its peak memory.
``--wandb`` is the Python of an environment with wandb 0.28.2; without it, one is made in ``WORK_DIR``.
wandb's reader has no choice of keys: for five keys it decodes every record and then the values of five keys
only (the second column of the table), or of all (the first). ``tree`` is read by one process and by one per
core; beside the time of the clock stands the CPU time of the busiest process: what the clock would show if
nothing else kept the cores busy.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import venv
from pathlib import Path

from rival import measured

ROOT = Path(__file__).resolve().parents[1]
NAMES = [f"{part}/{name}_{i}" for i in range(4) for part in ("train", "eval") for name in
         ("loss", "l1_loss", "grad_norm", "ot_cost", "learning_rate", "pi_sum", "accuracy")]  # fmt: skip
FIVE = NAMES[:5]
BIG, TYPICAL = (100_000, 50), (2_000, 20)
TREE_RUNS = 1_000

LOG = """
import os, random
os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true", WANDB_ERROR_REPORTING="false")
os.environ.update(WANDB_CONSOLE="off", WANDB_DISABLE_GIT="true", WANDB_DISABLE_CODE="true")
import wandb
rng, names = random.Random(0), {names!r}
run = wandb.init(dir={folder!r}, project="bench", settings=wandb.Settings(x_disable_stats=True))
for step in range({rows}):
    run.log({{name: rng.random() + 1 / (step + 1) for name in names}}, step=step)
run.finish()
"""

OURS = """
import json, resource, sys, time
sys.path.insert(0, {root!r})
t0 = time.process_time()
from autoloop.history import read_history
t1 = time.process_time()
h = read_history({path!r}, {keys!r})
t2 = time.process_time()
assert not h.problem, h.problem
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([t2 - t1, t1 - t0, memory, sum(len(s) for s in h.values()), len(h)]))
"""

THEIRS = """
import json, resource, sys, time
t0 = time.process_time()
from wandb.proto import wandb_internal_pb2
from wandb.sdk.internal.datastore import DataStore
t1 = time.process_time()
store, keys, points, found = DataStore(), {keys!r}, 0, {{}}
store.open_for_scan({path!r})
while True:
    data = store.scan_data()
    if data is None:
        break
    record = wandb_internal_pb2.Record()
    record.ParseFromString(data)
    if record.WhichOneof("record_type") != "history":
        continue
    for item in record.history.item:
        name = ".".join(item.nested_key) or item.key
        if (keys is None or name in keys) and name[0] != "_":
            found.setdefault(name, []).append(json.loads(item.value_json))
            points += 1
t2 = time.process_time()
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([t2 - t1, t1 - t0, memory, points, len(found)]))
"""

MANY = """
import contextlib, itertools, json, os, sys, time
sys.path.insert(0, {root!r})
from autoloop.history import find_runs, read_histories

def cpu_seconds(pid):
    fields = open(f"/proc/{{pid}}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(fields[1])

def busiest():
    times = {{}}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):  # it has just ended
            times[pid] = cpu_seconds(pid)
    mine = {{os.getpid()}}
    for _ in range(3):  # workers are grandchildren
        mine |= {{int(pid) for pid, (_, parent) in times.items() if parent in mine}}
    return max(times[str(pid)][0] for pid in mine)

if __name__ == "__main__":
    t0 = time.perf_counter()
    runs = find_runs({path!r})[:{runs}]
    reading = read_histories(runs, {keys!r}, workers={workers})
    found = list(itertools.islice(reading, len(runs)))  # the workers are still there
    points = sum(len(s) for h in found for s in h.values())
    print(json.dumps([time.perf_counter() - t0, busiest(), len(found), points]))
    list(reading)
"""


def make_files(work: Path, rows: int, python: Path) -> None:
    """Make the files that are not there yet."""
    for name, (count, metrics) in (("big", (rows, BIG[1])), ("typical", TYPICAL)):
        if not (work / name).exists():
            (work / name).mkdir(parents=True)
            code = LOG.format(names=NAMES[:metrics], folder=str(work / name), rows=count)
            subprocess.run([str(python), "-c", code], check=True)
    typical = log_of(work / "typical")
    for index in range(TREE_RUNS):
        run = work / "tree" / f"job_{index}" / "wandb" / f"offline-run-20260101_000000-r{index}"
        if not run.exists():
            run.mkdir(parents=True)
            (run / f"run-r{index}.wandb").hardlink_to(typical)


def log_of(folder: Path) -> Path:
    """Return the file of the run in a folder."""
    return next(path for path in folder.rglob("run-*.wandb") if "latest-run" not in path.parts)


def wandb_python(work: Path) -> Path:
    """Return the Python of an environment with wandb 0.28.2."""
    python = work / "wandb-0.28.2" / "bin" / "python"
    if not python.exists():
        venv.create(python.parents[1], with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "wandb==0.28.2"], check=True)
    return python


def compare(name: str, folder: Path, theirs: Path, repeat: int) -> None:
    """Print one file's lines, for five keys and for all."""
    path = str(log_of(folder))
    wandb = {len(keys or ()): measured(theirs, THEIRS.format(path=path, keys=keys), min(repeat, 3))
             for keys in (FIVE, None)}  # fmt: skip
    for label, keys in (("5 keys", FIVE), ("all keys", None)):
        ours = measured(Path(sys.executable), OURS.format(root=str(ROOT), path=path, keys=keys), repeat)
        same, whole = wandb[len(keys or ())], wandb[0]
        if ours[3:] != same[3:]:
            raise RuntimeError(f"{name}, {label}: {ours[3:]} points and metrics here, {same[3:]} there")
        cells = [f"{whole[0]:.2f} s", f"{same[0]:.2f} s", f"{ours[0]:.3f} s", f"{whole[0] / ours[0]:.1f} x",
                 f"{same[0] / ours[0]:.1f} x", f"{whole[1]:.2f} s", f"{ours[1]:.2f} s",
                 f"{sum(same[:2]) / sum(ours[:2]):.1f} x", f"{sum(whole[:2]) / ours[0]:.1f} x",
                 f"{same[2]:.0f} MB",
                 f"{ours[2]:.0f} MB"]  # fmt: skip
        sys.stdout.write(f"| {name}, {label} | {' | '.join(cells)} |\n")
        sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work_dir", type=Path)
    parser.add_argument("--wandb", type=Path)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--rows", type=int, default=BIG[0])
    args = parser.parse_args()
    args.work_dir.mkdir(parents=True, exist_ok=True)
    theirs = args.wandb or wandb_python(args.work_dir)
    make_files(args.work_dir, args.rows, theirs)
    for name in ("big", "typical"):
        size = log_of(args.work_dir / name).stat().st_size
        sys.stdout.write(f"{name}: {size / 1e6:.1f} MB\n")
    heads = ["file", "wandb, all values", "wandb, these keys", "autoloop", "ratio to all", "ratio to these",
             "wandb imports", "autoloop imports", "ratio with imports",
             "wandb with imports to autoloop without", "wandb memory",
             "autoloop memory"]  # fmt: skip
    sys.stdout.write(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}\n")
    for name in ("typical", "big"):
        compare(name, args.work_dir / name, theirs, args.repeat)
    many(args.work_dir / "tree")


def many(tree: Path) -> None:
    """Print how long a number of runs takes, for one process and for several."""
    sys.stdout.write("| runs | processes | wall, s | CPU of the busiest process, s |\n|---|---|---|---|\n")
    for runs in (10, 30, 100, TREE_RUNS):
        for workers in (1, len(os.sched_getaffinity(0))):
            code = MANY.format(root=str(ROOT), path=str(tree), keys=FIVE, workers=workers, runs=runs)
            wall, busiest, count, _ = measured(Path(sys.executable), code, 1)
            sys.stdout.write(f"| {count:.0f} | {workers} | {wall:.2f} | {busiest:.2f} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
