"""Running whole studies of `app.py` in a process of their own."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from autoloop.store.journal import read_study
from autoloop.study.record import Study
from tests.helpers import warm
from tests.helpers.places import ROOT

APP = Path(__file__).with_name("app.py")
METRICS = "hydra.sweeper.metrics={objective:eval/loss,finite:[loss,eval/loss]}"
RULES = "hydra.sweeper.strategy=rules"


@dataclass(frozen=True)
class Ran:
    """A study that ran."""

    study: Study
    output: str
    code: int
    study_dir: Path


def always(name: str, edit: str) -> str:
    """Return the override for one rule that always proposes this edit."""
    settings = f"_target_:autoloop.rules.MetricLevel,metric:loss,above:0,stat:last,edits:['{edit}']"
    return f"hydra.sweeper.rules={{use:none,{name}:{{{settings}}}}}"


def run(
    study_dir: Path, *words: str, launcher: str = "basic", app: Path = APP, metrics: str = METRICS
) -> Ran:
    """Run a study, by rules unless a word says otherwise; return what its journal and its terminal say."""
    command = [sys.executable, str(app), "-m", "hydra/sweeper=autoloop", f"hydra/launcher={launcher}"]
    command += [f"hydra.sweep.dir={study_dir}", metrics]
    command += [*(() if any("sweeper.strategy=" in word for word in words) else [RULES]), *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = warm.run(command, cwd=study_dir.parent, env=environment)
    output = done.stdout + done.stderr
    assert (study_dir / "study.jsonl").exists(), output
    return Ran(read_study(study_dir), output, done.returncode, study_dir)
