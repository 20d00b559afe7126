"""``accelerate launch`` between the job and the trainer: one process or several, Ctrl-C, exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autoloop.study.trials import TrialState
from tests.helpers.running import command_line, environment, records, study_of, train

TWO = Path(__file__).resolve().parent / "two_processes.py"
START = "command.start=accelerate"


def seen(tmp_path, job):
    files = sorted((tmp_path / "study" / str(job) / "output").glob("rank*.json"))
    return [json.loads(path.read_text()) for path in files]


def two(*words):
    task = ["task=command", f"command.script={TWO}", START, "+config.pause_s=0", "metrics.objective=loss"]
    return [sys.executable, "-m", "autoloop.train", "-m", *task, "hydra.sweep.dir=study", *words]


@pytest.mark.slow
def test_two_jobs_of_two_processes_run_side_by_side(tmp_path):
    """gpus_per_job=2: the processes of a job meet over gloo, and two jobs do not meet on one port."""
    command = two("gpus=[0,1,6,7]", "gpus_per_job=2", "+config.job=1,2")
    done = subprocess.run(command, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = [seen(tmp_path, 0), seen(tmp_path, 1)]
    assert [[(p["rank"], p["world"], p["sum"], p["backend"]) for p in job] for job in jobs] == [
        [(0, 2, 3.0, "gloo"), (1, 2, 3.0, "gloo")]
    ] * 2
    assert sorted(job[0]["gpus"] for job in jobs) == ["0,1", "6,7"]
    assert jobs[0][0]["port"] != jobs[1][0]["port"]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "exit_code"), [("raise", 1), ("exit", 7), ("kill", 137)])
def test_what_the_launcher_hides_is_found(tmp_path, kind, exit_code):
    """Accelerate turns every end into exit code 1; the record holds the trainer's own."""
    train(tmp_path, "-m", START, "gpus=[]", "variants=none", STANDIN_FAIL=f"baseline:{kind}")
    (job,) = study_of(tmp_path).jobs.values()
    assert (job.state, job.details.exit_code) == (TrialState.FAILED, exit_code)
    assert "CalledProcessError" not in job.error


def interrupted(tmp_path, command, ready, signum=signal.SIGINT):
    """Start a study, send a signal to its main process alone once ``ready()``, and return its exit code."""
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment(tmp_path, STANDIN_STEP_S="0.2"),
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 90
    while not ready():
        assert time.monotonic() < deadline, "the trainer never got going"
        time.sleep(0.05)
    process.send_signal(signum)
    return process.wait(timeout=60)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.slow
def test_ctrl_c_reaches_the_trainer_behind_the_launcher(tmp_path):
    """The trainer is told once, writes down what it has, and is gone before the study ends."""
    log = tmp_path / "study" / "0" / "job.log"
    code = interrupted(
        tmp_path,
        command_line("-m", START, "gpus=[]", "variants=none"),
        lambda: log.exists() and "Creating dataset" in log.read_text(),
    )
    assert code == 130
    (job,) = study_of(tmp_path).jobs.values()
    assert job.state is TrialState.INTERRUPTED
    assert len(records(tmp_path, "interrupted")) == 1
    assert len(records(tmp_path, "end")) == 1
    assert not any(alive(record["pid"]) for record in records(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_every_process_of_a_job_ends_with_the_study(tmp_path, signum, code):
    """The workers of torchrun have sessions of their own; none outlives the study, killed or not."""
    command = two("gpus=[]", "n_jobs=1", "command.num_processes=2", "config.pause_s=60")
    assert interrupted(tmp_path, command, lambda: len(seen(tmp_path, 0)) == 2, signum) == code
    workers = [process["pid"] for process in seen(tmp_path, 0)]
    deadline = time.monotonic() + (0 if code == 130 else 60)
    while (left := [pid for pid in workers if alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []
