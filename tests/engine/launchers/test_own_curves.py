"""Each job has exactly its own W&B curve, whatever process its launcher runs it in."""

from __future__ import annotations

import logging
import subprocess
import sys
import textwrap

import pytest

from autoloop.engine.other_launchers import local_gpus, prepare
from tests.engine.launchers.test_every_launcher import BASIC, JOBLIB, RAY, SLOTS, SUBMITIT, Launcher, needs
from tests.helpers.curves_app.launch import APP, jobs_without_their_own
from tests.helpers.studies_app.launch import TWO_JOBS, environment, run

#: Jobs that end in every way, each followed by another one in the same process.
WAYS = (
    "hydra.sweeper.variants={a:{log@set:open},b:{log@set:raises},c:{log@set:thrice},lost:{log@set:bereaved},"
    "d:{x@mul:0.5}}"
)


@pytest.mark.parametrize(
    "launcher",
    [
        pytest.param(
            one, id=one.name, marks=[pytest.mark.ray if one is RAY else pytest.mark.slow, *needs(one)]
        )
        for one in (SLOTS, BASIC, JOBLIB, SUBMITIT, RAY)
    ],
)
def test_twelve_jobs_in_two_rounds_have_their_own(launcher: Launcher, tmp_path):
    done = run(tmp_path / "s", *launcher.overrides, script=APP)
    assert done.code == 0, done.output
    assert len(done.study.counted()) == 12
    assert jobs_without_their_own(done) == []


@pytest.mark.slow
def test_jobs_of_one_process_do_whatever_became_of_the_one_before(tmp_path):
    """It finished its run, left it open, failed, began several, or lost W&B's service, which is told.

    The main program had begun W&B before.
    """
    variables = {"TEST_WANDB_SETUP": "1"}
    done = run(tmp_path / "s", WAYS, "rounds=1", *BASIC.overrides, script=APP, variables=variables)
    assert {name for name, state in done.states().items() if state == "COMPLETE"} >= {
        "baseline",
        "a",
        "c",
        "d",
    }
    assert "in the middle" in done.study.by_name("b").error
    assert "W&B could not" in done.output
    assert "Connection" not in done.study.by_name("lost").error
    assert set(jobs_without_their_own(done)) <= {"lost"}


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [pytest.param(JOBLIB, id="joblib", marks=needs(JOBLIB))])
def test_jobs_of_a_pool_of_processes_do(launcher: Launcher, tmp_path):
    """Also where the shell names the W&B service of another process, which has ended."""
    gone = {"WANDB_SERVICE": "3-1-tcp-localhost-1"}
    done = run(tmp_path / "s", WAYS, "rounds=1", *launcher.overrides, script=APP, variables=gone)
    assert done.states()["b"] == "FAILED"
    assert set(jobs_without_their_own(done)) <= {"lost"}


FORKED = """
    import os
    import wandb
    from autoloop.engine.inside.wandb_runs import close_wandb

    run = wandb.init(mode="offline")
    child = os.fork()
    if child == 0:
        close_wandb()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    run.log({"loss": 1.0})
    run.finish()
    close_wandb()
"""


@pytest.mark.slow
def test_a_forked_process_leaves_its_parents_w_and_b_alone(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FORKED)],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "W&B could not" not in done.stderr


@pytest.mark.parametrize(
    ("asked", "n_jobs", "gpus", "said"),
    [
        (0, 2, (), ""),
        (1, 1, ("0",), ""),
        (0, 1, ("0", "1"), "hides this machine's GPUs (0, 1) from every job"),
        (1, 4, ("0", "1"), "gives GPU 0 to every job, so up to 4 jobs share"),
        (2, None, (), "gives the GPUs 0 to 1 to every job, so all jobs of a round share"),
    ],
)
def test_which_gpus_submitits_local_jobs_would_get_is_known_beforehand(asked, n_jobs, gpus, said):
    told = local_gpus(asked, n_jobs, gpus)
    assert said in told
    assert bool(told) == bool(said)


@pytest.mark.skipif(bool(needs(SUBMITIT)[0].args[0]), reason="submitit is not installed")
def test_a_study_warns_of_them_before_anything_runs(monkeypatch, caplog):
    from hydra_plugins.hydra_submitit_launcher.submitit_launcher import LocalLauncher

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with caplog.at_level(logging.WARNING):
        prepare(LocalLauncher(gpus_per_node=1), 2)
        prepare(LocalLauncher(gpus_per_node=None), 1)
    assert [
        "to every job" in record.message or "from every job" in record.message for record in caplog.records
    ] == [True, True]


@pytest.mark.slow
@pytest.mark.skipif(bool(needs(SUBMITIT)[0].args[0]), reason="submitit is not installed")
@pytest.mark.parametrize(("asked", "seen"), [("1", ("0",)), ("null", ())])
def test_submitit_does_so(asked, seen, tmp_path):
    """Once this fails, submitit counts its GPUs, and the warning can go."""
    words = (f"hydra.launcher.gpus_per_node={asked}", TWO_JOBS, *SUBMITIT.overrides)
    done = run(tmp_path / "s", *words, variables={"CUDA_VISIBLE_DEVICES": "2,3"})
    assert {job.gpus for job in done.study.counted()} == {seen}
    assert "hydra.launcher.gpus_per_node" in done.output
