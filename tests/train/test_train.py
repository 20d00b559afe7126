"""``python -m autoloop.train`` as a user types it, on the built-in task with few steps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from autoloop.history import read_history
from autoloop.store.journal import read_study
from autoloop.study.trials import TrialState
from autoloop.train import check_meant, composed, config_groups, hydra_arguments
from tests.helpers import warm

FEW_STEPS = ["steps=24", "log_freq=4", "eval_freq=8", "dataset.src_episodes=4", "dataset.tgt_episodes=2"]
ROUNDS = [
    "-m",
    "rounds=2",
    "n_jobs=2",
    "stop_rules=none",  # a point of the space may be worth none of its steps
    "hydra.sweeper.variants={mass:{ot.loss_config.tau_src@set:1.0}}",
    *FEW_STEPS,
]


def train(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "autoloop.train", *words, "cache_dir=cache"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    return warm.run(command, cwd=tmp_path, env=environment)


@pytest.fixture(scope="module")
def study_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of two rounds; the tests below look at it from all sides."""
    base = tmp_path_factory.mktemp("train")
    done = train(base, *ROUNDS, "hydra.sweep.dir=study")
    assert done.returncode == 0, done.stderr + done.stdout
    return base / "study"


def test_two_rounds_run_and_the_second_comes_from_the_first(study_dir: Path):
    study = read_study(study_dir)
    assert [job.name for job in study.of_round(1)] == ["baseline", "mass"]
    assert all(job.state is TrialState.COMPLETE for job in study.jobs.values())
    children = study.of_round(2)
    assert children
    for child in children:
        assert child.plan.parent in ("baseline", "mass")
        assert child.plan.rule and child.plan.reason and child.plan.edits
    assert study.stopped is not None
    assert study.stopped.reason == "all 2 rounds are done"


def test_the_reports_hold_every_job(study_dir: Path):
    summary = json.loads((study_dir / "reports/data/autorun_summary.json").read_text())
    study = read_study(study_dir)
    assert sorted(summary) == sorted(job.run_dir for job in study.jobs.values())
    l1 = summary["0"]["eval/offline_eval/avg_l1"]
    assert set(l1) == {"first", "last", "best", "best_step", "delta", "pct", "count"}
    assert summary["0"]["steps"] == 24
    page = (study_dir / "reports/act_ot.md").read_text()
    assert "## Round 1" in page and "## Round 2" in page
    assert (study_dir / "reports/report.html").stat().st_size < 300_000
    best = yaml.safe_load((study_dir / "best.yaml").read_text())
    assert best["name"] == study.best().name  # type: ignore[union-attr]


def test_wandb_runs_stay_in_their_jobs_and_know_where_they_come_from(study_dir: Path):
    child = read_study(study_dir).of_round(2)[0]
    run_dir = study_dir / child.run_dir
    assert list(run_dir.glob("wandb/offline-run-*/run-*.wandb"))
    run = read_history(run_dir).run
    assert run is not None
    assert run.group == "/".join(study_dir.parts[-2:])
    assert (run.job_type, run.tags, run.notes) == ("round_2", (child.plan.rule,), child.plan.reason)
    assert run.config["seed"] == 42
    lineage = run.config["autoloop"]["lineage"]
    assert (lineage["parent"], lineage["edits"]) == (child.plan.parent, list(child.plan.edits))


def test_no_job_got_an_output_dir_it_did_not_make(study_dir: Path):
    assert not list(study_dir.glob("*/output"))


def test_the_same_command_again_does_nothing_and_says_so(study_dir: Path):
    before = (study_dir / "study.jsonl").read_bytes()
    again = train(study_dir.parent, *ROUNDS, "hydra.sweep.dir=study")
    assert again.returncode == 0
    assert "nothing is left to do" in again.stdout
    assert (study_dir / "study.jsonl").read_bytes() == before


def test_a_dry_run_prints_the_plan_and_leaves_nothing(tmp_path: Path):
    done = train(tmp_path, "-m", "dry_run=true", "rounds=3", "hydra.sweep.dir=study", "detail=full")
    assert done.returncode == 0
    assert "4 jobs in round 1 of 3" in done.stdout
    assert "ot.loss_config.tau_src: 0.05 -> 1.0" in done.stdout
    command = "  runs       python -m autoloop.train cache_dir=cache ot.loss_config.reg=0.15 "
    assert command in done.stdout
    assert not (tmp_path / "study" / "study.jsonl").exists()
    assert not list(tmp_path.glob("study/[0-9]*"))


