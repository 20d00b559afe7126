"""Progress is read from the files that jobs write, as far as they are written."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from autoloop.curves.metrics import Metrics
from autoloop.study.events import read_event
from autoloop.study.record import Study
from autoloop.views.live.progress import Progress, ProgressReader
from tests.helpers.studies import job_event, replay, round_event, study_event, trial_event, variant_entry
from tests.helpers.wandb_file import frame, row, run

BEGAN = 1_700_000_000.0
METRICS = Metrics(objective="eval/l1", aliases={"eval/l1": ("eval/avg_l1",)})


class Job:
    """A job that writes its history row by row."""

    def __init__(self, study_dir: Path, number: int = 0) -> None:
        self.run_dir = study_dir / str(number)
        self._log = self.run_dir / "wandb" / "offline-run-20260101_000000-x" / "run-x.wandb"
        self._records = [run("x")]
        self.run_dir.mkdir(parents=True)

    def writes(self, step: int, **values: float) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._records.append(row(step, {**values, "_timestamp": BEGAN + step / 10}))
        with self._log.open("ab") as file:
            file.write(frame(self._records)[file.tell() :])


@pytest.fixture
def study() -> Study:
    """One running job."""
    return replay([study_event(), round_event(1, variant_entry(0, "baseline")), job_event(0)])


def test_a_job_is_followed_while_it_writes(tmp_path: Path, study: Study):
    job, reader = Job(tmp_path), ProgressReader(tmp_path, METRICS)
    job.writes(0, **{"train/loss": 3.0})
    assert repr(reader.update(study, 0.0)[0]) == repr(Progress(step=0, seen_at=BEGAN))
    job.writes(10, **{"eval/l1": 0.5})
    job.writes(20, **{"eval/l1": 0.2})
    job.writes(30, **{"eval/l1": 0.4})
    assert reader.update(study, 0.5)[0] == Progress(30, 0.4, 0.2, 10.0, BEGAN + 3)
    job.writes(40, **{"eval/l1": math.nan})
    now = reader.update(study, 1.0)[0]
    assert (now.step, now.best) == (40, 0.2)
    assert math.isnan(now.value)


def test_an_older_name_of_the_objective_counts(tmp_path: Path, study: Study):
    job, reader = Job(tmp_path), ProgressReader(tmp_path, METRICS)
    job.writes(10, **{"eval/avg_l1": 0.5})
    assert reader.update(study, 0.0)[0].value == 0.5


def test_the_best_is_the_highest_where_higher_is_better(tmp_path: Path):
    """Which way is better is the study's word."""
    begun = study_event(objective={"metric": "success", "goal": "max", "stat": "last"})
    study = replay([begun, round_event(1, variant_entry(0, "baseline")), job_event(0)])
    reader = ProgressReader(tmp_path, Metrics())
    job = Job(tmp_path)
    for step, value in enumerate([0.2, 0.6, 0.4]):
        job.writes(step, success=value)
    assert reader.update(study, 0.0)[0].best == 0.6


def test_a_study_judged_by_return_values_still_has_steps(tmp_path: Path, study: Study):
    Job(tmp_path).writes(70, **{"train/loss": 1.0})
    now = ProgressReader(tmp_path, Metrics()).update(study, 0.0)[0]
    assert now.step == 70
    assert math.isnan(now.value)


def test_a_trainers_own_counter_is_taken_for_its_steps(tmp_path: Path, study: Study):
    """Trainers that log through TensorBoard or Lightning leave W&B's own step to count rows."""
    job, reader = Job(tmp_path), ProgressReader(tmp_path, METRICS)
    for number in range(4):
        job.writes(number, **{"global_step": 50.0 * number})
    now = reader.update(study, 0.0)[0]
    assert (now.step, now.rate) == (150, pytest.approx(500.0))
    job.writes(4, **{"global_step": math.nan})
    assert reader.update(study, 1.0)[0].step == 150


def test_a_tracker_without_times_is_timed_by_the_looks(tmp_path: Path, study: Study):
    """The step is that of the last row, whatever wrote it; the speed is known from the second look on."""
    path, reader = Job(tmp_path).run_dir / "metrics.csv", ProgressReader(tmp_path, METRICS)
    rows = ["step,eval/avg_l1\n", *(f"{100 * number},{1 / (number + 1)}\n" for number in range(3))]
    path.write_text("".join(rows[:2]))
    assert reader.update(study, 10.0)[0].step == 0
    path.write_text("".join(rows))
    now = reader.update(study, 12.0)[0]
    assert (now.step, now.rate, now.seen_at) == (200, pytest.approx(100.0), 12.0)


def test_the_slot_is_known_from_the_status_that_the_launcher_leaves(tmp_path: Path, study: Study):
    job, reader = Job(tmp_path), ProgressReader(tmp_path, METRICS)
    status = job.run_dir / "status.json"
    for damaged in ("", "{", "[]", '{"slot": null, "gpus": [], "started_at": 1}'):
        status.write_text(damaged)
        assert reader.update(study, 0.0)[0].slot is None
    status.write_text(json.dumps({"slot": 2, "gpus": ["6", "7"], "started_at": 5.0}))
    now = reader.update(study, 0.0)[0]
    assert (now.slot, now.gpus, now.started_at) == (2, ("6", "7"), 5.0)


def test_a_run_dir_without_a_history_is_searched_less_and_less_often(tmp_path: Path, study: Study):
    """A trainer may fill its directory with checkpoints and log nothing."""
    job, reader = Job(tmp_path), ProgressReader(tmp_path, METRICS)
    reader.update(study, 0.0)
    job.writes(10, **{"eval/l1": 0.5})
    assert reader.update(study, 0.9)[0].step is None
    assert reader.update(study, 1.0)[0].step == 10

    silent = ProgressReader(tmp_path / "elsewhere", METRICS)
    for now in (0.0, 1.0, 3.0, 7.0, 15.0):  # the waits double
        silent.update(study, now)
    late = Job(tmp_path / "elsewhere")
    late.writes(10, **{"eval/l1": 0.5})
    assert silent.update(study, 30.9)[0].step is None
    assert silent.update(study, 31.0)[0].step == 10


def test_only_running_jobs_are_followed(tmp_path: Path, study: Study):
    reader = ProgressReader(tmp_path, METRICS)
    assert set(reader.update(study, 0.0)) == {0}
    study.record(read_event(trial_event(0)))
    assert reader.update(study, 1.0) == {}
