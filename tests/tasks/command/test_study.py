"""Whole studies of an external trainer: slots, flags, lineage, failures."""

from __future__ import annotations

import json
import re

import pytest

from autoloop.study.trials import TrialState
from tests.helpers.running import assert_no_gpu_is_shared, records, study_of, train

GPUS = "gpus=[0,1,6,7]"
ONLINE = ["wandb.mode=online", "wandb.entity=lab", "wandb.project=insert"]


@pytest.fixture(scope="module")
def three_rounds(tmp_path_factory):
    """The users' night: the baseline and three variants on four GPUs, online, for three rounds."""
    path = tmp_path_factory.mktemp("night")
    done = train(path, "-m", "rounds=3", GPUS, *ONLINE, STANDIN_STEP_S="0.005")
    assert done.returncode == 0, done.stdout + done.stderr
    return path


@pytest.mark.slow
def test_four_configs_run_for_three_rounds(three_rounds):
    """Each round fills from the curves of the one before; the baseline's file is taken as it is."""
    study = study_of(three_rounds)
    assert study.rounds == [1, 2, 3]
    assert [job.name for job in study.of_round(1)] == [
        "baseline",
        "reg_tau",
        "tau2_lam015",
        "tau5_action0005",
    ]
    assert all(job.state is TrialState.COMPLETE for job in study.jobs.values())
    assert all(job.plan.parent and job.plan.evidence for number in (2, 3) for job in study.of_round(number))


def test_no_two_jobs_share_a_gpu_at_a_time(three_rounds):
    """Every trainer saw exactly one of the four GPUs, and nobody else saw it meanwhile."""
    assert {record["gpus"] for record in records(three_rounds)} == {"0", "1", "6", "7"}
    assert_no_gpu_is_shared(records(three_rounds), records(three_rounds, "end"))


def test_online_flags_are_there_in_every_round(three_rounds):
    """What the first round is told of W&B, the last is told too."""
    flags = {f"--wandb.{flag}" for flag in ("mode=online", "enable=true", "entity=lab", "project=insert")}
    assert all(flags <= set(record["argv"]) for record in records(three_rounds))
    assert len(records(three_rounds)) == len(study_of(three_rounds).jobs)


def test_each_job_writes_its_whole_config_and_tells_where_it_comes_from(three_rounds):
    """The file differs from the parent's in what the lineage says, and in nothing else."""
    study = study_of(three_rounds)
    child = study.of_round(3)[0]
    parent = study.by_name(child.plan.parent)
    new, old = (
        json.loads((three_rounds / "study" / job.run_dir / "train_config.json").read_text())
        for job in (child, parent)
    )
    for path, before, after in child.plan.changes:
        node = new
        *parents, last = path.split(".")
        for key in parents:
            node = node[int(key)] if isinstance(node, list) else node[key]
        key = int(last) if isinstance(node, list) else last
        assert node[key] == after
        node[key] = before
    assert json.dumps(new) == json.dumps(old)
    lineage = json.loads((three_rounds / "study" / child.run_dir / "lineage.json").read_text())
    assert (lineage["parent"], lineage["edits"]) == (parent.name, list(child.plan.edits))


def test_reports_are_in_place(three_rounds):
    """A summary by run directory, a section for every round, the winner's overrides."""
    reports = three_rounds / "study" / "reports"
    summary = json.loads((reports / "data" / "autorun_summary.json").read_text())
    assert len(summary) == len(study_of(three_rounds).jobs)
    text = (reports / "lerobot_act_ot.md").read_text()
    assert [int(number) for number in re.findall(r"^## Round (\d)", text, re.MULTILINE)] == [1, 2, 3]
    assert "config." in (three_rounds / "study" / "best.yaml").read_text()


@pytest.mark.slow
def test_a_run_of_the_real_wandb_is_read(tmp_path):
    """Offline, in the trainer's own directory; the edit that W&B's record shows without effect is told."""
    done = train(tmp_path, "-m", "gpus=[]", "variants=none", "optimizer.lr@mul=2", STANDIN_WANDB="")
    assert done.returncode == 0, done.stderr
    (job,) = study_of(tmp_path).jobs.values()
    assert (job.steps, job.details.unheeded, len(job.details.run_id)) == (60, ("optimizer.lr",), 8)
    assert list((tmp_path / "study" / "0" / "output" / "wandb").glob("offline-run-*"))


def test_a_failed_trainer_is_one_failed_job(tmp_path):
    """The round goes on, the study ends with exit code 1, the cause and the true exit code are on record."""
    done = train(tmp_path, "-m", "gpus=[]", "n_jobs=2", STANDIN_FAIL="reg_tau:raise")
    assert done.returncode == 1
    study = study_of(tmp_path)
    states = {job.name: job.state for job in study.jobs.values()}
    assert [name for name, state in states.items() if state is TrialState.FAILED] == ["reg_tau"]
    failed = study.by_name("reg_tau")
    assert failed.error == "RuntimeError: boom: the demonstrations are unreadable (exit code 1)"
    assert "raise RuntimeError" in failed.details.log_tail
    assert failed.error in done.stdout
    assert "main process only" not in done.stdout, "autoloop.train is no program of the user's"


@pytest.mark.slow
def test_a_trainer_in_the_jobs_own_process(tmp_path):
    """start=inline runs the script where the launcher has its modules loaded; its end is told as well."""
    fails = "reg_tau:exit,tau2_lam015:raise"
    done = train(tmp_path, "-m", "gpus=[]", "n_jobs=2", "command.start=inline", STANDIN_FAIL=fails)
    assert done.returncode == 1
    jobs = study_of(tmp_path).jobs.values()
    assert [(job.state.name, job.details.exit_code, job.error) for job in jobs] == [
        ("COMPLETE", 0, ""),
        ("FAILED", 7, "SystemExit: 7"),
        ("FAILED", 1, "RuntimeError: boom: the demonstrations are unreadable"),
        ("COMPLETE", 0, ""),
    ]
    assert len({record["pid"] for record in records(tmp_path)}) == 4


def test_settings_that_cannot_work_end_before_anything_runs(tmp_path):
    """One message, exit code 2, no study."""
    done = train(tmp_path, "-m", "gpus=[]", "command.script=no.py")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "command.script: there is no file" in done.stderr
    assert not (tmp_path / "study" / "study.jsonl").exists()


def test_the_plan_shows_each_jobs_command(tmp_path):
    """A dry run prints what would be started, and starts nothing."""
    done = train(
        tmp_path, "-m", "gpus=[]", "dry_run=true", "detail=full", "command.start=accelerate", *ONLINE
    )
    runs = [line.split() for line in done.stdout.splitlines() if line.startswith("  runs ")]
    assert len(runs) == 4
    for number, words in enumerate(runs):
        assert words[2:6] == ["-m", "accelerate.commands.launch", "--num_processes", "1"]
        assert f"--config_path={tmp_path}/study/{number}/train_config.json" in words
        assert {"--steps=60", "--wandb.mode=online", "--policy.device=cuda"} <= set(words)
    assert not (tmp_path / "started.jsonl").exists()
