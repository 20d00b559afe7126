"""A climb in whole studies: the best of a short search trained for longer, and what is said of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from autoloop.loop.score import levels, winner
from tests.helpers.flow_app.launch import Ran, run

APP = Path(__file__).with_name("climb_app.py")
CONTINUES = "hydra.sweeper.continues={checkpoint:last.json,keep:{save:true},set:{resume_from:'{checkpoint}'}}"
VARIANTS = "hydra.sweeper.variants={fast:{speed@set:10.0,floor@set:0.3},slow:{speed@set:0.5}}"
WORDS = (VARIANTS, "hydra.sweeper.climb=[10,100,1000]", "hydra.sweeper.keep=[2,1]")
METRICS = "hydra.sweeper.metrics={objective:loss,goals:{loss:min}}"


def climb(study_dir: Path, *words: str) -> Ran:
    return run(study_dir, *words, app=APP, metrics=METRICS)


def trained(ran: Ran) -> dict[str, tuple[int, int]]:
    """Name of each job -> the steps that it trained from and to."""
    found = {}
    for job in ran.study.counted():
        told = json.loads((ran.study_dir / job.run_dir / "trained.json").read_text())
        found[job.name] = (told["from"], told["to"])
    return found


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return climb(tmp_path_factory.mktemp("climb") / "study", *WORDS, CONTINUES)


def test_the_best_of_each_level_go_up_from_their_checkpoints(ran: Ran) -> None:
    """The search has the first length; no step is paid twice; the baseline climbs along below the top."""
    assert ran.code == 0, ran.output
    assert trained(ran) == {
        "baseline": (0, 10),
        "fast": (0, 10),
        "slow": (0, 10),
        "fast-100": (10, 100),
        "baseline-100": (10, 100),
        "fast-1000": (100, 1000),
    }
    parents = {job.name: job.plan.parent for job in ran.study.counted() if job.rule == "climb"}
    assert parents == {"fast-100": "fast", "baseline-100": "baseline", "fast-1000": "fast-100"}
    assert [level.length for level in levels(ran.study)] == [100, 1000]


def test_the_winner_is_the_longest_run_with_its_command_and_its_checkpoint(ran: Ran) -> None:
    best = winner(ran.study)
    assert best is not None
    assert best.name == "fast-1000"
    stored = yaml.safe_load((ran.study_dir / "best.yaml").read_text())
    assert stored["name"] == "fast-1000"
    assert stored["trained_to"] == [100, 1000]
    assert stored["objective"]["baseline"] is None  # none was trained that far
    assert f"its checkpoint: {ran.study_dir / best.run_dir / 'last.json'}" in ran.output
    sentence = next(line for line in ran.output.splitlines() if "the study ends after" in line)
    assert (
        "at length 100 the best is fast-100, objective 0.300045, 18.4 % better than baseline-100" in sentence
    )
    assert "1 of 1 pair in the order of the level below (Kendall's tau 1)" in sentence
    assert sentence.endswith("the one to use is fast-1000")


def test_results_of_other_lengths_are_no_gain_and_no_noise(ran: Ran) -> None:
    """A longer run is compared with what ran as long, never with its short parent."""
    best = ran.study.best()
    assert best is not None
    assert best.name == "fast"
    page = next((ran.study_dir / "reports").glob("*.md")).read_text()
    assert "fast-1000" in page


def test_the_same_command_again_has_nothing_to_do(ran: Ran) -> None:
    before = (ran.study_dir / "study.jsonl").read_text()
    again = climb(ran.study_dir, *WORDS, CONTINUES, "hydra.sweeper.resume=true")
    assert again.code == 0, again.output
    assert "nothing is left to do" in again.output
    events = [json.loads(line)["event"] for line in (ran.study_dir / "study.jsonl").read_text().splitlines()]
    assert events[: len(before.splitlines())] == [json.loads(line)["event"] for line in before.splitlines()]
    assert "round" not in events[len(before.splitlines()) :]


def test_a_leader_that_loses_at_the_longer_length_is_replaced_by_the_baseline(tmp_path: Path) -> None:
    words = (VARIANTS, "hydra.sweeper.climb=[10,1000,2000]", "hydra.sweeper.keep=[1,1]")
    ran = climb(tmp_path / "study", *words)
    assert ran.code == 0, ran.output
    assert [job.name for job in ran.study.counted() if job.rule == "climb"] == [
        "fast-1000",
        "baseline-1000",
        "baseline-2000",
    ]
    assert "the starting point itself" in ran.output
    assert "it takes the place of fast, which led before" in ran.output


def test_a_run_that_diverges_at_the_longer_length_gives_its_place_to_the_next(tmp_path: Path) -> None:
    variants = "hydra.sweeper.variants={fast:{speed@set:10.0,breaks_at@set:50},slow:{speed@set:0.5}}"
    broken = "hydra.sweeper.metrics={objective:loss,goals:{loss:min},finite:[loss]}"
    ran = run(
        tmp_path / "study",
        variants,
        "hydra.sweeper.climb=[10,100]",
        app=APP,
        metrics=broken,
    )
    names = {job.name: job.state.value for job in ran.study.counted() if job.rule == "climb" and job.state}
    assert names == {"fast-100": "INFEASIBLE", "baseline-100": "COMPLETE"}
    assert "the one to use is baseline-100" in ran.output


@pytest.mark.slow
def test_a_finished_search_climbs_when_that_is_asked_for_later(tmp_path: Path) -> None:
    """Its runs kept no checkpoints, so the longer ones start anew; none of the search runs twice."""
    first = climb(tmp_path / "study", VARIANTS, "steps=10")
    assert first.code == 0, first.output
    more = ("steps=10", VARIANTS, "hydra.sweeper.climb=[10,100]", CONTINUES, "hydra.sweeper.resume=true")
    ran = climb(tmp_path / "study", *more)
    assert ran.code == 0, ran.output
    assert trained(ran)["fast-100"] == (0, 100)
    assert len(ran.study.counted()) == 4


@pytest.mark.slow
def test_a_climb_that_is_cut_anywhere_ends_as_it_did(ran: Ran, tmp_path: Path) -> None:
    lines = (ran.study_dir / "study.jsonl").read_text().splitlines(keepends=True)
    kinds = [json.loads(line)["event"] for line in lines]
    closing = kinds.index("closing")
    for cut in (closing, *(n for n, kind in enumerate(kinds) if kind == "round" and n > closing)):
        study_dir = tmp_path / str(cut)
        shutil.copytree(ran.study_dir, study_dir)
        (study_dir / "study.jsonl").write_text("".join(lines[: cut + 1]))
        again = climb(study_dir, *WORDS, CONTINUES, "hydra.sweeper.resume=true")
        assert again.code == 0, again.output
        assert [(job.name, job.objective) for job in again.study.counted()] == [
            (job.name, job.objective) for job in ran.study.counted()
        ]


def test_a_length_that_contradicts_the_climb_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="contradict each other"):
        climb(tmp_path / "study", "steps=20", "hydra.sweeper.climb=[10,100]")
