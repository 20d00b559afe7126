"""Populations in whole studies: members train on, and copies of the best take the places of the worst."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from autoloop.loop.score import verdicts, winner
from autoloop.study.record import Job
from autoloop.views.report.why import why
from tests.helpers.flow_app.launch import Ran, always, run

APP = Path(__file__).with_name("warm_app.py")
CONTINUES = (
    "hydra.sweeper.continues={checkpoint:'step_*.json',keep:{save_freq:10},"
    "set:{resume_from:'{checkpoint}'},knobs:[rate]}"
)
VARIANTS = "hydra.sweeper.variants={quick:{rate@set:3.0},slow:{rate@set:0.2},wide:{width@add:1}}"
WORDS = ("hydra.sweeper.strategy=population", "hydra.sweeper.rounds=3", "steps=30", CONTINUES)
METRICS = "hydra.sweeper.metrics={objective:loss,goals:{loss:min}}"


def breed(study_dir: Path, *words: str) -> Ran:
    return run(study_dir, *WORDS, *words, app=APP, metrics=METRICS)


def trained(ran: Ran, job: Job) -> tuple[int, int]:
    """The steps that a job trained from and to."""
    told = json.loads((ran.study_dir / job.run_dir / "trained.json").read_text())
    return told["from"], told["to"]


HALVE = always("calmer", "rate@mul=0.5")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Three generations of the baseline and three variants; a rule halves the rate of what is copied."""
    return breed(tmp_path_factory.mktemp("population") / "study", VARIANTS, HALVE)


def test_members_train_on_and_the_worst_is_replaced(ran: Ran) -> None:
    """Each part is trained once: the steps of four whole runs in all."""
    assert ran.code == 0, ran.output
    steps = {job.name: trained(ran, job) for job in ran.study.counted()}
    assert steps == {
        **dict.fromkeys(("baseline", "quick", "slow", "wide"), (0, 10)),
        **dict.fromkeys(("baseline-20", "quick-20", "wide-20", "r2_calmer"), (10, 20)),
        **dict.fromkeys(("baseline-30", "quick-30", "r2_calmer-30", "r3_calmer"), (20, 30)),
    }
    assert ran.study.trained == 4 * 30
    copy = ran.study.by_name("r2_calmer")
    assert copy is not None
    assert (copy.plan.parent, copy.begins_of, copy.plan.evidence["replaces"]) == ("quick", "quick", "slow")
    assert [change.path for change in copy.plan.changes] == ["rate"]  # neither checkpoint nor length


def test_the_numbers_are_those_of_one_run(ran: Ran) -> None:
    """What went on without an edit has lost nothing on the way."""
    job = ran.study.by_name("quick-30")
    assert job is not None
    assert job.objective == pytest.approx(0.7**30 + 0.03)


def test_the_winner_is_of_the_last_generation_and_is_a_schedule(ran: Ran) -> None:
    best = winner(ran.study)
    assert best is not None
    assert best.name == "r3_calmer"
    assert best.objective == pytest.approx(0.7**10 * 0.85**10 * 0.925**10 + 0.0075)
    sentence = next(line for line in ran.output.splitlines() if "the study ends after" in line)
    assert "better than baseline-30 at the same seed" in sentence
    assert "it begins as quick; from step 10 rate=1.5; from step 20 rate=0.75" in sentence
    assert f"its checkpoint: {ran.study_dir / best.run_dir / 'step_030.json'}" in ran.output


def test_to_run_it_again_is_to_run_its_parts(ran: Ran) -> None:
    stored = yaml.safe_load((ran.study_dir / "best.yaml").read_text())
    parts = stored["command"].split(" && ")
    assert len(parts) == 3
    assert "rate=3.0" in parts[0]
    assert "resume_from" not in parts[0]
    assert "resume_from" in parts[2]
    assert [(one["name"], one["from_step"], one["changed"]) for one in stored["schedule"]] == [
        ("quick", 0, {"rate": 3.0}),
        ("r2_calmer", 10, {"rate": 1.5}),
        ("r3_calmer", 20, {"rate": 0.75}),
    ]
    baseline = ran.study.by_name("baseline-30")
    assert baseline is not None
    assert stored["objective"]["baseline"] == pytest.approx(baseline.objective)


def test_a_copy_is_judged_beside_what_its_parent_came_to(ran: Ran) -> None:
    """The same length, the same first part, the same seed: only the edit differs."""
    copy = ran.study.by_name("r2_calmer")
    assert copy is not None
    told = why(ran.study, "r2_calmer")
    assert "takes the place of slow, number 4 of 4 results, as a copy of quick, number 1 of 4 results" in told
    assert "goes on from step 10 of quick" in told
    assert "at the same length" in told
    assert set(verdicts(ran.study)) == {1, 2, 3, copy.place, copy.place + 4}
    page = next((ran.study_dir / "reports").glob("*.md")).read_text()
    assert "from step 10 rate=1.5" in page


def test_a_study_that_is_cut_anywhere_ends_as_it_did(ran: Ran, tmp_path: Path) -> None:
    """Killed with a generation half run: what ran is not run again, and the same copies are made."""
    lines = (ran.study_dir / "study.jsonl").read_text().splitlines(keepends=True)
    second = next(n for n, line in enumerate(lines) if json.loads(line).get("round") == 2)
    shutil.copytree(ran.study_dir, tmp_path / "study")
    (tmp_path / "study" / "study.jsonl").write_text("".join(lines[: second + 4]))
    again = breed(tmp_path / "study", VARIANTS, HALVE, "hydra.sweeper.resume=true")
    assert again.code == 0, again.output
    assert [(job.name, job.objective) for job in again.study.counted()] == [
        (job.name, job.objective) for job in ran.study.counted()
    ]


@pytest.mark.slow
def test_a_study_goes_on_with_the_length_that_its_generations_had(ran: Ran, tmp_path: Path) -> None:
    """Another round is another generation, not shorter ones."""
    shutil.copytree(ran.study_dir, tmp_path / "study")
    more = ("hydra.sweeper.resume=true", "hydra.sweeper.rounds=4")
    again = breed(tmp_path / "study", VARIANTS, HALVE, *more)
    assert again.code == 0, again.output
    last = [job for job in again.study.counted() if job.round == 4]
    assert len(last) == 4
    assert {trained(again, job) for job in last} == {(30, 40)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["hydra.sweeper.climb=[10,20]"], "strategy=population and climb do not go together"),
        (["hydra.sweeper.warm_start=true"], "warm_start"),
        (["hydra.sweeper.seeds=2"], "seeds=2"),
        (["hydra.sweeper.barrier=false"], "barrier=false"),
        (["hydra.sweeper.rounds=1"], "rounds=1 do not go together: a round is a generation"),
        (["hydra.sweeper.continues=null"], "needs to know how this trainer continues: set continues"),
        (["steps=20,30"], "all members have the same length"),
        (["steps=2"], "steps=2 cannot be divided among 3 rounds"),
    ],
)
def test_what_has_no_generations_is_refused(tmp_path: Path, words: list[str], told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        breed(tmp_path / "study", *words)
