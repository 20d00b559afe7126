"""Keeping score in whole studies: repeats, conditions, cooldown, the scorecard and the last sentence."""

from __future__ import annotations

import json
from pathlib import Path

from autoloop.loop.score import noise, verdicts
from tests.helpers.flow_app.launch import always, run

FASTER, IDLE = always("faster", "lr@mul=3"), always("idle", "momentum@mul=0.99")


def test_a_study_measures_its_noise_and_ends_with_one_sentence(tmp_path: Path) -> None:
    ran = run(
        tmp_path / "study",
        FASTER,
        "hydra.sweeper.rounds=9",
        "hydra.sweeper.noise={repeats:2}",
        "hydra.sweeper.until={good:{below:0.2}}",
        f"hydra.sweeper.scorecard={tmp_path / 'scorecard.json'}",
    )
    assert ran.code == 0, ran.output
    names = [job.name for job in ran.study.counted()]
    assert names == ["baseline", "baseline-seed6", "baseline-seed7", "r2_faster", "r3_faster", "r4_faster"]
    assert [job.plan.rule for job in ran.study.of_round(1)] == ["baseline", "repeat", "repeat"]
    assert noise(ran.study).seed_pct > 0
    assert ran.study.stopped is not None
    assert ran.study.stopped.reason.startswith("r4_faster meets every condition of until")
    sentence = next(line for line in ran.output.splitlines() if "the study ends after" in line)
    assert "6 jobs" in sentence
    assert "% better than baseline at the same seed" in sentence
    assert "run the best once more" in ran.output
    stored = json.loads((tmp_path / "scorecard.json").read_text())["studies"]
    assert [entry["verdict"] for entry in stored[str(tmp_path / "study")]] == ["better"] * 3


def test_a_knob_without_effect_is_frozen_and_the_refusal_says_so(tmp_path: Path) -> None:
    ran = run(tmp_path / "study", IDLE, "hydra.sweeper.rounds=5")
    assert [job.name for job in ran.study.counted()] == ["baseline", "r2_idle"]
    assert ran.study.stopped is not None
    assert "frozen: a step on momentum had no effect (r2_idle is 0 % worse than baseline)" in ran.output


def test_a_rule_that_made_things_worse_waits(tmp_path: Path) -> None:
    ran = run(tmp_path / "study", FASTER, "lr=0.32", "hydra.sweeper.rounds=5")
    assert [job.name for job in ran.study.counted()] == ["baseline", "r2_faster"]
    assert verdicts(ran.study)[ran.study.by_name("r2_faster").place].value == "worse"
    assert "faster waits on this lineage for 2 rounds" in ran.output


def test_without_cooldown_it_goes_on(tmp_path: Path) -> None:
    ran = run(tmp_path / "study", FASTER, "lr=0.32", "hydra.sweeper.rounds=3", "hydra.sweeper.cooldown=0")
    assert len(ran.study.counted()) == 3
