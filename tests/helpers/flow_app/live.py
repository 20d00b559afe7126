"""A whole study of `app.py` in a process of its own, to look at and to steer while it runs."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from autoloop import cli
from autoloop.errors import JournalError
from autoloop.store.journal import read_study
from autoloop.study.record import Study
from tests.helpers import warm
from tests.helpers.flow_app.launch import APP, METRICS, RULES
from tests.helpers.places import ROOT

PATIENCE_S = 90.0  # for what takes a second on a machine that has nothing else to do


@dataclass
class Running:
    """A study that runs.

    Attributes:
        study_dir: Its directory.
        process: Its main process.
        output: Where its output goes.
        answers: What `tell` was answered, in order.
    """

    study_dir: Path
    process: warm.Program
    output: Path
    answers: list[str] = field(default_factory=list)

    @property
    def study(self) -> Study:
        """Its record; an empty one before it began."""
        try:
            return read_study(self.study_dir)
        except JournalError:
            return Study()

    def wait(self, until: Callable[[Study], object], what: str) -> Study:
        """Wait until its record shows something."""
        end = time.monotonic() + PATIENCE_S
        while not until(study := self.study):
            assert time.monotonic() < end, f"{what}: not seen\n{self.output.read_text()}"
            time.sleep(0.1)
        return study

    def end(self) -> int:
        """Wait for its end; return its exit code."""
        return self.process.wait(PATIENCE_S)


def tell(study_dir: Path, capsys: pytest.CaptureFixture[str], words: str) -> tuple[int, str]:
    """Exit code and output of ``autoloop tell``."""
    capsys.readouterr()
    code = 0
    try:
        cli.call("tell", study_dir, *words.split(), "--wait", "60")
    except SystemExit as ended:
        code = int(ended.code or 0)
    printed = capsys.readouterr()
    return code, (printed.out + printed.err).strip()


@contextmanager
def started(study_dir: Path, *words: str, launcher: str = "slots") -> Iterator[Running]:
    """Start a study; what is left of it in the end is killed."""
    command = [sys.executable, str(APP), "-m", "hydra/sweeper=autoloop", f"hydra/launcher={launcher}"]
    command += [f"hydra.sweep.dir={study_dir}", METRICS, RULES, *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    output = study_dir.parent / f"{study_dir.name}.out"
    with output.open("ab") as file:
        process = warm.start(command, cwd=study_dir.parent, env=environment, output=file, new_session=True)
    try:
        yield Running(study_dir, process, output)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
