"""Long studies are held small, and nothing that can be asked of them changes."""

from __future__ import annotations

import gc
import json
import tracemalloc
from dataclasses import fields
from pathlib import Path

import pytest

from autoloop.store.journal import FILE_NAME, JournalReader, read_study
from autoloop.study import record
from autoloop.study.decisions import Decision
from autoloop.study.events import Details, JobEnded, JobStarted, Planned, RoundPlanned, RulesAsked, StudyBegun
from autoloop.study.jobs import Job
from autoloop.study.plans import Plan
from autoloop.study.record import Study
from autoloop.study.settled import Settled
from autoloop.study.trials import TrialState

WIDTH = 50


def _journal(study_dir: Path, rounds: int) -> Path:
    """A journal of rounds of 50 jobs, each with a parent, a summary of five metrics and a decision."""
    study_dir.mkdir()
    with (study_dir / FILE_NAME).open("w") as file:
        for event in _events(rounds):
            file.write(json.dumps({**event.as_record(), "time": 1.0}) + "\n")
    return study_dir


def _events(rounds: int):
    yield StudyBegun(task="t")
    numbers = {
        "first": 1.0,
        "last": 0.5,
        "best": 0.5,
        "best_step": 9,
        "delta": -0.5,
        "pct": -50.0,
        "count": 9,
    }
    for number in range(1, rounds + 1):
        jobs = range((number - 1) * WIDTH, number * WIDTH)
        yield RoundPlanned(round=number, variants=tuple(_planned(job, number) for job in jobs), refused=())
        for job in jobs:
            yield JobStarted(job=job, run_dir=str(job))
            yield JobEnded(
                objective=1.0 / (job + 1),
                state=TrialState.COMPLETE,
                summary={f"metric_{place}": {**numbers, "last": job + place / 7} for place in range(5)},
                steps=9,
                error="",
                details=Details(started_at=1.0, ended_at=2.0 + job, slot=0),
                job=job,
            )
        said = tuple(Decision("r", f"j{job}", f"{job} fell", {"of": job}, ("lr@mul=0.9",)) for job in jobs)
        yield RulesAsked(round=number, decisions=said, judged=tuple(jobs))


def _planned(job: int, number: int) -> Planned:
    parent = f"j{job - WIDTH}" if number > 1 else None
    about = ("r" if parent else "baseline", f"since {job} fell", {"of": job}, "", ("lr@mul=0.9",))
    return Planned(job, Plan(f"j{job}", parent, *about, (f"lr={job}",), f"{job:064x}", (), ()))


def test_a_long_study_tells_the_same_as_if_it_were_kept_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Jobs, results, decisions and what rules fired on: packed or not, a question has one answer."""
    study_dir = _journal(tmp_path / "study", 6)
    whole = read_study(study_dir)
    monkeypatch.setattr(record, "OPEN", 100)
    small = read_study(study_dir)
    kinds = {type(job) for job in small.jobs.values()}
    assert kinds == {Settled}
    assert not any(isinstance(job, Settled) for job in whole.jobs.values())
    for number, job in whole.jobs.items():
        for one in fields(Job):
            assert getattr(small.jobs[number], one.name) == getattr(job, one.name)
        assert (small.jobs[number].name, small.jobs[number].signature) == (job.name, job.signature)
        assert small.fired_on(job.place) == whole.fired_on(job.place)
    assert {round_: list(said) for round_, said in small.decisions.items()} == whole.decisions
    assert small.best() == whole.best()
    assert [job.job for job in small.counted()] == [job.job for job in whole.counted()]


def test_a_further_try_of_a_settled_job_is_recorded(monkeypatch: pytest.MonkeyPatch):
    """What is packed can still be changed by an event."""
    monkeypatch.setattr(record, "OPEN", 10)
    study = Study.replay(_events(2))
    study.record(record.JobRequeued(job=study.next_job, of=3))
    assert study.jobs[3].retried_by == 100
    assert [job.job for job in study.tries(study.jobs[100])] == [3, 100]


@pytest.mark.slow
def test_what_a_job_adds_to_a_long_study_is_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Reading twice as many jobs needs at most 2 KB more for each, half of what they are whole."""
    held = {}
    for limit in (100, 10**9):
        monkeypatch.setattr(record, "OPEN", limit)
        sizes = []
        for rounds in (6, 12):
            study_dir = tmp_path / f"{limit}_{rounds}"
            gc.collect()
            tracemalloc.start()
            study = read_study(_journal(study_dir, rounds))
            sizes.append(tracemalloc.get_traced_memory())
            tracemalloc.stop()
            assert len(study.jobs) == rounds * WIDTH
        held[limit] = [(after - before) / (6 * WIDTH) for before, after in zip(*sizes, strict=True)]
    now, peak = held[100]
    assert now < 2000, held
    assert peak < 2500
    assert now < held[10**9][0] / 2


def test_a_reader_goes_on_from_the_line_it_stopped_at(tmp_path: Path):
    """Events are taken one by one: a damaged line is told again, and nothing before it is taken twice."""
    study_dir = _journal(tmp_path / "study", 1)
    whole = (study_dir / FILE_NAME).read_text()
    (study_dir / FILE_NAME).write_text(whole + "{broken\n")
    reader = JournalReader(study_dir)
    for _ in range(2):
        with pytest.raises(record.JournalError, match=r"line 104 of .* is damaged"):
            reader.update()
        assert reader.study.events == 103
