"""Make the runs of this folder again: ``python make_corpora.py WORK_DIR``, with two versions of each library.

Each library is installed into an environment of its own in ``WORK_DIR`` (Python 3.11).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
TORCH = ("torch==2.13.0", "numpy<3")
RUNS = {
    "lightning": (("plain", "killed"), {"2.2.5": ("setuptools<80",), "2.6.6": ()}, "pytorch-lightning"),
    "stable_baselines3": (
        ("plain", "killed"), {"2.3.2": ("gymnasium==0.29.1",), "2.9.2": ()}, "stable-baselines3"),
    "transformers": (
        ("whole", "checkpoints", "nan"), {"4.46.3": ("accelerate",), "5.24.0": ("accelerate",)},
        "transformers"),
}  # fmt: skip


def main() -> None:
    work = Path(sys.argv[1])
    for library, (scenarios, versions, package) in RUNS.items():
        for version, others in versions.items():
            python = environment(work / f"{library}-{version}", f"{package}=={version}", *TORCH, *others)
            for scenario in scenarios:
                target = HERE / f"{library}-{version}" / scenario
                shutil.rmtree(target, ignore_errors=True)
                subprocess.run([python, HERE / "log_run.py", library, target], check=False)


def environment(folder: Path, *packages: str) -> Path:
    """Return the Python of an environment with these packages."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
    return python


if __name__ == "__main__":
    main()
