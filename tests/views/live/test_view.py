"""What there is to see of a study, as tables: events in, lines out."""

from __future__ import annotations

import math
from typing import Any

import pytest

from autoloop.views.live.progress import Progress, speed
from autoloop.views.live.view import SlotLine, View, total_steps, view
from autoloop.views.report.facts import Facts
from tests.helpers.studies import (
    decisions_event,
    job_event,
    replay,
    round_event,
    study_event,
    trial_event,
    variant_entry,
)

PLACE = "out/demo"
HEADER: dict[str, Any] = {
    "task": "act_ot",
    "limits": {"rounds": 3},
    "config": {"steps": 200, "train": {"iterations": 50}},
}


def header(**more: Any) -> dict[str, Any]:
    return study_event(**{**HEADER, **more})


def seen(*events: dict[str, Any], progress: dict[int, Progress] | None = None, now: float = 100.0) -> View:
    return view(replay(events), progress or {}, now, PLACE)


def child(job: int, name: str, parent: str, rule: str, **more: Any) -> dict[str, Any]:
    return variant_entry(job, name, parent=parent, rule=rule, **more)


def decision(trial: str, rule: str, reason: str, *edits: str, **more: Any) -> dict[str, Any]:
    return {
        "trial": trial,
        "rule": rule,
        "reason": reason,
        "edits": list(edits),
        "evidence": {},
        "expects": "",
        **more,
    }


ROUND_1 = (header(), round_event(1, variant_entry(0, "baseline"), variant_entry(1, "reg")))


def test_an_empty_study_is_shown_as_such():
    now = seen(header())
    assert (now.round, now.rounds, now.best, now.slots, now.decisions) == (0, 3, "", (), ())
    assert math.isnan(now.left_s)


def test_jobs_are_counted_by_what_became_of_them():
    """A job that was tried again counts once, by its latest try."""
    states = ["COMPLETE", "FAILED", "TIMEOUT", "INFEASIBLE", "STOPPED", "FAILED"]
    entries = [variant_entry(number, f"v{number}") for number in range(8)]
    events = [header(), round_event(1, *entries)]
    for number, state in enumerate(states):
        events += [job_event(number), trial_event(number, state)]
    events += [job_event(6), {"event": "requeue", "time": 0.0, "of": 5, "job": 8}]
    now = seen(*events)
    assert (now.done, now.failed, now.other, now.running, now.waiting) == (1, 3, 1, 1, 2)


@pytest.mark.parametrize(
    ("now", "progress", "expected"),
    [
        (90.0, None, SlotLine(None, job=0, name="baseline", steps=200, running_s=40.0)),
        (
            90.0,
            Progress(slot=1, gpus=("6",), started_at=60.0),
            SlotLine(1, ("6",), 0, "baseline", steps=200, running_s=30.0),
        ),
        (  # 100 steps to go at 5 a second, of which 2 seconds have passed since the last row
            90.0,
            Progress(100, 0.3, 0.25, 5.0, 88.0, 0, (), 60.0),
            SlotLine(0, (), 0, "baseline", 100, 200, 0.3, 0.25, 5.0, 18.0, 30.0),
        ),
        (  # later than foreseen: no time left, but never less
            190.0,
            Progress(100, 0.3, 0.25, 5.0, 88.0, 0, (), 60.0),
            SlotLine(0, (), 0, "baseline", 100, 200, 0.3, 0.25, 5.0, 0.0, 130.0),
        ),
    ],
)
def test_a_running_job_is_one_line(now: float, progress: Progress | None, expected: SlotLine):
    events = (*ROUND_1, job_event(0, time=50.0))
    (line,) = seen(*events, progress={0: progress} if progress else None, now=now).slots
    assert same(line, expected)


def same(one: SlotLine, other: SlotLine) -> bool:
    """Equal, with NaN equal to NaN."""
    return repr(one) == repr(other)


def test_slots_stand_in_order_and_an_idle_one_is_there():
    events = [*ROUND_1, job_event(0), job_event(1), {**trial_event(0), "slot": 1, "gpus": ["7"]}]
    lines = seen(*events, progress={1: Progress(slot=0, gpus=("6",))}).slots
    assert [(line.slot, line.gpus, line.job) for line in lines] == [(0, ("6",), 1), (1, ("7",), None)]


