"""What a user may tell a running study, what is answered, and what holds then."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from autoloop.edits.effects import IgnoredKnob
from autoloop.errors import ConfigError
from autoloop.loop.controls import (
    ACTIONS,
    Standing,
    bounds_of,
    ignored_of,
    jobs_at_once,
    judge,
    limits_of,
    parse_control,
)
from autoloop.loop.due import Decide, Flow, Hold, Limits, PlanRound, Run, Stop, next_step
from autoloop.study.events import UserControl, read_event
from autoloop.study.record import Study
from tests.helpers.studies import (
    decisions_event,
    job_event,
    replay,
    round_event,
    study_event,
    trial_event,
    variant_entry,
)

CHILD = {"parent": "baseline", "rule": "faster", "edits": ["lr@mul=2"]}
BEGUN = [
    study_event(limits={"rounds": 3}),
    round_event(1, variant_entry(0, "baseline"), variant_entry(1, "done", **CHILD)),
    job_event(0),
    trial_event(0),
    job_event(1),
    trial_event(1),
    decisions_event(1),
    round_event(2, variant_entry(2, "runs", **CHILD), variant_entry(3, "waits", **CHILD)),
    job_event(2),
]
STANDING = Standing(Limits(rounds=3), slots=2, config=lambda: {"lr": 0.1, "wd": 0.0})


def control_of(words: str) -> UserControl:
    return replace(parse_control(words.split()), by="me@box", asked_as=words)


def answered(words: str, study: Study | None = None, **standing: Any) -> UserControl:
    return judge(control_of(words), study or replay(BEGUN), replace(STANDING, **standing))


def after_requests(study: Study, *lines: str, **standing: Any) -> Study:
    """The study after requests, each of which must be accepted."""
    for line in lines:
        answer = answered(line, study, **standing)
        assert answer.taken, answer.outcome
        study.record(replace(answer, time=1.0))
    return study


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        ("stop 3", {"action": "stop", "name": "3"}),
        ("rounds=6", {"action": "set", "name": "rounds", "value": 6}),
        ("set max_hours=1.5", {"action": "set", "name": "max_hours", "value": 1.5}),
        ("max_jobs=none", {"action": "set", "name": "max_jobs", "value": None}),
        ("bounds lr 1e-5 none", {"action": "bounds", "path": "lr", "low": 1e-5, "high": None}),
        ("add lr@mul=2 wd@set=0 name=x of=a", {"edits": ("lr@mul=2", "wd@set=0"), "name": "x", "of": "a"}),
        ("approve 2", {"action": "approve", "round": 2}),
        ("pause", {"action": "pause"}),
    ],
)
def test_words_are_understood(words: str, fields: dict[str, Any]):
    request = parse_control(words.split())
    assert {name: getattr(request, name) for name in fields} == fields


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("", "say what is to be done: stop, keep"),
        ("stopp 3", "did you mean 'stop'"),
        ("stop", "say stop JOB"),
        ("stop 1 2", "say stop JOB"),
        ("round=6", "did you mean 'rounds'"),
        ("rounds=0", "a whole number of 1 or more"),
        ("rounds=1.5", "a whole number of 1 or more"),
        ("rounds=none", "give a large one"),
        ("max_hours=0", "expected hours"),
        ("max_hours=nan", "'nan' is not a number"),
        ("rounds=2 max_jobs=3", "one setting at a time"),
        ("bounds lr 2 1", "above the upper one"),
        ("bounds lr 1", "say bounds PATH"),
        ("add name=x", "say add EDIT"),
        ("add lr@mull=2", "mull"),
        ("pause 3", "takes no further word"),
        ("approve x", "'x' is not a number"),
    ],
)
def test_what_cannot_be_understood_is_said(words: str, says: str):
    with pytest.raises(ConfigError, match=says):
        parse_control(words.split())


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        ("stop 1", r"too late: job 1 \(done\) has ended: COMPLETE"),
        ("stop waits", r"job 3 \(waits\) has not started; refuse takes it out"),
        ("stop rums", "there is no job 'rums'; did you mean 'runs'"),
        ("keep done", "too late: job 1"),
        ("refuse runs", r"too late: job 2 \(runs\) runs; stop ends it"),
        ("refuse done", "too late"),
        ("add lr@mul=3 of=nobody", "there is no job 'nobody'"),
        ("ban lrr", "the config has nothing at 'lrr'; did you mean 'lr'"),
        ("free lr", "lr is neither banned nor ignored"),
        ("n_jobs=3", "the launcher has 2 slots"),
        ("continue", "the study is not paused"),
        ("approve", "the study runs without approve=true"),
    ],
)
def test_what_cannot_be_done_is_answered_with_why(words: str, outcome: str):
    answer = answered(words)
    assert not answer.taken
    assert re.search(outcome, answer.outcome), answer.outcome


@pytest.mark.parametrize("action", ACTIONS)
def test_everything_comes_too_late_for_a_study_that_is_over(action: str):
    study = replay([*BEGUN, trial_event(2), {"event": "stop", "time": 0.0, "reason": "all is done"}])
    answer = judge(UserControl(action=action, by="me@box", name="2", path="lr"), study, STANDING)
    assert (answer.taken, answer.outcome) == (False, "too late: the study is over (all is done)")


def test_an_unknown_action_and_a_second_pause_are_refused():
    assert (
        "not a request that a study knows" in judge(UserControl(action="x", by=""), Study(), STANDING).outcome
    )
    assert (
        answered("pause", after_requests(replay(BEGUN), "pause")).outcome
        == "the study is paused by me@box already"
    )


def test_a_job_is_stopped_once():
    answer = answered("stop runs")
    assert (answer.taken, answer.jobs, answer.outcome) == (True, (2,), "job 2 (runs) is stopped")
    asked = {
        "event": "stopping",
        "time": 0.0,
        "job": 2,
        "rule": "user",
        "reason": "r",
        "step": 3,
        "evidence": {},
    }
    assert "is being stopped by user" in answered("stop 2", replay([*BEGUN, asked])).outcome


def test_a_pause_holds_all_that_would_start_until_the_study_goes_on():
    study = after_requests(replay(BEGUN), "pause")
    assert next_step(study, STANDING.limits) == Hold("paused by me@box")
    assert isinstance(next_step(after_requests(study, "continue"), STANDING.limits), Run)


def test_time_in_which_a_paused_study_runs_nothing_is_none():
    study = after_requests(replay(BEGUN), "pause")
    study.record(UserControl(action="keep", by="x", time=50.0))  # a job runs: it counts
    counted = study.seconds
    study.record(replace(read_event(trial_event(2)), time=60.0))
    study.record(UserControl(action="keep", by="x", time=3600.0))
    assert (counted, study.seconds) == (50.0, 60.0)


@pytest.mark.parametrize("word", ["finish", "end"])
def test_an_end_starts_nothing_more_and_stops_the_study(word: str):
    study = after_requests(replay(BEGUN), word)
    step = next_step(study, STANDING.limits)
    assert isinstance(step, Stop)
    assert "by me@box" in step.reason
    study.record(read_event({"event": "resume", "time": 2.0}))
    assert not isinstance(next_step(study, STANDING.limits), Stop)  # who goes on with it wants it to


def test_a_finish_is_taken_back_while_something_runs():
    study = after_requests(replay(BEGUN), "finish", "continue")
    assert isinstance(next_step(study, STANDING.limits), Run)


def test_a_refused_proposal_is_not_run_nor_made_again_and_leaves_its_number_taken():
    study = after_requests(replay(BEGUN), "refuse waits")
    assert [job.name for job in study.counted()] == ["baseline", "done", "runs"]
    assert [(one.rule, one.why) for one in study.refused[2]] == [("faster", "refused by me@box")]
    assert study.controls.refused == {"signature of waits": "refused by me@box"}
    assert study.next_job == 4
    assert study.searched == 3
    study.record(read_event(round_event(2, variant_entry(4, "next", **CHILD))))
    assert [(job.job, job.place) for job in study.counted()] == [(0, 0), (1, 1), (2, 2), (4, 4)]
    assert "waits" in set(study.names)


def test_the_baseline_cannot_be_refused():
    study = replay([study_event(), round_event(1, variant_entry(0, "baseline"))])
    assert "a starting point" in answered("refuse 0", study).outcome


def test_limits_that_were_told_hold_in_later_processes_until_one_says_otherwise():
    study = after_requests(replay(BEGUN), "rounds=5", "max_hours=2")
    assert limits_of(study, Limits(rounds=3)) == Limits(rounds=5, max_hours=2.0)
    assert limits_of(study, Limits(rounds=4)) == Limits(rounds=4, max_hours=2.0)
    after_requests(study, "rounds=7", limits=Limits(rounds=4))
    assert limits_of(study, Limits(rounds=4)).rounds == 7
    assert limits_of(study, Limits(rounds=3)).rounds == 7  # as the study's own command says
    after_requests(study, "max_hours=none", limits=Limits(rounds=4))
    assert limits_of(study, Limits()).max_hours is None


def test_a_limit_that_was_told_decides():
    ended = [*BEGUN, trial_event(2), job_event(3), trial_event(3), decisions_event(2)]
    assert next_step(replay(ended), Limits(rounds=3)) == PlanRound(3)
    step = next_step(after_requests(replay(ended), "rounds=2"), Limits(rounds=3))
    assert step == Stop("all 2 rounds are done")


def test_fewer_jobs_at_once():
    study = after_requests(replay(BEGUN), "n_jobs=1")
    assert (jobs_at_once(study, 2), jobs_at_once(study, None), jobs_at_once(Study(), 2)) == (1, 1, 2)


def test_knobs_are_banned_freed_and_bounded():
    ignored = (IgnoredKnob("wd", "not heeded"),)
    study = after_requests(replay(BEGUN), "ban lr", "bounds lr 0 1")
    assert [(knob.path, knob.why) for knob in ignored_of(study, ignored)] == [
        ("wd", "not heeded"),
        ("lr", "banned by me@box"),
    ]
    assert bounds_of(study, {"lr": (None, 5.0), "wd": (0.0, None)}) == {"lr": (0.0, 1.0), "wd": (0.0, None)}
    after_requests(study, "free lr", "free wd", ignored=("wd",))
    assert list(ignored_of(study, ignored)) == []


def test_each_round_waits_for_its_yes():
    asks = Flow(needs_approval=True)
    study = replay([study_event(), round_event(1, variant_entry(0, "baseline"))])
    assert next_step(study, Limits(), asks) == Hold("round 1 waits for a yes")
    answer = answered("approve", study, needs_approval=True)
    assert (answer.round, answer.outcome) == (1, "round 1 runs: 1 job")
    assert answered("approve 2", study, needs_approval=True).outcome == "round 2 does not wait for a yes"
    after_requests(study, "approve", needs_approval=True)
    assert isinstance(next_step(study, Limits(), asks), Run)
    assert answered("approve", study, needs_approval=True).outcome == "no round waits for a yes"


def test_a_variant_is_refused_where_no_place_is_left():
    study = replay(BEGUN)
    assert (
        "max_jobs=4; a larger one makes room"
        in answered("add lr@mul=9", study, limits=Limits(max_jobs=4)).outcome
    )
    assert answered("add lr@mul=9", study, limits=Limits(max_jobs=5)).taken
    closed = replay([*BEGUN, {"event": "closing", "time": 0.0, "reason": "done", "limits": {}}])
    assert "too late: the search is over" in answered("add lr@mul=9", closed).outcome


def test_what_was_refused_changes_nothing_but_is_known():
    study = replay(BEGUN)
    before = study.controls
    study.record(replace(answered("stop 1"), time=1.0))
    assert replace(study.controls, handled=frozenset()) == before
    assert study.controls.handled == {"stop 1"}
    assert next_step(study, STANDING.limits) == next_step(replay(BEGUN), STANDING.limits)
    assert isinstance(next_step(replay(BEGUN[:6]), STANDING.limits), Decide)
