"""Warm starts in whole studies: children go on from the middle of a run, and what is believed did not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from autoloop.loop.score import verdicts, winner
from autoloop.study.record import Job
from autoloop.views.report.why import why
from tests.helpers.flow_app.launch import Ran, always, run

APP = Path(__file__).with_name("warm_app.py")
CONTINUES = (
    "hydra.sweeper.continues={checkpoint:step_020.json,halfway:'step_*.json',keep:{save_freq:'{halfway}'},"
    "set:{resume_from:'{checkpoint}'},knobs:[rate]}"
)
WORDS = ("hydra.sweeper.warm_start=true", CONTINUES, "hydra.sweeper.rounds=3", "hydra.sweeper.probe=false")
METRICS = "hydra.sweeper.metrics={objective:loss,goals:{loss:min}}"


def warm(study_dir: Path, *words: str) -> Ran:
    return run(study_dir, *WORDS, *words, app=APP, metrics=METRICS)


def trained(ran: Ran, job: Job) -> tuple[int, int]:
    """The steps that a job trained from and to."""
    told = json.loads((ran.study_dir / job.run_dir / "trained.json").read_text())
    return told["from"], told["to"]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A study whose rule doubles the rate of the baseline, then of its child."""
    return warm(tmp_path_factory.mktemp("warm") / "study", always("faster", "rate@mul=2"))


def test_children_train_the_second_half_alone(ran: Ran) -> None:
    """A child of a child too goes on from the one run that has a first half."""
    assert ran.code == 0, ran.output
    steps = {job.name: trained(ran, job) for job in ran.study.counted()}
    assert steps == {
        "baseline": (0, 20),
        "r2_faster": (10, 20),
        "r3_faster": (10, 20),
        "r3_faster-anew": (0, 20),
    }
    sources = {job.name: job.begins_of for job in ran.study.counted() if ran.study.is_warm(job)}
    assert sources == {"r2_faster": "baseline", "r3_faster": "baseline"}
    assert ran.study.trained == 20 + 10 + 10 + 20


def test_a_warm_start_says_so_wherever_it_is_told_of(ran: Ran) -> None:
    told = why(ran.study, "r3_faster")
    assert "goes on from step 10 of baseline" in told
    assert "from_step = 10" in told
    job = ran.study.by_name("r3_faster")
    assert job is not None
    assert job.plan.parent == "r2_faster"
    assert [change.path for change in job.plan.changes] == ["rate"]  # the checkpoint is no change of a knob
    page = next((ran.study_dir / "reports").glob("*.md")).read_text()
    assert "goes on from step 10 of baseline" in page


def test_the_winner_was_trained_from_the_beginning(ran: Ran) -> None:
    """The warm start that led is trained anew, and that run's result and command are the study's."""
    best = winner(ran.study)
    assert best is not None
    assert best.name == "r3_faster-anew"
    assert best.objective == pytest.approx(0.8**20 + 0.02)
    stored = yaml.safe_load((ran.study_dir / "best.yaml").read_text())
    assert stored["name"] == "r3_faster-anew"
    assert not [word for word in stored["overrides"] if "resume_from" in word]
    assert "the best is r3_faster-anew" in ran.output
    assert set(verdicts(ran.study)) == {1, 2}  # a child and its parent; anew is no idea


@pytest.mark.slow
def test_a_warm_start_that_does_not_hold_from_the_beginning_is_not_the_winner(tmp_path: Path) -> None:
    """Slow at the end, the second half gains; slow from the beginning nothing is learnt in time."""
    ran = warm(tmp_path / "study", "rate=4.0", "steps=40", always("slower", "rate@mul=0.2"))
    assert ran.code == 0, ran.output
    names = [job.name for job in ran.study.counted()]
    assert "r2_slower-anew" in names or "r3_slower-anew" in names
    best = winner(ran.study)
    assert best is not None
    assert not ran.study.is_warm(best)


def test_an_edit_that_a_continued_run_does_not_heed_starts_anew(tmp_path: Path) -> None:
    """The width is the checkpoint's: a run with another one would fail."""
    ran = warm(tmp_path / "study", "hydra.sweeper.rounds=2", always("wider", "width@add=1"))
    assert ran.code == 0, ran.output
    job = ran.study.by_name("r2_wider")
    assert job is not None
    assert trained(ran, job) == (0, 20)
    assert not ran.study.is_warm(job)
    assert winner(ran.study) is job


@pytest.mark.slow
def test_the_same_command_again_has_nothing_to_do(ran: Ran) -> None:
    again = warm(ran.study_dir, always("faster", "rate@mul=2"), "hydra.sweeper.resume=true")
    assert again.code == 0, again.output
    assert "nothing is left to do" in again.output


@pytest.mark.slow
def test_a_study_that_began_without_starts_its_next_children_anew(tmp_path: Path) -> None:
    """Its runs left no checkpoint halfway, and their configs stay as they were."""
    rule = always("faster", "rate@mul=2")
    first = run(tmp_path / "study", rule, "hydra.sweeper.rounds=2", app=APP, metrics=METRICS)
    assert first.code == 0, first.output
    ran = warm(tmp_path / "study", rule, "hydra.sweeper.resume=true")
    assert ran.code == 0, ran.output
    assert [trained(ran, job)[0] for job in ran.study.counted()] == [0, 0, 0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "told"),
    [(["hydra.sweeper.seeds=2"], "contradict each other"), (["steps=1"], "steps=1 has no half")],
)
def test_what_cannot_be_started_warm_is_refused(tmp_path: Path, words: list[str], told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        warm(tmp_path / "study", *words)