def test_a_plan_tells_slots_and_what_each_outcome_would_trigger(tmp_path: Path):
    words = ("-m", "dry_run=true", "rounds=3")
    done = train(tmp_path, *words, "gpus=[0,6]", "until=worthy", "patience=2", "detail=full")
    assert "Slots: 0 on GPU 0, 1 on GPU 6." in done.stdout
    assert [line for line in done.stdout.splitlines() if line.startswith("  slot ")] == [
        "  slot       0, GPU 0",
        "  slot       1, GPU 6",
        "  slot       the first one that is free",
        "  slot       the first one that is free",
    ]
    assert "\n  no_mass: the last 2 values of train/ot_pi_sum at step 300 or later are below" in done.stdout
    assert "\n  gentle: no other rule fired\n      ot.loss_config.reg: 0.1 -> 0.12\n" in done.stdout
    assert (
        "\nA later round has 4 jobs.\nOf 4 jobs up to 2 may be children that these rules make" in done.stdout
    )
    assert "\n  ot.lambda_ot: 0.1 -> from 0.02 to 1\n" in done.stdout
    assert "batch_size: 16 -> from" not in done.stdout  # a larger batch is no better setting
    assert "\n  after 2 rounds in a row without a gain over the noise\n" in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["-m", "ot.loss_config.regg@mul=2"], "did you mean 'reg'"),
        (["ot.loss_config.regg@mul=2"], "did you mean 'reg'"),
        (["-m", "ot.loss_config.reg@mull=2"], "unknown op 'mull'; did you mean 'mul'"),
        (["-m", "rounds=0"], "rounds=0 is not a whole number of 1 or more"),
        (
            ["-m", "metrics.stat=lst"],
            "metrics.stat='lst' is not one of last, best, tail_mean; did you mean 'last'",
        ),
        (["-m", "resume=maybe"], "resume='maybe' is not one of"),
    ],
)
def test_a_mistake_is_told_in_one_message_before_anything_runs(tmp_path: Path, words: list[str], says: str):
    done = train(tmp_path, *words, "hydra.sweep.dir=study")
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("study/[0-9]*"))


def test_bare_edits_change_a_single_run():
    words = hydra_arguments(
        ["steps=10", "batch_size@mul=1.4", "ot.loss_config.features.*.weight_embed@mul=2"]
    )
    assert words[:2] == ["steps=10", "batch_size=22"]
    assert "ot.loss_config.features.0.weight_embed=0.1" in words


@pytest.mark.parametrize("flag", [["--config-dir", "{}"], ["--config-dir={}"], ["-cd", "{}"]])
def test_a_single_run_with_configs_of_its_own_is_edited(flag, tmp_path):
    """Where configs lie does not make a run a study, whose sweeper would apply the edits."""
    where = [word.format(tmp_path) for word in flag]
    assert hydra_arguments([*where, "steps@mul=2"])[-1] == f"steps={2 * composed([])[0]['steps']}"
    assert hydra_arguments([*where, "-m", "steps@mul=2"])[-1] == "hydra.sweeper.edits=['steps@mul=2']"


def test_edits_of_a_multirun_go_to_the_sweeper():
    words = hydra_arguments(["-m", "ot.loss_config.reg@mul=1.0,1.5", "rounds=3"])
    assert words == ["-m", "rounds=3", "hydra.sweeper.edits=['ot.loss_config.reg@mul=1.0,1.5']"]


def test_a_mapping_added_to_a_group_is_content_and_no_second_choice():
    assert hydra_arguments(["-m", "+variants={a:{ot.lambda_ot@set:0.2}}", "+cluster=local"]) == [
        "-m",
        "+variants={a:{ot.lambda_ot@set:0.2}}",
        "cluster=local",
    ]


def test_a_mapping_for_a_group_is_laid_over_its_file_and_a_class_takes_its_place():
    """Keys that the file does not have are no mistake: a rule of one's own, a strategy with its settings."""
    strategy = "strategy={_target_: autoloop.strategies.RulesStrategy, parents: 3}"
    rule = "rules={mine: {_target_: autoloop.rules.Fallback, edits: ['ot.lambda_ot@mul=2']}, plateau: null}"
    words = hydra_arguments(["-m", strategy, rule])
    assert words == ["-m", "~strategy", f"+{strategy}", f"++{rule}"]
    config, _ = composed(words[1:])
    assert config["strategy"] == {"_target_": "autoloop.strategies.RulesStrategy", "parents": 3}
    assert config["rules"]["plateau"] is None and "mine" in config["rules"] and "gentle" in config["rules"]


@pytest.mark.parametrize("word", ["strategy=rules", "strategy={_target_: autoloop.strategies.RulesStrategy}"])
def test_a_strategy_without_a_sampler_may_be_chosen(tmp_path: Path, word: str):
    """The space that the task brings is not used then, which the plan says."""
    done = train(tmp_path, "-m", "dry_run=true", "rounds=2", word)
    assert done.returncode == 0, done.stderr
    assert "strategy RulesStrategy has no sampler, so the space is not used" in done.stdout


def test_settings_of_a_study_without_m_are_told_and_the_job_is_trained(capsys: pytest.CaptureFixture[str]):
    """What a single run heeds too is no matter for a word."""
    check_meant(["rounds=3", "gpus=[0]", "steps=5", "patience=2"])
    told = "autoloop: without -m only one job is trained, whatever rounds=3, patience=2 says: add -m\n"
    assert capsys.readouterr().err == told
    check_meant(["gpus=[0]", "steps=5"])
    check_meant(["-m", "rounds=3"])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("task", "watched"), [("command", False), ("lerobot", False), ("lerobot_act_ot", True)]
)
def test_a_trainer_of_ones_own_has_the_stop_rules_of_any_app(task: str, watched: bool):
    """The transport plan is a matter of the task that has one."""
    config, _ = composed([f"task={task}"])
    assert ("no_mass" in config["stop_rules"]) is watched


def test_a_group_with_a_package_is_hydras_own_syntax():
    assert "variants" in config_groups()
    assert hydra_arguments(["variants@hydra.sweeper.variants=act_ot"]) == [
        "variants@hydra.sweeper.variants=act_ot"
    ]
