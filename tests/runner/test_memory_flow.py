"""A study that learns from earlier ones, as a user runs it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from autoloop.views.report.why import why
from tests.helpers.flow_app.launch import Ran, always, run

VARIANTS = (
    "hydra.sweeper.variants={good:{lr@mul:20},worse:{lr@mul:0.1},wild:{lr@set:5.0},wilder:{lr@set:9.0}}"
)
WILD = ("diverge_above=1.0", "hydra.sweeper.stop_rules=none")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    ran = run(tmp_path_factory.mktemp("first") / "one", VARIANTS, *WILD)
    assert ran.code == 0, ran.output
    return ran


def test_round_1_tries_what_was_better_before(first: Ran, tmp_path: Path) -> None:
    """From another baseline; the worse one is not tried, and the reason names study and trial."""
    words = ("lr=0.02", f"hydra.sweeper.learn_from=[{first.study_dir}]", "hydra.sweeper.rounds=2")
    ran = run(tmp_path / "two", *words, always("faster", "lr@mul=1.1"))
    assert ran.code == 0, ran.output
    remembered = [job for job in ran.study.counted() if job.rule == "remembered"]
    assert [job.plan.edits for job in remembered] == [("lr@set=0.2",)]
    assert ran.study.of_round(1) == [ran.study.jobs[0], remembered[0]]
    assert f"Learns from {first.study_dir}: 2 trials beside its baseline, 1 of them better." in ran.output
    report = next((ran.study_dir / "reports").glob("*.md")).read_text()
    assert "2 trials beside its baseline" in report
    told = why(ran.study, remembered[0].name)
    assert str(first.study_dir) in told
    assert "(good)" in told


def test_the_sampler_has_earlier_trials_as_a_prior_and_nothing_goes_where_jobs_failed_before(
    first: Ran, tmp_path: Path
) -> None:
    """Each with the study that it is known from: in the sampler's reason, in the refusal, in the journal."""
    words = ("lr=0.02", f"hydra.sweeper.learn_from=[{first.study_dir}]", "hydra.sweeper.rounds=2")
    mixed = (
        "hydra.sweeper.strategy=mixed",
        "hydra.sweeper.probe=false",
        "hydra.sweeper.bounds={lr:[0.001,100.0]}",
    )
    ran = run(tmp_path / "two", *words, *mixed, always("wild", "lr@set=6.0"))
    assert ran.code == 0, ran.output
    sampled = [job.plan.reason for job in ran.study.counted() if job.rule == "sample"]
    assert any(f"5 trials of {first.study_dir} (weight 0." in reason for reason in sampled)
    refused = [one.why for group in ran.study.refused.values() for one in group if one.rule == "wild"]
    assert any(f"lies where jobs 3 and 4 of {first.study_dir} failed" in why for why in refused)
    learnt = ran.study.header.learnt
    assert learnt is not None
    assert any(line.startswith("No job goes to lr from 5.0 on") for line in learnt.notes)
    assert all(job.objective < 10 for job in ran.study.counted())


@pytest.mark.slow
def test_a_study_goes_on_when_the_earlier_one_is_gone(first: Ran, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(first.study_dir, old)
    words = ("lr=0.02", f"hydra.sweeper.learn_from=[{old}]", "hydra.sweeper.resume=true")
    rule = always("faster", "lr@mul=1.1")
    ran = run(tmp_path / "two", *words, "hydra.sweeper.rounds=2", rule)
    shutil.rmtree(old)
    again = run(tmp_path / "two", *words, "hydra.sweeper.rounds=3", rule)
    assert again.code == 0, again.output
    assert len(again.study.jobs) > len(ran.study.jobs)


def test_a_study_of_another_objective_is_refused_with_the_reason(first: Ran, tmp_path: Path) -> None:
    words = (f"hydra.sweeper.learn_from=[{first.study_dir}]", "hydra.sweeper.rounds=2")
    with pytest.raises(AssertionError) as error:  # nothing was launched, so that there is no journal
        run(tmp_path / "two", *words, metrics="hydra.sweeper.metrics={objective:loss}")
    assert "is judged by eval/loss, not by loss" in str(error.value)
    assert "Traceback" not in str(error.value)


def test_a_directory_without_a_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="holds no study to learn from"):
        run(tmp_path / "two", f"hydra.sweeper.learn_from=[{tmp_path}]", "hydra.sweeper.rounds=2")
