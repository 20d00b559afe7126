"""How rounds follow each other: barrier, quorum, no barrier, and the slot of a job that was stopped."""

from __future__ import annotations

from typing import Any

from autoloop.loop.due import Decide, Flow, Limits, PlanRound, Run, Step, Stop, Wait, next_step
from tests.helpers.studies import (
    decisions_event,
    job_event,
    replay,
    round_event,
    study_event,
    trial_event,
    variant_entry,
)

FOUR = round_event(1, *(variant_entry(number, f"v{number}") for number in range(4)))
STARTED = [job_event(number) for number in range(4)]
BASE = [study_event(), FOUR, *STARTED]


def due(*events: dict[str, Any], rounds: int = 3, max_jobs: int | None = None, **flow: Any) -> Step:
    return next_step(replay([*BASE, *events]), Limits(rounds=rounds, max_jobs=max_jobs), Flow(**flow))


def said(round: int, *judged: int) -> dict[str, Any]:
    return {**decisions_event(round), "judged": list(judged)}


def more(round: int, *numbers: int) -> dict[str, Any]:
    return round_event(round, *(variant_entry(number, f"v{number}") for number in numbers))


def ended(*numbers: int, state: str = "COMPLETE") -> list[dict[str, Any]]:
    return [event for number in numbers for event in (*_stopping(number, state), trial_event(number, state))]


def _stopping(number: int, state: str) -> list[dict[str, Any]]:
    why = {"rule": "behind", "reason": "behind", "step": 400, "evidence": {}}
    return [{"event": "stopping", "time": 0.0, "job": number, **why}] if state == "STOPPED" else []


def test_with_a_barrier_a_free_slot_waits_for_the_last_job() -> None:
    assert due(*ended(0, 1, 2)) == Wait()
    assert due(*ended(0, 1, 2, 3)) == Decide(1)


def test_a_quorum_decides_before_the_stragglers_end_and_hears_them_next_time() -> None:
    assert due(*ended(0, 1), quorum=0.75) == Wait()
    assert due(*ended(0, 1, 2), quorum=0.75) == Decide(1)
    assert due(*ended(0, 1, 2), said(1, 0, 1, 2), quorum=0.75) == PlanRound(2)
    second = [*ended(0, 1, 2), said(1, 0, 1, 2), more(2, 4, 5)]
    step = due(*second, quorum=0.75)
    assert isinstance(step, Run)
    assert [job.job for job in step.jobs] == [4, 5]
    both = [*second, job_event(4), job_event(5), *ended(3, 4, 5)]
    assert due(*both, quorum=0.75) == Decide(2)
    study = replay([*BASE, *both])
    assert [job.job for job in study.unjudged()] == [3, 4, 5]


def test_a_study_with_a_quorum_ends_only_when_its_stragglers_have_ended() -> None:
    events = [*ended(0, 1, 2), said(1, 0, 1, 2)]
    assert due(*events, rounds=1, quorum=0.75) == Wait()
    assert due(*events, *ended(3), rounds=1, quorum=0.75) == Decide(1)
    assert isinstance(due(*events, *ended(3), said(1, 3), rounds=1, quorum=0.75), Stop)


def test_without_a_barrier_each_end_is_decided_about_and_followed_by_one_job() -> None:
    flow = {"barrier": False, "slots": 4}
    assert due(**flow) == Wait()
    assert due(*ended(2), **flow) == Decide(1)
    assert due(*ended(2), said(1, 2), **flow) == PlanRound(2, places=1)
    assert due(*ended(2), said(1, 2), more(2, 4), job_event(4), **flow) == PlanRound(2, places=1)


def test_without_a_barrier_rounds_count_jobs() -> None:
    flow = {"barrier": False, "slots": 4}
    events = [*ended(0, 1, 2, 3), said(1, 0, 1, 2, 3), more(2, 4, 5, 6), *(job_event(n) for n in (4, 5, 6))]
    assert due(*events, rounds=2, **flow) == PlanRound(2, places=1)
    full = [*events, more(2, 7), job_event(7)]
    assert due(*full, rounds=2, **flow) == Wait()
    assert due(*full, rounds=3, **flow) == PlanRound(3, places=1)
    over = [*full, *ended(4, 5, 6, 7), said(2, 4, 5, 6, 7)]
    assert isinstance(due(*over, rounds=2, **flow), Stop)


def test_the_slot_of_a_stopped_job_goes_to_a_new_idea_in_the_same_round() -> None:
    stopped = ended(1, state="STOPPED")
    assert due(*stopped) == Decide(1)
    assert due(*stopped, said(1, 1)) == PlanRound(1, places=1)
    replaced = [*stopped, said(1, 1), more(1, 4)]
    step = due(*replaced)
    assert isinstance(step, Run)
    assert step.jobs[0].job == 4
    assert due(*replaced, job_event(4)) == Wait()


def test_what_joins_a_round_later_or_is_tried_again_is_not_what_it_began_with() -> None:
    repeat = round_event(1, variant_entry(6, "v0-seed1", rule="repeat", parent="v0"))
    again = {"event": "requeue", "time": 0.0, "job": 5, "of": 0, "name": "v0"}
    study = replay([*BASE, *ended(1, state="STOPPED"), more(1, 4), *ended(0, state="FAILED"), again, repeat])
    assert [job.name for job in study.begun_with(1)] == ["v0", "v1", "v2", "v3"]
    assert study.begun_with(2) == []


def test_a_stopped_job_is_not_replaced_where_that_is_switched_off_or_nothing_may_follow() -> None:
    stopped = ended(1, state="STOPPED")
    assert due(*stopped, refill=False) == Wait()
    assert due(*stopped, rounds=1) == Wait()
    assert due(*stopped, max_jobs=4) == Wait()


def test_a_stopped_job_that_ends_a_round_is_followed_by_the_next_round() -> None:
    assert due(*ended(0, 2, 3), *ended(1, state="STOPPED")) == Decide(1)
    assert due(*ended(0, 2, 3), *ended(1, state="STOPPED"), said(1, 0, 1, 2, 3)) == PlanRound(2)


def test_jobs_judged_before_a_refill_are_parents_of_the_next_round_too() -> None:
    events = [
        *ended(1, state="STOPPED"),
        said(1, 1),
        more(1, 4),
        job_event(4),
        *ended(0, 2, 3, 4),
        said(1, 0, 2, 3, 4),
    ]
    study = replay([*BASE, *events])
    assert study.recent == [1, 0, 2, 3, 4]
    assert replay([*BASE, *events, more(2, 5)]).recent == []


def test_an_old_journal_without_names_of_the_judged_reads_as_before() -> None:
    study = replay([*BASE, *ended(0, 1, 2, 3), decisions_event(1)])
    assert study.unjudged() == []
    assert study.recent == [0, 1, 2, 3]
