"""Which events are worth a message, and what it says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from autoloop.study.events import read_event
from autoloop.study.record import Study
from autoloop.views.notify.messages import messages
from tests.helpers.studies import (
    decisions_event,
    job_event,
    round_event,
    study_event,
    trial_event,
    variant_entry,
)

HEADER = study_event(task="act_ot", limits={"rounds": 3}, command="python -m autoloop.train -m rounds=3")
ROUND = round_event(
    1, *(variant_entry(number, f"v{number}", overrides=[f"lr={number}"]) for number in range(4))
)


def told(*events: dict[str, Any], failures: int = 3) -> list[dict[str, Any]]:
    """All messages of a study, each as it would arrive."""
    study, found = Study(), []
    for event in map(read_event, events):
        study.record(event)
        found += messages(event, study, "/out/demo", failures)
    return [json.loads(json.dumps(message, allow_nan=False)) for message in found]


def ended(*states: str) -> list[dict[str, Any]]:
    """Jobs that ended one after the other."""
    events = []
    for number, state in enumerate(states):
        objective = 0.2 - number / 100 if state == "COMPLETE" else None
        end = {**trial_event(number, state, objective, time=float(number)), "ended_at": float(number)}
        events += [job_event(number), {**end, "error": f"error {number}", "log": "job.log"}]
    return events


def test_a_round_that_is_decided_is_told_with_its_results_and_proposals():
    decided = decisions_event(1, time=9.0)
    decided["decisions"] = [
        {"trial": "v0", "rule": "mass", "reason": "mass is 0", "edits": ["a@set=1"]},
        {"trial": "v1", "rule": "spikes", "reason": "none", "edits": []},
    ]
    (message,) = told(HEADER, ROUND, *ended("COMPLETE", "COMPLETE", "FAILED", "COMPLETE"), decided)
    assert message == {
        "event": "round_end",
        "time": 9.0,
        "study": "/out/demo",
        "task": "act_ot",
        "round": 1,
        "rounds": 3,
        "jobs": {"COMPLETE": 3, "FAILED": 1},
        "metric": "eval/l1",
        "best": {"job": 3, "name": "v3", "objective": pytest.approx(0.17), "gain_pct": pytest.approx(15.0)},
        "proposals": ["mass on v0: mass is 0"],
        "text": "act_ot demo: round 1 ended (3 complete, 1 failed); best so far: v3 with eval/l1 0.17"
        " (-15.0 % against the baseline); 1 proposal",
    }


@pytest.mark.parametrize(
    ("states", "streaks"),
    [
        (["FAILED", "FAILED"], []),
        (["FAILED", "FAILED", "FAILED"], [3]),
        (["FAILED", "TIMEOUT", "INTERRUPTED", "FAILED"], [3]),
        (["FAILED", "FAILED", "COMPLETE", "FAILED"], []),
        (["FAILED"] * 7, [3, 6]),
    ],
)
def test_failures_in_a_row_are_told_once_for_each_so_many(states: list[str], streaks: list[int]):
    many = round_event(1, *(variant_entry(number, f"v{number}") for number in range(7)))
    found = told(HEADER, many, *ended(*states))
    assert [message["failures"] for message in found] == streaks
    assert {message["event"] for message in found} <= {"failure_streak"}
    if streaks == [3] and len(states) == 3:
        assert (found[0]["name"], found[0]["error"], found[0]["log"]) == ("v2", "error 2", "2/job.log")
        assert found[0]["text"] == "act_ot demo: 3 jobs failed in a row, the last is v2: error 2"


def test_the_winner_is_told_with_the_command_that_trains_it():
    stop = {"event": "stop", "time": 9.0, "reason": "all 3 rounds are done", "failed": False}
    (message,) = told(HEADER, ROUND, *ended("COMPLETE", "COMPLETE"), stop)
    assert (message["event"], message["best"]["name"]) == ("winner", "v1")
    assert message["command"] == "python -m autoloop.train lr=1"
    assert message["text"].startswith(
        "act_ot demo: the study ends after 2 jobs: all 3 rounds are done; the best"
    )


def test_an_end_without_a_result_is_told_too():
    stop = {"event": "stop", "time": 9.0, "reason": "fail_fast", "failed": True}
    (message,) = told(HEADER, ROUND, *ended("FAILED"), stop)
    assert (message["event"], message["best"], message["command"]) == ("no_winner", None, None)
    assert message["failed"] is True
    assert (
        message["text"]
        == "act_ot demo: the study ends after 1 job, none with a result: it failed with error 0; fail_fast"
    )


def test_other_events_are_not_worth_a_message():
    assert told(HEADER, ROUND, *ended("COMPLETE"), {"event": "resume", "time": 9.0}) == []
