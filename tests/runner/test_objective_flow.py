"""Whole studies of an accuracy, of which the user says nothing, or no more than a direction."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import yaml

from autoloop.views.analysis.sources import study_metrics
from tests.helpers import warm
from tests.helpers.flow_app.launch import Ran, run
from tests.helpers.places import ROOT

APP = Path(__file__).with_name("objective_app.py")


def study(study_dir: Path, *words: str, metrics: str = "hydra.sweeper.metrics.stat=last") -> Ran:
    """Run a baseline and a better child, and what rules make of them."""
    better = "hydra.sweeper.variants={better:{lr@mul:2}}"
    return run(study_dir, better, "hydra.sweeper.rounds=2", *words, app=APP, metrics=metrics)


@pytest.mark.parametrize(
    ("words", "metric", "said"),
    [
        (["returns=number", "logs=true"], "", "it is the last value of val/acc, which is best high"),
        (["returns=number", "optimized_metric=val/acc"], "", "the config calls it val/acc"),
        (["returns=number", "optimized_metric=${told_by_task:val/acc}"], "", "the config calls it val/acc"),
        (["returns=number", "hydra.sweeper.direction=maximize"], "", ""),
        (["returns=dict"], "val/acc", "of 2 returned numbers it says most"),
        (["returns=none", "logs=true"], "val/acc", "the task returned None, and of 3 logged metrics it says"),
    ],
    ids=[
        "its metric",
        "its name in the config",
        "a name that only the task reads",
        "direction",
        "dict",
        "curves",
    ],
)
@pytest.mark.slow
def test_the_better_accuracy_wins_everywhere(
    tmp_path: Path, words: list[str], metric: str, said: str
) -> None:
    """Direction and metric reach rules, journal, terminal, report and best.yaml alike."""
    ran = study(tmp_path / "study", *words)
    assert ran.code == 0, ran.output
    assert (ran.study.aim.metric, ran.study.aim.goal) == (metric, "max")
    assert study_metrics(ran.study).goal == "max"
    found = max(ran.study.counted(), key=lambda job: job.objective)  # `better`, or what rules made of it
    assert found.objective >= 0.8 and said in ran.output
    assert f"the best is {found.name} (job {found.job}), objective {found.objective:.6g}" in ran.output
    assert "worse" not in ran.output and "at the same seed" not in ran.output
    best = yaml.safe_load((ran.study_dir / "best.yaml").read_text())
    assert (best["name"], best["objective"]["goal"]) == (found.name, "max")
    (report,) = (ran.study_dir / "reports").glob("*.md")
    assert said in report.read_text() and "(higher is better)" in report.read_text()


def test_the_plan_tells_of_one_direction(tmp_path: Path) -> None:
    """What it calls the objective is what its rules go by."""
    words = [
        "-m",
        "hydra/sweeper=autoloop",
        "hydra.sweeper.dry_run=true",
        "hydra.sweeper.detail=full",
        "optimized_metric=val/acc",
    ]
    done = warm.run(
        [sys.executable, str(APP), *words, "returns=number", "hydra.sweeper.rounds=2"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert "the study maximises the returned value: the config calls it val/acc" in done.stdout
    assert "goal max" in done.stdout and "goal min" not in done.stdout


@pytest.mark.slow
def test_going_on_keeps_what_the_first_results_showed(tmp_path: Path) -> None:
    """The journal has it; nothing is asked again, and no setting seems changed."""
    words = ["returns=dict", "hydra.sweeper.resume=true"]
    study(tmp_path / "study", *words, "hydra.sweeper.rounds=1")
    ran = study(tmp_path / "study", *words)
    assert ran.code == 0, ran.output
    assert ran.study.aim.metric == "val/acc" and "the objective:" not in ran.output
    assert "the best is better" in ran.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["returns=tuple"], "the task returned a tuple of 2; nothing was logged"),
        (
            ["logs=true", "hydra.sweeper.metrics.objective=val/accc"],
            "no job has a value of val/accc; did you mean 'val/acc'?",
        ),
    ],
    ids=["tuple", "no such metric"],
)
@pytest.mark.slow
def test_a_study_with_nothing_to_judge_by_ends_after_round_1(
    tmp_path: Path, words: list[str], told: str
) -> None:
    """Exit code 1, what was returned and logged, and the knob to set."""
    ran = study(tmp_path / "study", *words)
    assert ran.code == 1 and len(ran.study.jobs) == 2
    assert told in ran.output and "hydra.sweeper.metrics.objective=" in ran.output
