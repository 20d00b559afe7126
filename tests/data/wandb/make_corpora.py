"""Makes the run files of this folder with real wandb versions, each in an environment of its own.

Usage::

    python tests/data/wandb/make_corpora.py WORK_DIR [VERSION ...]

``WORK_DIR`` keeps the environments (about 100 MB each) and the whole run directories; of those only the
history and what was logged come here. Needs a package index and, for 0.9, a Python 3.9 (``--old-python``).
"""

from __future__ import annotations

import argparse
import lzma
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
OLD = ("0.9.", "0.10.", "0.12.", "0.13.")  # need an older protobuf
KEPT = ("*.wandb", "wandb-history.jsonl", "wandb-summary.json", "wandb-metadata.json", "config.yaml")
VERSIONS = {
    "0.9.7": ("plain",),
    "0.10.33": ("plain", "media", "resumed"),
    "0.12.21": ("plain", "media", "metric"),
    "0.13.11": ("plain", "media", "metric", "killed"),
    "0.15.12": ("plain", "media", "resumed", "processes", "online", "rejoined"),
    "0.17.0": ("plain", "core"),
    "0.17.5": ("plain", "core", "killed"),
    "0.17.9": ("plain", "media", "metric"),
    "0.18.7": (
        *("plain", "metric", "resumed", "processes", "killed"),
        *("online", "forked", "rejoined"),
    ),
    "0.19.11": ("plain", "media", "metric"),
    "0.22.3": ("plain", "media", "metric", "resumed", "online", "forked", "rejoined"),
    "0.25.1": ("plain", "media", "metric"),
    "0.28.2": ("plain", "media", "metric", "killed", "online", "forked", "rejoined"),
    "0.31.0": (
        *("plain", "media", "metric", "resumed", "processes", "killed", "both"),
        *("online", "forked", "rejoined"),
    ),
}


def environment(work: Path, version: str, old_python: str) -> Path:
    """Return the Python of an environment with this wandb, made if it is not there."""
    folder = work / "envs" / version
    python = folder / "bin" / "python"
    if python.exists():
        return python
    if version.startswith("0.9."):
        subprocess.run([old_python, "-m", "venv", str(folder)], check=True)
    else:
        venv.create(folder, with_pip=True)
    pins = ["protobuf<3.21", "setuptools<66"] if version.startswith(OLD) else ["setuptools<80"]
    command = [str(python), "-m", "pip", "install", "-q", f"wandb=={version}", "numpy<2", *pins]
    subprocess.run(command, check=True)
    return python


def log(python: Path, version: str, scenario: str, folder: Path) -> None:
    """Log a scenario into a fresh folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    home = {name: str(folder / "home") for name in ("WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR")}
    keep = {key: value for key, value in os.environ.items() if key != "WANDB_SERVICE"}
    command = [str(python), str(HERE / "log_run.py"), scenario, str(folder), version]
    done = subprocess.run(command, cwd=folder, env={**keep, **home}, start_new_session=True, timeout=60)
    if done.returncode and scenario != "killed":
        raise RuntimeError(f"wandb {version} did not log {scenario}: exit code {done.returncode}")


def keep(folder: Path, target: Path) -> int:
    """Copy the history files and what was logged (compressed) to the test data; return their size."""
    shutil.rmtree(target, ignore_errors=True)
    size = 0
    files = [folder / "expected.json"]
    files += [
        f for name in KEPT for f in folder.glob(f"wandb/*run-*/**/{name}") if "latest-run" not in f.parts
    ]
    for file in files:
        if file.is_symlink() or not file.is_file():
            continue
        copy = target / f"{file.relative_to(folder)}.xz"
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(lzma.compress(file.read_bytes(), preset=9))
        size += copy.stat().st_size
    return size


def main() -> None:
    """Make the corpora of the versions asked for, or of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work_dir", type=Path)
    parser.add_argument("versions", nargs="*", default=list(VERSIONS))
    parser.add_argument("--old-python", default="python3.9")
    args = parser.parse_args()
    for version in args.versions:
        python = environment(args.work_dir, version, args.old_python)
        for scenario in VERSIONS[version]:
            folder = args.work_dir / "runs" / version / scenario
            log(python, version, scenario, folder)
            size = keep(folder, HERE / version / scenario)
            sys.stdout.write(f"{version} {scenario}: {size} bytes\n")


if __name__ == "__main__":
    main()
