"""The suites on every Python that is here, with the lowest, the newest and the next versions: one table.

    python -m tests.product.matrix                 # all suites, minutes for each cell
    python -m tests.product.matrix --smoke         # the smoke test only
    python -m tests.product.matrix --write         # and keep the table in docs/versions.md
    python -m tests.product.matrix --smoke --write --only 3.13 --sets newest    # keep one row

Environments lie in .venv-matrix. A Python is found among the paths of AUTOLOOP_PYTHONS (interpreters, as on a
PATH), below pyenv's versions, or as ``python3.N`` on the PATH; one that is not there is told as such.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.places import ROOT

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
SETS = {
    "lowest declared": ("--resolution", "lowest-direct"),
    "newest": (),
    "Hydra 1.4 pre-release": ("hydra-core>=1.4.0rc3,<1.5", "omegaconf>=2.4.1rc1"),
}
TOLD = ("hydra-core", "omegaconf", "wandb", "numpy", "joblib", "cloudpickle", "optuna")
NOT_HERE = "not here, skipped"
PAGE = ROOT / "docs" / "versions.md"
BEGIN, END = "<!-- the table: python -m tests.product.matrix --write -->\n", "<!-- end of the table -->\n"
_HOME = ROOT / ".venv-matrix"
_LIMIT_S = 3600
_SHOWN = 20_000  # characters
_PATIENT = {"UV_HTTP_TIMEOUT": "180", "UV_HTTP_RETRIES": "8"}  # a slow network is no failure


@dataclass(frozen=True)
class Kind:
    """What is run in each cell.

    Attributes:
        name: What the table calls it.
        tests: Files and directories of tests.
        product: What is installed in the cell's versions: the package with its extras, and what else.
        testers: What the tests need besides, always in its newest version.
    """

    name: str
    tests: tuple[str, ...]
    product: tuple[str, ...]
    testers: tuple[str, ...]


SMOKE = Kind("smoke", ("tests/product/test_smoke.py",), ("-e", str(ROOT)), ("pytest", "pytest-timeout"))
SUITES = Kind(
    "suites",
    (
        *SMOKE.tests,
        "tests/edits",
        *(
            f"tests/plugins/test_{name}.py"
            for name in ("launcher", "launcher_conformance", "sweeper_suites", "discovery")
        ),
        *("tests/store", "tests/history", "tests/study", "tests/engine/launchers"),
    ),
    ("-e", f"{ROOT}[export,optuna,slurm]", "hydra-submitit-launcher"),
    (
        *SMOKE.testers,
        *("pytest-xdist", "hypothesis", "pexpect", "pyte", "sybil", "build", "markdown-it-py"),
    ),
)


@dataclass(frozen=True)
class Cell:
    """What became of one Python with one set of versions.

    Attributes:
        python: As ``3.12``.
        versions: Which set.
        result: What pytest counted, or what went wrong before; NOT_HERE without that Python.
        installed: Package -> version.
        seconds: How long it took.
        ok: Whether nothing failed.
        output: What pytest printed.
    """

    python: str
    versions: str
    result: str
    installed: dict[str, str]
    seconds: float
    ok: bool
    output: str = ""


def interpreter(python: str) -> Path | None:
    """Where a Python is; None if it is not here."""
    named = [Path(path) for path in os.environ.get("AUTOLOOP_PYTHONS", "").split(os.pathsep) if path]
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    pyenv = sorted(root.glob(f"versions/{python}.*/bin/python"))
    on_path = shutil.which(f"python{python}")
    for path in (*named, *pyenv, *([Path(on_path)] if on_path else ())):
        told = _run([str(path), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
        if told.returncode == 0 and told.stdout.strip() == python:
            return path
    return None


def cell(python: str, versions: str, kind: Kind) -> Cell:
    """Install one set of versions for one Python and run tests there."""
    began, path = time.monotonic(), interpreter(python)
    if path is None:
        return Cell(python, versions, NOT_HERE, {}, 0.0, True)
    home = _HOME / f"{python}-{versions.replace(' ', '-').lower()}"
    problem = _install(home, path, SETS[versions], kind)
    if problem:
        return Cell(python, versions, f"does not install: {problem}", {}, time.monotonic() - began, False)
    words = ["-q", "-p", "no:cacheprovider", *kind.tests]
    ran = _run(
        [str(home / "bin" / "python"), "-m", "pytest", *words], PATH=f"{home / 'bin'}:{os.environ['PATH']}"
    )
    (home / "pytest.log").write_text(ran.stdout, encoding="utf-8")
    last = (ran.stdout.strip().splitlines() or ["nothing"])[-1]
    counted = ", ".join(re.findall(r"\d+ (?:passed|failed|errors?|skipped)", last)) or last[:60]
    took, passed = time.monotonic() - began, ran.returncode == 0
    return Cell(python, versions, counted, _versions(home), took, passed, ran.stdout)


def _install(home: Path, python: Path, versions: Sequence[str], kind: Kind) -> str:
    """Make an environment; return why that was not possible, empty if it was."""
    uv, into = str(Path(sys.executable).with_name("uv")), str(home / "bin" / "python")
    for command in (
        [uv, "venv", "-q", "--clear", "--python", str(python), str(home)],
        [uv, "pip", "install", "-q", "--python", into, *kind.product, *versions],
        [uv, "pip", "install", "-q", "--python", into, *kind.testers],
    ):
        done = _run(command)
        if done.returncode:
            return " ".join(done.stdout.split())[:300]
    return ""


def _versions(home: Path) -> dict[str, str]:
    ask = "import json; from importlib.metadata import distributions; "
    ask += "print(json.dumps({one.metadata['Name'].lower(): one.version for one in distributions()}))"
    done = _run([str(home / "bin" / "python"), "-c", ask])
    return dict(json.loads(done.stdout)) if done.returncode == 0 else {}


def _run(command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program; its words are read as one text, and one that hangs is told as failed."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    try:
        return subprocess.run(
            command,
            cwd=ROOT,
            env={**_PATIENT, **kept, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        return subprocess.CompletedProcess(command, 1, f"{type(error).__name__}: {error}")


def table(rows: Mapping[tuple[str, str], str]) -> str:
    """Rows by Python and versions as a table in Markdown."""
    head = [f"| Python | versions | {' | '.join(TOLD)} | tests |", "|" + "---|" * (len(TOLD) + 3)]
    none = f"{' | '.join('-' for _ in TOLD)} | not run |"
    cells = ((python, versions) for python in PYTHONS for versions in SETS)
    lines = (rows.get(cell, f"| {cell[0]} | {cell[1]} | {none}") for cell in cells)
    return "\n".join([*head, *lines]) + "\n"


def row(one: Cell, kind: Kind) -> str:
    """A cell as a line of the table."""
    found = " | ".join(one.installed.get(name, "-") for name in TOLD)
    return f"| {one.python} | {one.versions} | {found} | {kind.name}: {one.result} |"


def line_of(one: Cell) -> str:
    """What became of a cell, in a line; of one that failed, with the end of what pytest said."""
    line = f"{one.python} {one.versions}: {one.result} ({one.seconds:.0f} s)"
    return line if one.ok else f"{line}\n{one.output[-_SHOWN:]}"


def keep(rows: Mapping[tuple[str, str], str]) -> None:
    """Put rows into the table of docs/versions.md; the others stay as they were run."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    told, _, after = rest.partition(END)
    old = {(found[1], found[2]): found[0] for found in re.finditer(r"(?m)^\| (3\.\d+) \| ([^|]+) \|.*", told)}
    PAGE.write_text(f"{before}{BEGIN}{table({**old, **rows})}{END}{after}", encoding="utf-8")


def main() -> int:
    """Run what is asked for; 1 if a test failed or an environment could not be made."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--smoke", action="store_true", help="the smoke test only")
    parser.add_argument("--write", action="store_true", help="keep the table in docs/versions.md")
    parser.add_argument("--only", nargs="+", default=PYTHONS, metavar="3.N", help="these Pythons only")
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS, help="these versions only")
    parser.add_argument("--at-once", type=int, default=2, metavar="N", help="cells at a time")
    asked = parser.parse_args()
    kind = SMOKE if asked.smoke else SUITES
    pairs = [(python, versions) for python in asked.only for versions in asked.sets]
    with ThreadPoolExecutor(asked.at_once) as pool:
        running = [pool.submit(cell, *pair, kind) for pair in pairs]
        cells = []
        for one in running:
            cells.append(one.result())
            print(line_of(cells[-1]), flush=True)
    rows = {(one.python, one.versions): row(one, kind) for one in cells if one.result != NOT_HERE}
    print(table(rows))
    if asked.write:
        keep(rows)
    return 0 if all(one.ok for one in cells) else 1


if __name__ == "__main__":
    sys.exit(main())
