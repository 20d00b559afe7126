"""What benchmarks of readers share: a rival in an environment of its own, and programs that print figures."""

from __future__ import annotations

import json
import statistics
import subprocess
import venv
from pathlib import Path


def rival_python(work: Path, packages: list[str]) -> Path:
    """Return the Python of an environment with these packages, made below ``work`` unless it is there."""
    python = work / "rival" / "bin" / "python"
    if not python.exists():
        venv.create(python.parents[1], with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *packages], check=True)
    return python


def measured(python: Path, code: str, repeat: int) -> list[float]:
    """Return the medians of what a program prints, over some runs of it."""
    env = {"OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
    runs = []
    for _ in range(repeat):
        done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True, env=env)
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    return [statistics.median(column) for column in zip(*runs, strict=True)]
