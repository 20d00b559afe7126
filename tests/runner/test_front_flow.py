"""Whole studies of two objectives and of constraints, through launchers with a supervisor and without."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from autoloop.curves.metrics import Metrics
from autoloop.errors import ConfigError
from autoloop.loop.score import front
from autoloop.study.record import Study
from autoloop.views.export.mirror import OptunaMirror
from autoloop.views.export.optuna import export_optuna
from autoloop.views.promote import promoted_command
from autoloop.views.serve.observed import Observed
from autoloop.views.serve.pieces import result
from tests.helpers.flow_app.launch import Ran, run

APP = Path(__file__).with_name("front_app.py")
SPACE = ("x=interval(0,5)", "y=interval(0,3)")


def study(study_dir: Path, *words: str) -> Ran:
    """Run a study that turns x and y; a word of no other place is a setting of the sweeper."""
    app = ("returns=", "hydra", "megabytes=")
    given = [word if word.startswith(app) else f"hydra.sweeper.{word}" for word in words]
    start = "hydra.sweeper.strategy=mixed", "hydra.sweeper.rules=null", *SPACE
    return run(study_dir, *start, *given, app=APP, metrics="hydra.sweeper.metrics.stat=last")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A study of the numbers of a tuple."""
    words = ("returns=tuple", "direction=[minimize,minimize]", "n_trials=6")
    return study(tmp_path_factory.mktemp("front") / "study", *words)


@pytest.mark.slow
def test_a_tuple_and_a_list_of_directions_make_a_front(found: Ran):
    """The front is in the headline, with the command of each point, and as the Optuna sweeper writes it."""
    assert found.code == 0, found.output
    points = front(found.study)
    assert len(points) > 1 and found.study.header.aims.by_place
    best = yaml.safe_load((found.study_dir / "best.yaml").read_text())
    assert [one["name"] for one in best["front"]] == [job.name for job in points]
    assert all("front_app.py" in one["command"] for one in best["front"])
    results = yaml.safe_load((found.study_dir / "optimization_results.yaml").read_text())
    assert [one["values"] for one in results["solutions"]] == [list(job.losses) for job in points]
    assert f"the front has {len(points)} trials: {points[0].name} (objective_0 " in found.output
    page = (found.study_dir / "reports" / "report.html").read_text()
    assert 'id="front"' in page and "objective_1 against objective_0" in page


def test_the_page_shows_the_front_and_how_it_grew(found: Ran):
    """As the report does: one objective has neither."""
    drawn = result(Observed(found.study_dir))
    assert 'id="front"' in drawn and "hypervolume of the front" in drawn


def test_a_killed_study_of_a_front_goes_on_where_it_was(found: Ran):
    """Replayed from its first lines it knows the same numbers."""
    lines = (found.study_dir / "study.jsonl").read_text()
    cut = found.study_dir.with_name("cut")
    cut.mkdir()
    kept = [line for line in lines.splitlines(keepends=True) if json.loads(line)["event"] != "stop"][:-6]
    (cut / "study.jsonl").write_text("".join(kept))
    went_on = study(cut, "returns=tuple", "direction=[minimize,minimize]", "n_trials=6")
    assert went_on.code == 0, went_on.output
    assert len(went_on.study.counted()) == 6 and front(went_on.study)


def test_other_goals_are_another_study(found: Ran):
    other = study(
        found.study_dir, "returns=tuple", "direction=[minimize,maximize]", "n_trials=9", "resume=true"
    )
    assert other.code != 0 and "aims.objectives" in other.output


def test_optuna_gets_all_objectives(found: Ran, tmp_path: Path):
    """As an export, and as it goes: directions, values, and the same best trials."""
    optuna = pytest.importorskip("optuna")
    names = {job.name for job in front(found.study)}
    storage = f"sqlite:///{tmp_path / 'a.db'}"
    export_optuna(found.study, found.study_dir, storage, "it", Metrics())
    OptunaMirror(storage, "live").update(found.study)
    for name in ("it", "live"):
        loaded = optuna.load_study(study_name=name, storage=storage)
        assert [one.name for one in loaded.directions] == ["MINIMIZE", "MINIMIZE"]
        assert {trial.user_attrs["name"] for trial in loaded.best_trials} == names


def test_no_point_of_a_front_is_promoted_unasked(found: Ran):
    point = front(found.study)[0]
    with pytest.raises(ConfigError, match=f"has a front and no best job; name one of {point.name}"):
        promoted_command(found.study, None, [])
    assert "returns=tuple" in promoted_command(found.study, point.name, [])


@pytest.mark.slow
def test_constraints_on_what_is_returned_and_on_what_is_measured(tmp_path: Path):
    """A job that takes too much memory never wins; what was measured stands in its numbers."""
    ran = study(
        tmp_path / "study",
        "returns=dict",
        "objectives={cost: min, miss: min}",
        'constraints={reach: "<= 25", mem_gb: "< 0.3", wall_s: "< 600", gpu_mem_gb: "< 1"}',
        "variants={lean: {x@set: 4.0}, fat: {x@set: 4.0, y@set: 2.0, megabytes@set: 400}}",
        "rounds=1",
        "hydra/launcher=slots",
        "hydra.launcher.n_jobs=3",
        "hydra.launcher.gpus=[]",
    )
    assert ran.code == 0, ran.output
    by_name = {job.name: job for job in ran.study.counted()}
    lean, fat = by_name["lean"], by_name["fat"]
    assert 0.39 < fat.details.values["mem_gb"] < 2 and lean.details.values["mem_gb"] < 0.3
    assert fat.details.values["gpu_mem_gb"] == 0 and 0 < fat.details.values["wall_s"] < 600
    assert lean.feasible and not fat.feasible
    assert fat.name not in [job.name for job in front(ran.study)]
    assert "breaks a constraint: mem_gb" in ran.output


def test_one_objective_without_a_feasible_trial_says_so(tmp_path: Path):
    ran = study(tmp_path / "study", "returns=one", 'constraints={return_value: "<= -1"}', "n_trials=2")
    assert ran.code == 0 and "no feasible trial: each of the 2 trials with a result breaks" in ran.output
    assert not (ran.study_dir / "best.yaml").exists()


@pytest.mark.slow
def test_what_nobody_can_measure_or_count_is_told(tmp_path: Path):
    """Before anything runs where that is known by then; else with the job, and the study ends as failed."""
    with pytest.raises(AssertionError, match="hydra/launcher=basic has none: choose hydra/launcher=slots"):
        study(tmp_path / "a", "returns=one", 'constraints={mem_gb: "<= 1"}', "n_trials=2")  # no journal
    three = study(tmp_path / "b", "returns=dict", "direction=[minimize,minimize]", "n_trials=2")
    assert three.code == 1
    assert "the task returned 3 numbers, and direction has 2" in three.output


def test_a_study_without_them_has_no_word_of_it_in_its_journal(tmp_path: Path):
    ran = study(tmp_path / "study", "returns=one", "n_trials=1")
    text = (ran.study_dir / "study.jsonl").read_text()
    assert ran.code == 0 and isinstance(ran.study, Study)
    trials = "".join(line for line in text.splitlines() if '"event": "trial"' in line)
    assert '"aims"' not in text and '"values"' not in trials and '"several"' not in text
