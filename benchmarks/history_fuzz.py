"""Damages real W&B files at random and reads them: nothing may raise, change a value or lose one in silence.

Usage::

    python benchmarks/history_fuzz.py [--seconds N] [--seed N]

The files are those of ``tests/data/wandb``. Exits with 1 at the first failure, with what was done to which
file. A cut is the one damage that can be silent: between two chunks it looks like a run still going on.
"""

from __future__ import annotations

import argparse
import lzma
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from autoloop.history import read_history  # noqa: E402

BLOCK_BYTES = 32768
DAMAGES = ("byte", "bit", "cut", "zeros", "block", "insert", "delete", "swap", "garbage")


def damage(data: bytearray, kind: str, rng: random.Random) -> None:
    """Damage a file in one of the ways."""
    at = rng.randrange(len(data))
    if kind == "byte":
        data[at] = rng.randrange(256)
    elif kind == "bit":
        data[at] ^= 1 << rng.randrange(8)
    elif kind == "cut":
        del data[at:]
    elif kind in ("zeros", "block"):
        start = at if kind == "zeros" else at // BLOCK_BYTES * BLOCK_BYTES
        stop = min(len(data), start + (rng.randrange(1, 5000) if kind == "zeros" else BLOCK_BYTES))
        data[start:stop] = bytes(stop - start)
    elif kind == "insert":
        data[at:at] = rng.randbytes(rng.randrange(1, 50))
    elif kind == "delete":
        del data[at : at + rng.randrange(1, 50)]
    elif kind == "swap":
        other = rng.randrange(len(data))
        data[at : at + 100], data[other : other + 100] = data[other : other + 100], data[at : at + 100]
    else:
        data += rng.randbytes(rng.randrange(1, 70_000))


def points(path: Path, data: bytes) -> tuple[set[tuple[str, int, str]], str]:
    """Return metric, step and value of every point that is read from a file, and the problem told."""
    path.write_bytes(data)
    history = read_history(path)
    pairs = (
        (name, s) for name, series in history.items() for s in zip(series.steps, series.values, strict=True)
    )
    return {(name, int(step), repr(float(value))) for name, (step, value) in pairs}, history.problem


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng, done = random.Random(args.seed), Counter[str]()
    files = [lzma.decompress(p.read_bytes()) for p in sorted((ROOT / "tests/data/wandb").rglob("*.wandb.xz"))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run-x.wandb"
        right = [points(path, data)[0] for data in files]
        end = time.monotonic() + args.seconds
        while time.monotonic() < end:
            index, kind = rng.randrange(len(files)), rng.choice(DAMAGES)
            data = bytearray(files[index])
            damage(data, kind, rng)
            found, problem = points(path, bytes(data))
            silent = found != right[index] and not problem and kind != "cut"
            if silent or not found <= right[index]:
                sys.stdout.write(f"seed {args.seed}, number {done.total()}: {kind} in file {index}\n")
                return 1
            done[kind] += 1
    sys.stdout.write(
        f"{done.total()} damaged files, none changed, none silent: {dict(sorted(done.items()))}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
