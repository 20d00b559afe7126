"""Makes the files of this folder with real libraries, each version in an environment of its own.

Usage::

    python tests/data/trackers/make_corpora.py WORK_DIR [ENVIRONMENT ...]

``WORK_DIR`` keeps the environments (up to 2 GB each) and the runs as they were written; what is read of them
and what was logged comes here, compressed. Needs a package index and Python 3.11.
"""

from __future__ import annotations

import argparse
import lzma
import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
_WRITER = ("plain", "parts", "resumed", "several", "killed")
#: Environment -> what is installed there, library -> scenarios.
ENVIRONMENTS = {
    "tensorboard-2.21.0": (
        ["torch==2.13.0", "tensorboard==2.21.0", "tensorboardX==2.6.5", "lightning==2.6.6", "pillow==12.0.0"],
        {"torch": (*_WRITER, "tensors"), "tensorboardx": _WRITER, "lightning": ("plain",)},
    ),
    "tensorboard-2.14.1": (
        ["torch==2.13.0", "tensorboard==2.14.1", "tensorboardX==2.2", "protobuf<3.21", "setuptools<81",
         "numpy<1.24",
         "lightning==2.2.5", "pillow<10"],
        {"torch": (*_WRITER, "tensors"), "tensorboardx": _WRITER, "lightning": ("plain",)},
    ),
    "tensorflow-2.21.0": (["tensorflow-cpu==2.21.0", "tensorboard==2.21.0"], {"tensorflow": ("plain",)}),
    "mlflow-3.17.2": (["mlflow==3.17.2"], {"mlflow": ("plain", "resumed", "killed", "store")}),
    "mlflow-2.22.5": (
        ["mlflow==2.22.5", "sqlalchemy<2.1"],
        {"mlflow": ("plain", "store", "store-resumed", "store-killed")},
    ),
    "trackio-0.43.0": (["trackio==0.43.0"], {"trackio": ("plain", "resumed", "killed")}),
    "trackio-0.20.2": (["trackio==0.20.2", "huggingface_hub<1"], {"trackio": ("plain", "resumed", "killed")}),
}  # fmt: skip
KEPT = ("*tfevents*", "*.db", "*.db-wal", "*.db-shm", "*.db-journal",
        "mlruns/*/*/meta.yaml", "mlruns/*/*/metrics/**/*")  # fmt: skip


def environment(work: Path, name: str, packages: list[str]) -> Path:
    """Return the Python of an environment, made if it is not there."""
    python = work / "envs" / name / "bin" / "python"
    if not python.exists():
        venv.create(python.parents[1], with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *packages], check=True)
    return python


def keep(folder: Path, target: Path) -> int:
    """Copy what is read and what was logged (compressed) to the test data; return their size."""
    shutil.rmtree(target, ignore_errors=True)
    found = (file for name in KEPT for file in folder.rglob(name) if file.is_file())
    files = {folder / "expected.json", *found}
    size = 0
    for file in sorted(files):
        copy = target / f"{file.relative_to(folder)}.xz"
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(lzma.compress(file.read_bytes(), preset=9 | lzma.PRESET_EXTREME))
        size += copy.stat().st_size
    return size


def main() -> None:
    """Make the corpora of the environments asked for, or of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work_dir", type=Path)
    parser.add_argument("environments", nargs="*", default=list(ENVIRONMENTS))
    args = parser.parse_args()
    for name in args.environments:
        packages, libraries = ENVIRONMENTS[name]
        python = environment(args.work_dir, name, packages)
        for library, scenario in ((one, s) for one, scenarios in libraries.items() for s in scenarios):
            folder = args.work_dir / "runs" / name / library / scenario
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            command = [str(python), str(HERE / "log_run.py"), library, scenario, str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=300)
            if done.returncode and "killed" not in scenario:
                raise RuntimeError(f"{name} {library} {scenario}: {done.stderr}")
            size = keep(folder, HERE / name / library / scenario)
            sys.stdout.write(f"{name} {library} {scenario}: {size} bytes\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
