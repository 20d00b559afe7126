"""Running the app of this directory as its users do: in a process of its own."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from autoloop.store.journal import FILE_NAME, read_study
from autoloop.store.lock import is_alive
from autoloop.study.record import Study
from tests.helpers import warm
from tests.helpers.places import ROOT

HERE = Path(__file__).parent

TWO_JOBS = "autoloop.variants={half:{x@mul:0.5}}"
FOUR_JOBS = "autoloop.variants={a:{x@mul:0.7},b:{x@mul:0.6},c:{x@mul:0.5}}"
LIMIT_S = 240


@dataclass(frozen=True)
class Ran:
    """How a process of the app ended, and what it leaves."""

    study_dir: Path
    code: int
    output: str

    @property
    def study(self) -> Study:
        """The study, from its journal."""
        return read_study(self.study_dir)

    @property
    def events(self) -> list[dict[str, object]]:
        """The lines of the journal."""
        return [json.loads(line) for line in (self.study_dir / FILE_NAME).read_text().splitlines()]

    def states(self) -> dict[str, str]:
        """How each job ended, the latest try of each: name -> state."""
        return {job.name: job.state.value if job.state else "" for job in self.study.counted()}


def command(study_dir: Path, *overrides: str, script: str = "app.py") -> list[str]:
    """The command line of a study."""
    return [sys.executable, str(HERE / script), "-m", f"hydra.sweep.dir={study_dir}", *overrides]


def environment(**variables: str) -> dict[str, str]:
    """The environment of the app: this one, with no secret or W&B setting of the tester's own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")}
    paths = [str(ROOT), clean.get("PYTHONPATH", "")]
    return {**clean, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "OMP_NUM_THREADS": "1", **variables}


def run(
    study_dir: Path,
    *overrides: str,
    script: str = "app.py",
    variables: Mapping[str, str] | None = None,
    largest_file: int | None = None,
) -> Ran:
    """Run the app to its end; it cannot make files of more than ``largest_file`` bytes."""
    study_dir.parent.mkdir(parents=True, exist_ok=True)
    done = warm.run(
        command(study_dir, *overrides, script=script),
        env=environment(**(variables or {})),
        cwd=study_dir.parent,
        merged=True,
        timeout=LIMIT_S,
        largest_file=largest_file,
    )
    return Ran(study_dir, done.returncode, done.stdout)


def run_until(
    study_dir: Path, when: str, line: str, *overrides: str, marks: Mapping[str, str] | None = None
) -> Ran:
    """Run the app until a SIGKILL hits it ``before`` or ``after`` a line of the journal.

    The line is the kind of an event and which of these, from 1 (``trial:2``), or of which job
    (``trial:baseline``).
    """
    variables = {"TEST_KILL_WHEN": when, "TEST_KILL_LINE": line, **(marks or {})}
    return run(study_dir, *overrides, script="interrupted.py", variables=variables)


def start(study_dir: Path, *overrides: str) -> warm.Program:
    """Start the app and leave it running."""
    return warm.start(command(study_dir, *overrides), env=environment(), cwd=study_dir.parent, merged=True)


def processes_of(study_dir: Path) -> list[int]:
    """Pids of the jobs and supervisors of a study that still live."""
    alive = []
    for path in study_dir.glob("*/status.json"):
        status = json.loads(path.read_text())
        for pid, started in (("pid", "process_start"), ("supervisor_pid", "supervisor_start")):
            if is_alive(status[pid], status[started]):
                alive.append(status[pid])
    return alive


def kill(process: warm.Program) -> None:
    """Kill a process the hard way and collect it."""
    process.kill()
    process.communicate()
