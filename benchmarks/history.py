"""Reading W&B's local files: this reader beside wandb's own, in one run.

Usage::

    python benchmarks/history.py WORK_DIR [--wandb PYTHON] [--repeat N] [--rows N]

Makes its files in ``WORK_DIR`` once: ``big`` (100,000 rows of 50 metrics), ``typical`` (2,000 rows of 20)
and ``tree`` (1,000 typical runs), in the form that wandb-core writes: keys shuffled in every row, a summary
record after every row, floats with all their digits. Each reading is a fresh process that reports its CPU
seconds after the imports, the CPU seconds of the imports, and its peak memory. ``--wandb`` is the Python of
an environment with wandb 0.28.2; without it, one is made in ``WORK_DIR`` with pip. wandb's reader has no
choice of keys: for five keys it decodes every record and then the values of five keys only (the second
column of the table), or of all (the first).
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import struct
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

ROOT = Path(__file__).resolve().parents[1]
BLOCK_BYTES = 32768
NAMES = [f"{part}/{name}_{i}" for i in range(4) for part in ("train", "eval") for name in
         ("loss", "l1_loss", "grad_norm", "ot_cost", "learning_rate", "pi_sum", "accuracy")]  # fmt: skip
FIVE = NAMES[:5]
BIG, TYPICAL = (100_000, 50), (2_000, 20)
TREE_RUNS = 1_000

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
import json, sys, time
sys.path.insert(0, {root!r})
from autoloop.history import find_runs, read_histories
if __name__ == "__main__":
    t0 = time.perf_counter()
    found = list(read_histories(find_runs({path!r}), {keys!r}, workers={workers}))
    print(json.dumps([time.perf_counter() - t0, len(found), sum(len(s) for h in found for s in h.values())]))
"""


def varint(value: int) -> bytes:
    out = b""
    while value >= 0x80:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def field(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def records(rows: int, names: list[str], seed: int) -> Iterator[bytes]:
    """Yield the records of a run as wandb-core writes them."""
    rng, number = random.Random(seed), 3
    yield b"\x08\x01" + field(17, field(1, b"bench") + field(2, b"team") + field(3, b"bench"))
    heads = [field(2, name.encode()) for name in names]
    step_head, time_head, clock_head = (field(2, key) for key in (b"_step", b"_runtime", b"_timestamp"))
    for step in range(rows):
        pairs = [(head, b"%.17g" % (rng.random() + 1 / (step + 1))) for head in heads]
        pairs += [
            (step_head, b"%d" % step),
            (time_head, b"%.9f" % (step / 7)),
            (clock_head, b"1.7954258859197965e+09"),
        ]
        items = [field(1, head + field(16, text)) for head, text in pairs]
        for kind, end in ((2, field(2, b"\x08" + varint(step) if step else b"")), (3, b"")):
            rng.shuffle(items)
            number += 1
            yield b"\x08" + varint(number) + field(kind, b"".join(items) + end)
    yield b"\x08" + varint(number + 1) + field(18, b"")


def write(path: Path, rows: int, metrics: int, seed: int = 0) -> None:
    """Write a run's file, block by block."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(b":W&B\xe1\xbe\x00")
        used = 7
        for record in records(rows, NAMES[:metrics], seed):
            first, rest = True, record
            while first or rest:
                room = BLOCK_BYTES - used
                if room < 7:
                    file.write(bytes(room))
                    used, room = 0, BLOCK_BYTES
                part, rest = rest[: room - 7], rest[room - 7 :]
                kind = bytes([(1 if first else 4) if not rest else (2 if first else 3)])
                file.write(struct.pack("<IH", crc32(kind + part), len(part)) + kind + part)
                used, first = used + 7 + len(part), False


def make_files(work: Path, rows: int) -> None:
    """Make the files that are not there yet."""
    big = work / "big" / "wandb" / "offline-run-20260101_000000-bench" / "run-bench.wandb"
    typical = work / "typical" / "wandb" / "offline-run-20260101_000000-bench" / "run-bench.wandb"
    for path, shape in ((big, (rows, BIG[1])), (typical, TYPICAL)):
        if not path.exists():
            write(path, *shape)
    for index in range(TREE_RUNS):
        run = work / "tree" / f"job_{index}" / "wandb" / f"offline-run-20260101_000000-r{index}"
        if not run.exists():
            run.mkdir(parents=True)
            (run / f"run-r{index}.wandb").hardlink_to(typical)


def wandb_python(work: Path) -> Path:
    """Return the Python of an environment with wandb 0.28.2."""
    python = work / "wandb-0.28.2" / "bin" / "python"
    if not python.exists():
        venv.create(python.parents[1], with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "wandb==0.28.2"], check=True)
    return python


def measured(python: Path, code: str, repeat: int) -> list[float]:
    """Return the medians of what a program prints, over some runs of it."""
    env = {"OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
    runs = []
    for _ in range(repeat):
        done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True, env=env)
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    return [statistics.median(column) for column in zip(*runs, strict=True)]


def compare(name: str, folder: Path, theirs: Path, repeat: int) -> None:
    """Print one file's lines, for five keys and for all."""
    path = str(next(folder.rglob("run-*.wandb")))
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
    make_files(args.work_dir, args.rows)
    theirs = args.wandb or wandb_python(args.work_dir)
    for name in ("big", "typical"):
        size = next((args.work_dir / name).rglob("run-*.wandb")).stat().st_size
        sys.stdout.write(f"{name}: {size / 1e6:.1f} MB\n")
    heads = ["file", "wandb, all values", "wandb, these keys", "autoloop", "ratio to all", "ratio to these",
             "wandb imports", "autoloop imports", "ratio with imports",
             "wandb with imports to autoloop without", "wandb memory",
             "autoloop memory"]  # fmt: skip
    sys.stdout.write(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}\n")
    for name in ("typical", "big"):
        compare(name, args.work_dir / name, theirs, args.repeat)
    for workers in (1, None):
        code = MANY.format(root=str(ROOT), path=str(args.work_dir / "tree"), keys=FIVE, workers=workers)
        wall, runs, points = measured(Path(sys.executable), code, 1)
        sys.stdout.write(
            f"tree, {workers or 'all'} processes: {runs:.0f} runs, {points:.0f} points, {wall:.1f} s\n"
        )


if __name__ == "__main__":
    main()
