"""A job's runs are found wherever it wrote them, and never another job's."""

import json

import pytest

from autoloop.history import HistoryReader, find_runs, read_history
from autoloop.history.run_notes import LINK, NOTES, note
from tests.helpers import wandb_file as w


def job(study, name, **more):
    """Make a job's directory with notes of its mark, which is its name."""
    job_dir = study / name
    job_dir.mkdir(parents=True)
    note(job_dir, mark=name, places=[str(study.parent)], since=1_767_200_000.0, **more)
    return job_dir


def run(place, run_id, value, mark="", metric="loss", at="20260102_000000", ended=True):
    """Write a W&B run with one metric; its log lies in the cache of the job that has the mark."""
    run_dir = place / "wandb" / f"offline-run-{at}-{run_id}"
    (run_dir / "logs").mkdir(parents=True)
    records = [w.run(run_id), w.row(0, {metric: value}), *([w.exit_record()] if ended else [])]
    (run_dir / f"run-{run_id}.wandb").write_bytes(w.frame(records))
    if mark:
        log = f"/gone/{LINK}{mark}/wandb/logs/core-debug.log"
        (run_dir / "logs" / "debug-core.log").symlink_to(log)
    return run_dir


def value(path, metric="loss"):
    return read_history(path)[metric].values.tolist()


def test_each_job_finds_its_own_run_among_others(tmp_path):
    """By the mark in the shared directory; old runs, unmarked ones and the other job's are not taken."""
    a, b = job(tmp_path / "study", "aaaa"), job(tmp_path / "study", "bbbb")
    run(tmp_path, "old", 0.0, mark="aaaa", at="20200101_000000")
    run(tmp_path, "other", 9.0)
    run(tmp_path, "one", 1.0, mark="aaaa")
    run(tmp_path, "two", 2.0, mark="bbbb")
    assert (value(a), value(b)) == ([1.0], [2.0])
    assert {path.name[-3:] for path in find_runs(tmp_path / "study")} == {"one", "two"}


def test_a_job_without_a_run_says_where_it_was_looked_for(tmp_path):
    """Also beside the study; a run that is not its own is no answer."""
    run(tmp_path, "other", 9.0)
    problem = read_history(job(tmp_path / "study", "aaaa")).problem
    assert problem.endswith(f"in it, nor one of this job in {tmp_path}/wandb")


def test_noted_runs_are_found_in_any_directory(tmp_path):
    """What the job's process noted counts, marked or not; once it has noted all, nothing is looked for."""
    a = job(tmp_path / "study", "aaaa")
    note(a, run=str(run(tmp_path / "far", "far", 1.0)))
    note(a, closed=True)
    run(tmp_path, "late", 2.0, mark="aaaa", at="20260103_000000")
    assert value(a) == [1.0]


@pytest.mark.parametrize("how", ["nested", "marked", "noted"])
def test_runs_of_other_jobs_below_a_job_are_not_its_own(how, tmp_path):
    """A job's directory inside it, a run with another mark, or one that another job noted there."""
    a = job(tmp_path / "study", "aaaa")
    run(a, "own", 1.0, mark="aaaa")
    inner = job(a, "bbbb") if how == "nested" else a
    other = run(inner, "not", 2.0, mark="cccc" if how == "marked" else "", at="20260103_000000")
    if how == "noted":
        note(a, foreign=str(other))
    assert value(a) == [1.0]


def test_what_is_unreadable_in_the_notes_is_passed_over(tmp_path):
    """A torn line costs itself alone."""
    a = job(tmp_path / "study", "aaaa")
    with (a / NOTES).open("a") as file:
        file.write('{"run": \n[1]\n{"mark": 3}\n' + json.dumps({"run": str(tmp_path / "gone")}) + "\n")
    run(tmp_path, "one", 1.0, mark="aaaa")
    assert value(a) == [1.0]


def test_of_several_runs_the_last_that_logged_the_objective_counts(tmp_path):
    """An evaluation that starts later does not; that several logged it, as k folds do, is said."""
    run(tmp_path, "one", 1.0, at="20260101_000000")
    run(tmp_path, "two", 2.0, at="20260102_000000")
    run(tmp_path, "eval", 3.0, metric="accuracy", at="20260103_000000")
    history = read_history(tmp_path, objective=["older_name", "loss"])
    assert history["loss"].values.tolist() == [2.0]
    assert history.note == "2 W&B runs logged loss: the one that started last counts, two"
    alone = read_history(tmp_path, objective=["accuracy"])
    assert (alone["accuracy"].values.tolist(), alone.note) == ([3.0], "")
    assert "accuracy" in read_history(tmp_path, objective=["nothing"])


def test_the_run_that_logs_the_objective_is_followed(tmp_path):
    """Also where another run came first, and on to the next one when it has ended."""
    reader = HistoryReader(tmp_path, objective=["loss"])
    run(tmp_path, "eval", 3.0, metric="accuracy", ended=False)
    assert "accuracy" in reader.update()
    run(tmp_path, "one", 1.0, at="20260101_000000")
    assert (reader.update()["loss"].values.tolist(), reader.runs) == ([1.0], 2)
    run(tmp_path, "two", 2.0, at="20260103_000000", ended=False)
    assert (reader.update()["loss"].values.tolist(), reader.runs) == ([2.0], 3)
    assert reader.history()["loss"].values.tolist() == [2.0]
