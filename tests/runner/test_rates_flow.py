"""Whole studies whose objective is 0 at the start, or 0 because a run diverged."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml

from autoloop.views.report.data import optimization_results
from tests.helpers.flow_app.launch import run

APP = Path(__file__).with_name("rates_app.py")
DOUBLE = (
    "hydra.sweeper.rules={use:none,up:{_target_:autoloop.rules.MetricLevel,metric:train/loss,above:0,stat:last,"
    "edits:['lr@mul=2']}}"
)


@pytest.mark.slow
def test_a_success_rate_of_0_is_beaten_and_the_gain_is_told(tmp_path: Path) -> None:
    """0 -> 0.3 -> 0.6 has a winner; terminal, report and best.yaml tell it."""
    ran = run(
        tmp_path / "study",
        DOUBLE,
        "hydra.sweeper.rounds=3",
        "hydra.sweeper.patience=1",
        app=APP,
        metrics="hydra.sweeper.metrics={goals:{return_value:max}}",
    )
    assert ran.code == 0, ran.output
    assert [job.objective for job in ran.study.counted()] == [0.0, 0.3, 0.6]
    assert "objective 0.6, 0.6 better than baseline (0) at the same seed (more than the noise" in ran.output
    best = yaml.safe_load((ran.study_dir / "best.yaml").read_text())
    assert (best["name"], best["objective"]["value"], best["objective"]["baseline"]) == ("r3_up", 0.6, 0.0)
    (report,) = (ran.study_dir / "reports").glob("*.md")
    assert "+0.6 (baseline 0)" in report.read_text()
    assert "+0.6 (baseline 0)" in (ran.study_dir / "reports" / "report.html").read_text()


@pytest.mark.slow
def test_a_run_that_hides_its_nan_is_infeasible_though_it_returns_0(tmp_path: Path) -> None:
    """It is no winner anywhere; a run whose gradient norm was infinite for a step is none of these."""
    ran = run(
        tmp_path / "study",
        "hydra.sweeper.rules={}",
        "returns=loss",
        "+hydra.sweeper.variants={wild:{lr@mul:8},calm:{lr@mul:2}}",
        app=APP,
        metrics="hydra.sweeper.metrics=general",
    )
    states = {job.name: job.state.value for job in ran.study.counted() if job.state}
    assert states == {"baseline": "COMPLETE", "wild": "INFEASIBLE", "calm": "COMPLETE"}
    wild = ran.study.by_name("wild")
    assert wild is not None
    assert (wild.details.return_value, wild.error) == (0.0, "train/grad_norm is not finite")
    assert math.isnan(wild.objective)
    assert ran.study.best().name == "baseline"  # type: ignore[union-attr]
    assert yaml.safe_load((ran.study_dir / "best.yaml").read_text())["name"] == "baseline"
    assert optimization_results(ran.study)["best_value"] == 1.2
