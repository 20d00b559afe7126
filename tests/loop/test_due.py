"""What is due next, from the record of a study alone."""

from __future__ import annotations

from typing import Any

import pytest

from autoloop.loop.due import Decide, Limits, PlanRound, Requeue, Run, Step, Stop, next_step
from tests.helpers.studies import (
    decisions_event,
    job_event,
    replay,
    round_event,
    study_event,
    trial_event,
    variant_entry,
)

TWO = round_event(1, variant_entry(0, "baseline"), variant_entry(1, "reg_tau"))
BOTH_DONE = [study_event(), TWO, job_event(0), trial_event(0), job_event(1), trial_event(1)]


def due(events: list[dict[str, Any]], **limits: Any) -> Step:
    return next_step(replay(events), Limits(**limits))


def failed_after(*states: str) -> list[dict[str, Any]]:
    entries = [variant_entry(number, f"v{number}") for number in range(len(states) + 1)]
    ended = [trial_event(number, state, time=float(number + 1)) for number, state in enumerate(states)]
    return [study_event(), round_event(1, *entries), *ended]


def test_an_empty_study_plans_its_first_round():
    assert due([study_event()]) == PlanRound(1)


def test_a_planned_round_runs_all_its_jobs():
    step = due([study_event(), TWO])
    assert isinstance(step, Run)
    assert [job.name for job in step.jobs] == ["baseline", "reg_tau"]


def test_a_job_that_ended_is_not_run_again():
    step = due([study_event(), TWO, job_event(0), trial_event(0)])
    assert isinstance(step, Run)
    assert [job.name for job in step.jobs] == ["reg_tau"]


def test_a_complete_round_is_decided():
    assert due(BOTH_DONE, rounds=3) == Decide(1)


def test_a_decided_round_is_followed_by_the_next():
    assert due([*BOTH_DONE, decisions_event(1)], rounds=3) == PlanRound(2)


def test_the_last_round_is_decided_and_ends_the_study():
    assert due(BOTH_DONE, rounds=1) == Decide(1)
    assert isinstance(due([*BOTH_DONE, decisions_event(1)], rounds=1), Stop)


def test_max_jobs_ends_the_study_between_rounds():
    step = due([*BOTH_DONE, decisions_event(1)], rounds=3, max_jobs=2)
    assert isinstance(step, Stop)
    assert "max_jobs" in step.reason


@pytest.mark.parametrize(("limit", "expected"), [(20, Stop), (21, PlanRound)])
def test_max_steps_counts_the_steps_of_all_jobs(limit: int, expected: type):
    step = due([*BOTH_DONE, decisions_event(1)], rounds=3, max_steps=limit)
    assert isinstance(step, expected)
    assert not isinstance(step, Stop) or f"20 steps were trained in all (max_steps={limit})" == step.reason


def test_max_hours_counts_the_time_of_running():
    events = [study_event(), TWO, job_event(0, time=3000.0), trial_event(0, time=4000.0)]
    assert isinstance(due(events, max_hours=2.0), Run)
    step = due(events, max_hours=1.0)
    assert isinstance(step, Stop)
    assert "max_hours" in step.reason


def test_the_time_between_two_processes_does_not_count():
    events = [study_event(), TWO, job_event(0, time=10.0), {"event": "resume", "time": 1e6}]
    assert replay(events).seconds == 10.0


def test_an_interrupted_job_is_queued_again_under_a_new_number():
    events = [study_event(), TWO, job_event(0), trial_event(0, "INTERRUPTED")]
    step = due(events)
    assert isinstance(step, Requeue)
    assert step.job.job == 0
    study = replay([*events, {"event": "requeue", "time": 0.0, "job": 2, "of": 0}])
    step = next_step(study, Limits())
    assert isinstance(step, Run)
    assert [(job.job, job.name) for job in step.jobs] == [(1, "reg_tau"), (2, "baseline")]


@pytest.mark.parametrize(("retries", "expected"), [(0, Decide), (1, Requeue)])
def test_a_failed_job_is_tried_again_as_often_as_asked(retries: int, expected: type):
    events = [study_event(), TWO, trial_event(0, "FAILED"), trial_event(1)]
    assert isinstance(due(events, retries=retries), expected)


def test_a_job_that_failed_again_is_left_alone():
    events = [study_event(), TWO, trial_event(0, "FAILED"), trial_event(1)]
    events += [{"event": "requeue", "time": 0.0, "job": 2, "of": 0}, trial_event(2, "FAILED")]
    assert due(events, retries=1) == Decide(1)


def test_failures_in_a_row_end_the_study_as_failed():
    step = due(failed_after("FAILED", "TIMEOUT"), max_failures=2)
    assert isinstance(step, Stop)
    assert step.failed
    assert "2 jobs failed in a row" in step.reason
    alone = due(failed_after("FAILED"), max_failures=1)
    assert isinstance(alone, Stop) and "1 job failed in a row" in alone.reason


def test_a_success_between_failures_breaks_the_streak():
    assert isinstance(due(failed_after("FAILED", "COMPLETE", "FAILED"), max_failures=2), Run)


def test_fail_fast_ends_the_study_at_the_first_failure():
    step = due(failed_after("FAILED"), fail_fast=True)
    assert isinstance(step, Stop)
    assert step.failed


def test_an_infeasible_job_is_no_failure():
    assert isinstance(due(failed_after("INFEASIBLE"), fail_fast=True, max_failures=1, retries=3), Run)


def again(*events: dict[str, Any]) -> list[dict[str, Any]]:
    """A round of two jobs that is over, the second of which failed and was then queued again by the user."""
    over = [
        study_event(),
        TWO,
        trial_event(0, time=1.0),
        trial_event(1, "FAILED", time=2.0),
        decisions_event(1),
    ]
    queued = {"event": "requeue", "time": 3.0, "job": 3, "of": 1, "name": "reg_tau"}
    return [*over, round_event(2, variant_entry(2, "child")), *events, queued]


def test_a_job_queued_again_in_an_older_round_is_run():
    step = due(again(trial_event(2, time=2.5), decisions_event(2)), rounds=2)
    assert isinstance(step, Run)
    assert [job.job for job in step.jobs] == [3]


@pytest.mark.parametrize("limits", [{"fail_fast": True}, {"max_failures": 1}])
def test_a_failure_that_is_tried_again_no_longer_ends_the_study(limits: dict[str, Any]):
    assert isinstance(due(again(), rounds=2, **limits), Run)
    failed_again = [*again(), trial_event(3, "FAILED", time=4.0)]
    assert isinstance(due(failed_again, rounds=2, **limits), Stop)
