"""Each job has its own W&B runs, wherever its trainer writes them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from autoloop.views.wandb_commands import sync_command
from tests.helpers.flow_app.launch import run

APP = Path(__file__).with_name("writing_app.py")


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["slots", "basic"])
def test_every_job_has_its_own_curve(launcher: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the directory all jobs began in, where an old run lies, in a far one, or from a process of its own.

    The shell's run id, which would make one run of them, reaches no job, and that is said once.
    """
    monkeypatch.setenv("WANDB_MODE", "offline")
    subprocess.run([sys.executable, str(APP), "7.0", "."], cwd=tmp_path, check=True)
    monkeypatch.setenv("WANDB_RUN_ID", "shell1")
    monkeypatch.setenv("WANDB_RESUME", "allow")
    variants = (
        f"far:{{lr@set:2.0,dir@set:{tmp_path / 'far'}}},alone:{{lr@set:3.0,alone@set:true}},"
        "folds:{lr@set:4.0,runs@set:2},usual:{lr@set:5.0,dir@set:null}"
    )
    words = ["+lr=1.0", "+dir=.", "+alone=false", "+runs=1", "hydra.sweeper.rounds=1"]
    words += ["hydra.launcher.n_jobs=2"] if launcher == "slots" else []
    ran = run(
        tmp_path / "study", *words, f"hydra.sweeper.variants={{{variants}}}", launcher=launcher, app=APP
    )
    jobs = {job.name: job for job in ran.study.jobs.values()}
    assert {name: round(job.objective, 2) for name, job in jobs.items()} == {
        "baseline": 1.2,
        "far": 2.2,
        "alone": 3.2,
        "folds": 4.2,
        "usual": 5.2,
    }, ran.output
    assert ran.output.count("2 W&B runs logged eval/loss") == 1
    assert (
        ran.output.count(
            "not passed to the jobs, because their W&B runs would become one: WANDB_RUN_ID, WANDB_RESUME"
        )
        == 1
    )
    assert not list(tmp_path.rglob("*shell1*"))
    assert sync_command(ran.study_dir).count("offline-run-") == 6
