"""Which job starts first, and how long slots stood idle."""

from __future__ import annotations

import math
from typing import Any

import pytest

from autoloop.edits.variants import Variant
from autoloop.study.events import read_event
from autoloop.study.record import Study
from autoloop.study.schedule import expected_s, gpu_neighbour, idle_share, longest_first
from autoloop.testing import trial
from tests.helpers.studies import replay, round_event, study_event, study_of, trial_event, variant_entry

STUDY = study_of(
    {"name": "short", "objective": 1.0, "times": (0.0, 10.0)},
    {"name": "long", "objective": 1.0, "times": (0.0, 100.0)},
    {"name": "broken", "state": "FAILED", "times": (0.0, 1.0)},
)


def child(name: str, parent: str, *changes: tuple[str, Any, Any]) -> Variant:
    return trial(name, parent=parent, changes=changes).variant


@pytest.mark.parametrize(
    ("variant", "seconds"),
    [
        (child("a", "short"), 10.0),
        (child("a", "long", ("lr", 1, 2)), 100.0),
        (child("a", "long", ("train.steps", 100, 50)), 50.0),
        (child("a", "short", ("batch_size", 8, 16)), 20.0),
        (child("a", "broken"), 55.0),  # the median of what is known
        (child("a", "nobody"), 55.0),
    ],
)
def test_a_child_takes_as_long_as_its_parent_times_what_its_knobs_add(
    variant: Variant, seconds: float
) -> None:
    assert expected_s(STUDY, variant) == pytest.approx(seconds)


def test_clearly_longer_jobs_start_first_and_equals_stay_in_order() -> None:
    variants = [
        child("a", "short"),
        child("b", "long"),
        child("c", "short"),
        child("d", "long", ("lr", 1, 2)),
    ]
    assert [one.name for one in longest_first(STUDY, variants)] == ["b", "d", "a", "c"]


def test_without_known_lengths_the_order_stays() -> None:
    variants = [child("a", "x"), child("b", "y")]
    assert longest_first(Study(), variants) == variants


def test_idle_time_is_what_slots_were_not_busy() -> None:
    study = replay([study_event(), round_event(1, variant_entry(0, "a"), variant_entry(1, "b"))])
    assert math.isnan(idle_share(study))
    for job, slot, end in ((0, 0, 10.0), (1, 1, 5.0)):
        study.record(read_event({**trial_event(job), "slot": slot, "started_at": 0.0, "ended_at": end}))
    assert idle_share(study) == pytest.approx(0.25)


def test_time_without_a_process_is_not_idle() -> None:
    study = replay([study_event(), round_event(1, variant_entry(0, "a"), variant_entry(1, "b"))])
    study.record(read_event({**trial_event(0), "slot": 0, "started_at": 0.0, "ended_at": 10.0}))
    study.record(read_event({"event": "resume", "time": 1010.0}))
    study.record(read_event({**trial_event(1), "slot": 0, "started_at": 1010.0, "ended_at": 1020.0}))
    assert idle_share(study) == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("second", "neighbours"),
    [
        ({"gpus": ["0"], "host": "n1", "started_at": 5.0, "ended_at": 15.0}, True),
        ({"gpus": ["1"], "host": "n1", "started_at": 5.0, "ended_at": 15.0}, False),
        ({"gpus": ["0"], "host": "n2", "started_at": 5.0, "ended_at": 15.0}, False),
        ({"gpus": ["0"], "host": "n1", "started_at": 10.0, "ended_at": 15.0}, False),
        ({"gpus": ["0"], "started_at": 5.0, "ended_at": 15.0}, False),
    ],
    ids=["same", "other-gpu", "other-machine", "afterwards", "machine-unknown"],
)
def test_two_jobs_that_saw_one_gpu_at_the_same_time_are_found(
    second: dict[str, Any], neighbours: bool
) -> None:
    first = {"gpus": ["0"], "host": "n1", "started_at": 0.0, "ended_at": 10.0}
    entries = round_event(1, variant_entry(0, "a"), variant_entry(1, "b"))
    ends = [{**trial_event(0), **first}, {**trial_event(1), **second}]
    study = replay([study_event(), entries, *ends])
    found = gpu_neighbour(study, study.jobs[1])
    assert (found is study.jobs[0]) == neighbours
