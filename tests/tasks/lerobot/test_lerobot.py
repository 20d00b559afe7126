"""The real LeRobot, two rounds of two ACT trainings, as a user runs them. `make test-lerobot` sets it up.

AUTOLOOP_LEROBOT names the interpreter of LeRobot's environment (tests/tasks/lerobot/install.sh makes one).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from autoloop.history import read_history
from autoloop.store.journal import read_study
from autoloop.study.trials import TrialState
from autoloop.views.promote import promoted_command
from tests.helpers.places import ROOT

HERE = Path(__file__).resolve().parent
LEROBOT = os.environ.get("AUTOLOOP_LEROBOT", "")
STEPS, KNOB = 20, "policy.optimizer_lr"

pytestmark = [
    pytest.mark.lerobot,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not LEROBOT, reason="AUTOLOOP_LEROBOT names no interpreter: see make test-lerobot"),
]


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A directory with a tiny dataset and a small ACT's config."""
    path = tmp_path_factory.mktemp("lerobot")
    make = [LEROBOT, str(HERE / "make_dataset.py"), str(path / "dataset")]
    subprocess.run(make, check=True, env=environment(path), stderr=subprocess.DEVNULL)
    config = (HERE / "act.json").read_text().replace("DATASET", str(path / "dataset"))
    (path / "act.json").write_text(config)
    return path


def environment(path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WANDB_", "CUDA_"))}
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(path / "hub"), "PYTHONPATH": str(ROOT)}
    return {**kept, **offline, "OMP_NUM_THREADS": "1"}


def train(work, *words):
    start = [sys.executable, "-m", "autoloop.train"]
    task = ["task=lerobot", f"command.python={LEROBOT}", "base_config=act.json", f"steps={STEPS}", "gpus=[]"]
    task.append("stop_rules=none")  # in 20 steps every child is far behind the best
    return subprocess.run(
        [*start, *words, *task], cwd=work, env=environment(work), capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def study(work):
    """Two rounds of two jobs: the baseline, one with another learning rate, and a child of each."""
    words = [f"{KNOB}@mul=1,3", "rounds=2", "strategy=rules", "n_jobs=2"]
    done = train(work, "-m", *words, "command.keep_checkpoints=true", "hydra.sweep.dir=study")
    assert done.returncode == 0, done.stdout + done.stderr
    return read_study(work / "study")


def test_two_rounds_of_two_jobs_complete(study):
    """Four trainings of an unchanged LeRobot."""
    assert [len(study.of_round(number)) for number in study.rounds] == [2, 2]
    assert all(job.state is TrialState.COMPLETE and job.steps == STEPS for job in study.jobs.values())


def test_histories_are_read(study, work):
    """The curves that LeRobot logs, from its offline W&B file."""
    for job in study.jobs.values():
        history = read_history(work / "study" / job.run_dir)
        assert {"train/loss", "train/l1_loss", "train/kld_loss", "train/grad_norm", "train/lr"} <= set(
            history
        )
        assert list(history["train/loss"].steps) == list(range(2, STEPS + 1, 2))


def test_children_come_from_real_curves(study):
    """Each job of round 2 names its parent and the numbers that led to it."""
    for job in study.of_round(2):
        assert job.plan.parent in [parent.name for parent in study.of_round(1)]
        assert job.plan.evidence


def test_the_preset_that_replaces_the_optimizer_is_known(study, work):
    """Children turn the learning rate that is heeded; where rules would turn the other too, that is said."""
    assert all({path for path, _, _ in job.plan.changes} == {KNOB} for job in study.of_round(2))
    plan = train(
        work, "-m", "rounds=2", "strategy=rules", "dry_run=true", "detail=full", "hydra.sweep.dir=planned"
    )
    assert "optimizer.lr@mul=2: skipped, the policy's preset replaces it" in plan.stdout


def test_the_report_is_written(study, work):
    """Summary, Markdown and the winner."""
    reports = work / "study" / "reports"
    assert len(json.loads((reports / "data" / "autorun_summary.json").read_text())) == 4
    assert "train/loss" in (reports / "lerobot.md").read_text()


def test_an_edit_of_a_dead_knob_is_told(work):
    """LeRobot's own record of the run shows that optimizer.lr was not used."""
    words = ["optimizer.lr@mul=2", "autoloop.ignored=null", "hydra.sweep.dir=dead"]
    done = train(work, "-m", *words)
    assert done.returncode == 0, done.stderr
    (job,) = read_study(work / "dead").jobs.values()
    assert job.details.unheeded == ("optimizer.lr",)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["+config.batch_sizes=4"], "The fields `batch_sizes` are not valid"),
        (["config.dataset.root=nowhere"], "OfflineModeIsEnabled"),
    ],
)
def test_a_refusal_reads_as_lerobots_own(work, words, error):
    """Under accelerate launch the cause is LeRobot's exception, not the launcher's."""
    sweep = f"hydra.sweep.dir=refused_{words[0].split('=')[0].replace('+', '')}"
    done = train(work, "-m", *words, sweep)
    assert done.returncode == 1
    (job,) = read_study(work / sweep.partition("=")[2]).jobs.values()
    assert job.state is TrialState.FAILED
    assert error in job.error
    assert "CalledProcessError" not in job.error


def test_a_trial_goes_on_from_its_checkpoint(study, work):
    """Promote with resume: LeRobot goes on at step 20, in a directory of its own."""
    words = promoted_command(study, None, [f"steps={STEPS + 4}"], work / "study", resume=True)
    done = subprocess.run(
        [sys.executable, *words[1:]],
        cwd=work,
        env=environment(work),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (run_dir,) = (work / "study" / "promoted").glob("[!.]*")  # what the trainer accepts is kept beside it
    assert list(read_history(run_dir)["train/loss"].steps) == [STEPS + 2, STEPS + 4]
