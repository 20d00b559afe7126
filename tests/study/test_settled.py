"""Long studies are held small, and nothing that can be asked of them changes."""

from __future__ import annotations

import gc
import json
import math
import tracemalloc
import zlib
from dataclasses import fields, replace
from pathlib import Path

import pytest

from autoloop.edits import ValueChange
from autoloop.store.journal import FILE_NAME, JournalReader, read_study
from autoloop.study import record
from autoloop.study.decisions import Decision
from autoloop.study.events import Details, JobEnded, JobStarted, Planned, RoundPlanned, RulesAsked, StudyBegun
from autoloop.study.jobs import Job
from autoloop.study.plans import Plan
from autoloop.study.record import Study
from autoloop.study.settled import GROUP, Packer, Settled
from autoloop.study.trials import TrialState
from autoloop.views.report import facts, knobs
from autoloop.views.report.write import Reporter

WIDTH = 50
LOOKS = 8  # there were 15 before a report looked once at what each job left


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
    assert sum(not isinstance(job, Settled) for job in small.jobs.values()) < GROUP
    assert not any(isinstance(job, Settled) for job in whole.jobs.values())
    for number, job in whole.jobs.items():
        for one in fields(Job):
            assert getattr(small.jobs[number], one.name) == getattr(job, one.name)
        for name in ("name", "signature", "knobs"):
            assert getattr(small.jobs[number], name) == getattr(job, name)
        assert repr(small.jobs[number].jitter(small.aim)) == repr(job.jitter(whole.aim))
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


def test_what_is_packed_comes_back_with_every_field():
    """Records are packed field by field, in the types and with the values they had, nested ones too."""
    packer = Packer()
    plan = _planned(7, 2).plan
    decision = Decision("r", "j7", "it fell", {"of": [1, math.nan]}, ("lr@mul=0.9",), judged="j3", final=True)
    details = Details(exit_code=1, gpus=("0", "1"), jitters={"loss": 0.5}, log_tail="last words")
    for value in (plan, decision, details, [decision, (plan, None)]):
        again = packer.unpack(packer.pack(value))
        assert again == value
        assert repr(again) == repr(value)


def _looks(study_dir: Path, rounds: int, monkeypatch: pytest.MonkeyPatch) -> float:
    """How often a report of a study takes a packed record out again, for each of its jobs."""
    study = read_study(_journal(study_dir, rounds))
    count = 0
    unpacking = zlib.decompressobj

    def counting(*args, **keywords):
        nonlocal count
        count += 1
        return unpacking(*args, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(zlib, "decompressobj", counting)
        Reporter(study_dir, lambda run_dir: {}).write(study)
    return count / len(study.jobs)


def test_a_report_takes_out_what_is_packed_a_few_times_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """For jobs that it does not show: what they left, their changes, their noise, their numbers for JSON."""
    monkeypatch.setattr(record, "OPEN", 50)
    monkeypatch.setattr(facts, "MOST_SHOWN", 40)
    few, many = (_looks(tmp_path / str(rounds), rounds, monkeypatch) for rounds in (8, 16))
    assert (16 * many - 8 * few) / 8 < LOOKS, (few, many)


def test_knobs_are_the_same_however_few_are_kept(monkeypatch: pytest.MonkeyPatch):
    """What a lineage changed is worked out again where it was let go."""
    study = Study.replay(_events(4))
    for job in list(study.jobs.values()):
        changes = (ValueChange(f"p{job.job % 7}", 0, job.job),)
        study.jobs[job.job] = replace(job, plan=replace(job.plan, changes=changes))
    whole = dict(facts.Facts(study).knobs)
    monkeypatch.setattr(knobs, "KNOBS_KEPT", 3)
    few = facts.Facts(study)
    assert {number: few.knobs[number] for number in reversed(whole)} == whole
    assert few.base_values == dict.fromkeys((f"p{place}" for place in range(7)), 0)
    assert len(whole) == 4 * WIDTH
    assert whole[150] == {"p0": 0, "p1": 50, "p2": 100, "p3": 150}
    assert few.knobs.get(4 * WIDTH) is None
