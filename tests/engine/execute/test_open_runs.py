"""Runs that a trainer of its own writes to any directory are noted while it has them open."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from autoloop.engine.execute.open_runs import OpenRuns
from autoloop.history.run_notes import LINK, NOTES, RunNotes, note

HOLD = "import sys; held = [open(path) for path in sys.argv[1:]]; print('open', flush=True); sys.stdin.read()"


def a_run(place: Path, run_id: str, mark: str) -> Path:
    """Make a run's file, with the link to a log in the cache of the job that has the mark."""
    run_dir = place / "wandb" / f"offline-run-20260102_000000-{run_id}"
    (run_dir / "logs").mkdir(parents=True)
    (run_dir / "logs" / "debug-core.log").symlink_to(f"/gone/{LINK}{mark}/wandb/logs/core-debug.log")
    (run_dir / f"run-{run_id}.wandb").touch()
    return run_dir / f"run-{run_id}.wandb"


def test_open_runs_with_the_jobs_mark_are_noted_once(tmp_path: Path) -> None:
    """Not those of another job, which a study inside the job may have started, nor those in its directory."""
    job_dir = tmp_path / "job"
    job_dir.mkdir()
    note(job_dir, mark="aaaa", places=[], since=0.0)
    own = a_run(tmp_path / "far", "own", "aaaa")
    held = [own, a_run(tmp_path / "far", "inner", "bbbb"), a_run(job_dir, "usual", "aaaa")]
    trainer = subprocess.Popen(
        [sys.executable, "-c", HOLD, *map(str, held)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with trainer:
        assert trainer.stdout is not None
        trainer.stdout.readline()
        looking = OpenRuns()
        looking.look(time.monotonic(), str(job_dir))
        assert not _noted(job_dir)  # not due yet: a job that is soon over costs nothing
        looking.look(time.monotonic() + 100, str(job_dir))
        looking.look(time.monotonic() + 200, str(job_dir))
        trainer.communicate()
    assert (job_dir / NOTES).read_text(encoding="utf-8").count('"run"') == 1
    assert _noted(job_dir) == [str(own.parent)]


def _noted(job_dir: Path) -> list[str]:
    notes = RunNotes.read(job_dir)
    return notes.runs if notes else []