def test_a_job_that_has_just_started_is_in_one_of_the_idle_slots():
    """Until its slot is known it has a line of its own, and there is one idle slot less."""
    ended = [{**trial_event(number), "slot": number, "gpus": []} for number in (0, 1)]
    entries = [variant_entry(number, f"v{number}") for number in range(3)]
    events = [header(), round_event(1, *entries), job_event(0), job_event(1), *ended, job_event(2)]
    assert [(line.slot, line.job) for line in seen(*events).slots] == [(0, None), (None, 2)]


def test_a_study_that_is_over_has_no_slots_and_no_time_left():
    events = [*ROUND_1, job_event(0), {**trial_event(0, time=30.0), "slot": 1}]
    over = seen(*events, {"event": "stop", "time": 40.0, "reason": "all 3 rounds are done"}, now=500.0)
    assert over.slots == ()
    assert over.ended == "all 3 rounds are done"
    assert over.spent_s == 40.0
    assert math.isnan(over.left_s)


def test_time_spent_leaves_out_the_pauses():
    resume = {"event": "resume", "time": 1000.0}
    assert seen(*ROUND_1, job_event(0, time=50.0), resume, now=1010.0).spent_s == 60.0


@pytest.mark.parametrize(
    ("rounds", "max_jobs", "left_s"),
    [
        (1, None, 25.0),  # the job that runs takes 15 s yet; it and one waiting of 35 s share 2 slots
        (2, None, 77.5),  # three more of 35 s on 2 slots
        (2, 4, 42.5),  # but only one of them may be run
    ],
)
def test_time_left_counts_running_waiting_and_later_jobs(rounds: int, max_jobs: int | None, left_s: float):
    limits = {"rounds": rounds, "max_jobs": max_jobs}
    entries = [variant_entry(number, f"v{number}") for number in range(3)]
    ended = {**trial_event(0, time=35.0), "started_at": 0.0, "ended_at": 35.0, "slot": 0}
    events = [header(limits=limits), round_event(1, *entries), job_event(0), job_event(1), ended]
    progress = {1: Progress(50, rate=10.0, seen_at=35.0, slot=1, started_at=0.0)}
    assert seen(*events, progress=progress, now=35.0).left_s == pytest.approx(left_s)


def test_time_left_is_unknown_while_no_job_tells_how_long_one_takes():
    assert math.isnan(seen(*ROUND_1, job_event(0)).left_s)


@pytest.mark.parametrize(
    ("settings", "entry", "steps"),
    [
        ({}, {}, 200),
        ({}, {"overrides": ["lr=1", "steps=300", "++steps=400"]}, 400),
        ({}, {"overrides": ["steps=300"], "changes": [["steps", 200, 500]]}, 500),
        ({}, {"overrides": ["steps=???"]}, None),
        ({"metrics": {"steps_key": "train.iterations"}}, {}, 50),
        ({"metrics": {"steps_key": "train.epochs"}}, {}, None),
        ({"metrics": {"steps_key": "steps.none"}}, {}, None),
    ],
)
def test_total_steps_come_from_edits_overrides_or_the_config(
    settings: dict[str, Any], entry: dict[str, Any], steps: int | None
):
    study = replay([header(settings=settings), round_event(1, variant_entry(0, "baseline", **entry))])
    assert total_steps(Facts(study), study.jobs[0]) == steps


def test_a_child_inherits_the_steps_its_parent_was_given():
    study = replay(
        [
            header(),
            round_event(1, variant_entry(0, "baseline", changes=[["steps", 200, 500]])),
            round_event(2, child(1, "r2", "baseline", "gentle")),
        ]
    )
    assert total_steps(Facts(study), study.jobs[1]) == 500


