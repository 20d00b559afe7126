"""A process that is killed while it draws a study leaves whole files, old or new, and nothing that stays."""

import json
import os
import signal
import subprocess
import sys
import time

import yaml

from autoloop.store.files import sweep_drafts
from tests.helpers.places import ROOT
from tests.views.report.samples import realistic

KILLED = """
import os, signal, sys
from pathlib import Path
from autoloop.views.report import Reporter
from tests.views.report.samples import realistic

study, step, which = realistic(), sys.argv[2], int(sys.argv[3])
count, whole = 0, getattr(Path if step == "replace" else os, step)

def killing(*arguments, **more):
    global count
    count += 1
    if count == which:
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(*arguments, **more)

setattr(Path if step == "replace" else os, step, killing)
Reporter(sys.argv[1], lambda run_dir: {}).write(study)
"""
FILES = ("reports/report.html", "reports/data/autorun_summary.json", "best.yaml", "optimization_results.yaml")


def draw(study_dir, step, which):
    """Draw the study in a process that is killed at one of its steps; return its exit code."""
    words = [sys.executable, "-c", KILLED, str(study_dir), step, str(which)]
    return subprocess.run(words, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False).returncode


def test_files_are_whole_wherever_a_report_was_killed(tmp_path):
    """Before its first file stands, between two, and when a draft is written but not in its place."""
    for step, which in (("replace", 1), ("replace", 3), ("fchmod", 5)):
        assert draw(tmp_path, step, which) == -signal.SIGKILL
        for path in (tmp_path / name for name in FILES):
            if path.suffix == ".html":
                assert not path.exists() or path.read_text().endswith("</html>\n")
            elif path.exists():
                assert (json.loads if path.suffix == ".json" else yaml.safe_load)(path.read_text())
    assert draw(tmp_path, "replace", 99) == 0
    assert yaml.safe_load((tmp_path / "best.yaml").read_text())["name"] == realistic().best().name
    drafts = list(tmp_path.rglob(".*.tmp"))
    assert drafts
    for path in drafts:
        os.utime(path, (0.0, time.time() - 1e6))
        sweep_drafts(path.parent)
    assert not list(tmp_path.rglob(".*.tmp"))