def test_decisions_are_told_with_what_became_of_them():
    """What is run comes first, then what was refused, then the rest; silent rules are counted."""
    decided = decisions_event(1)
    decided["decisions"] = [
        decision("baseline", "gentle", "nothing else fired", "a@mul=2"),
        decision("baseline", "plateau", "flat", "lr@mul=2"),
        decision("baseline", "mass", "mass is 1e-6", "reg@mul=2"),
        decision("baseline", "spikes", "no spikes"),
        decision("baseline", "oom", "did not run out of memory"),
    ]
    second = round_event(2, child(2, "r2_mass", "baseline", "mass"))
    second["refused"] = [{"trial": "baseline", "rule": "plateau", "edits": [], "why": "already run as reg"}]
    ended = [job_event(0), trial_event(0), job_event(1), trial_event(1), decided]
    before, after = seen(*ROUND_1, *ended), seen(*ROUND_1, *ended, second)
    assert before.decisions[0] == "baseline, gentle proposes: nothing else fired"
    assert after.heading == "What came of round 1"
    assert after.decisions == (
        "baseline -> r2_mass: mass is 1e-6",
        "baseline, plateau refused (already run as reg): flat",
        "baseline, gentle without a place: nothing else fired",
        "2 times a rule saw no reason to change anything",
    )


def test_warnings_are_what_went_wrong_the_latest_first():
    failed = {**trial_event(0, "FAILED", None, time=10.0), "error": "ValueError: boom", "log": "job.log"}
    warned = {**trial_event(1, time=20.0), "warnings": ["lr was changed in vain"]}
    now = view(replay([*ROUND_1, job_event(0), job_event(1), failed, warned]), {}, 30.0, "my dir", ["gone"])
    assert now.warnings == (
        "gone",
        "job 1 reg: lr was changed in vain",
        "job 0 baseline: failed: ValueError: boom (log: 'my dir/0/job.log')",
    )


def test_no_text_of_a_view_holds_a_control_character():
    bad = "a\x1b[31m\x07\nb\u202e"
    entry = variant_entry(0, bad)
    failed = {**trial_event(0, "FAILED", None), "error": bad, "warnings": [bad]}
    decided = decisions_event(1)
    decided["decisions"] = [decision(bad, bad, bad, "x@set=1")]
    events = [
        header(task=bad, objective={"metric": bad, "goal": "min"}),
        round_event(1, entry, variant_entry(1, bad + "2")),
        job_event(0),
        job_event(1),
        failed,
        decided,
        {"event": "stop", "time": 1.0, "reason": bad},
    ]
    now = view(replay(events), {1: Progress(gpus=(bad,))}, 2.0, bad, [bad], [bad])
    texts = [now.place, now.task, now.metric, now.best, now.ended, now.heading, *now.decisions, *now.warnings]
    texts += [
        *now.hints,
        *(line.name for line in now.slots),
        *(gpu for line in now.slots for gpu in line.gpus),
    ]
    assert len([text for text in texts if "\\x1b[31m" in text]) >= 9
    assert all(text.isprintable() for text in texts)


def test_the_best_is_told_against_the_baseline():
    events = [
        *ROUND_1,
        job_event(0),
        trial_event(0, objective=0.2),
        job_event(1),
        trial_event(1, objective=0.15),
    ]
    now = seen(*events)
    assert now.best == "reg 0.15, better than baseline (-25.0 %)"
    assert (now.metric, now.goal) == ("eval/l1", "lower")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], math.nan),
        ([(10, 5.0)], math.nan),
        ([(10, 5.0), (30, 9.0)], 5.0),
        ([(10, 5.0), (20, 6.0), (60, 10.0)], 10.0),
        ([(10, 5.0), (30, 5.0)], math.nan),
        ([(30, 5.0), (10, 9.0)], math.nan),
    ],
)
def test_speed_is_steps_over_seconds_where_both_grew(rows: list[tuple[int, float]], expected: float):
    assert speed(rows) == pytest.approx(expected, nan_ok=True)


def test_what_users_told_is_in_the_view():
    """Other limits, and why nothing starts."""
    by = {"by": "me@box", "taken": True}
    told = [
        {"event": "control", "time": 2.0, "action": "set", "name": "rounds", "value": 9, "was": 3, **by},
        {"event": "control", "time": 3.0, "action": "pause", **by},
    ]
    found = seen(header(limits={"rounds": 3}), round_event(1, variant_entry(0, "baseline")), *told)
    assert found.rounds == 9
    assert found.warnings[0] == "the study is paused by me@box"
