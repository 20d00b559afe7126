"""Events: a line of a journal becomes a value and the same line again; what does not fit is named."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from autoloop.curves.objective import Objective
from autoloop.edits import ValueChange
from autoloop.errors import JournalError
from autoloop.store.journal import FILE_NAME, Journal, recorded
from autoloop.study.decisions import Decision, Refusal
from autoloop.study.events import (
    KINDS,
    AssumedObjective,
    Details,
    Event,
    JobEnded,
    JobPlaced,
    JobRequeued,
    JobStarted,
    ObjectiveSeen,
    Planned,
    ProbesJudged,
    RoundPlanned,
    RulesAsked,
    SearchClosed,
    StopAsked,
    StudyBegun,
    StudyResumed,
    StudyStopped,
    UserControl,
    read_event,
)
from autoloop.study.plans import Plan
from autoloop.study.record import Study
from autoloop.study.trials import TrialState

ROOT = next(one for one in Path(__file__).resolve().parents if (one / "pyproject.toml").exists())
JOURNALS = sorted((ROOT / "tests/data/studies").rglob(FILE_NAME))

PLAN = Plan("a", None, "", "", {}, "", (), ("lr=.inf",), "s", (ValueChange("lr", 1, math.inf),), ())
EVENTS: list[Event] = [
    StudyBegun(
        command="train", overrides=(), objective=Objective(goal="max"), judging=AssumedObjective(open=True)
    ),
    RoundPlanned(round=1, variants=(Planned(0, PLAN),), refused=(Refusal("a", "x", ("lr@mul=2",), "no"),)),
    RoundPlanned(round=1, variants=(Planned(1, PLAN),), refused=(), aim="confirm"),
    JobStarted(job=0, name="a", round=1, run_dir="0"),
    JobPlaced(job=0, handle={"slurm_job": "17"}, restarts=1, run_dir="0_again1"),
    StopAsked(job=0, name="a", rule="behind", reason="30 % behind", step=300, evidence={"behind_pct": 30.0}),
    JobEnded(
        objective=math.nan,
        state=TrialState.STOPPED,
        summary={"loss": {"last": 0.5, "count": 3}},
        steps=300,
        error="behind",
        details=Details(return_value=math.nan, slot=0, gpus=("0",), warnings=("hot",), signal="SIGTERM"),
        job=0,
    ),
    ProbesJudged(step=8, values={0: 0.5, 1: math.nan}, best=None),
    ObjectiveSeen(metric="loss", why="it says most", values={0: 0.5, 12: math.nan}),
    RulesAsked(round=1, decisions=(Decision("x", "a", "flat", edits=("lr@mul=2",)),), judged=(0,)),
    JobRequeued(job=2, of=0, name="a"),
    SearchClosed(reason="done", limits={"rounds": 1}),
    StudyStopped(reason="done", limits={"rounds": 1}),
    StudyResumed(pid=1, host="vm", names="unique"),
    UserControl(
        action="set", by="me@vm", asked_as="1-2-a", asked_at=5.0, name="rounds", value=3, was=2, taken=True
    ),
    UserControl(action="bounds", by="me@vm", path="lr", low=0.1, taken=True, outcome="held"),
    UserControl(action="add", by="me@vm", edits=("lr@mul=2",), of="a", reason="why", outcome="too late"),
]


@pytest.mark.parametrize("journal", JOURNALS, ids=lambda path: path.parent.name)
def test_a_journal_that_is_read_and_written_again_is_the_same_to_the_byte(journal: Path) -> None:
    lines = journal.read_bytes().splitlines()
    assert lines
    for line in lines:
        record = recorded(read_event(json.loads(line)).as_record())
        assert json.dumps(record, ensure_ascii=False, allow_nan=False).encode() == line


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_an_event_of_any_kind_is_read_as_it_was_written(event: Event) -> None:
    """Compared as text: NaN is itself there."""
    record = json.loads(json.dumps(recorded({**event.as_record(), "time": 3.0})))
    again = read_event(record)
    assert type(again) is type(event)
    assert recorded(again.as_record()) == record
    assert repr(again).replace("3.0", "nan", 1) == repr(event)


def test_events_of_all_kinds_are_tried() -> None:
    assert {event.kind for event in EVENTS} == set(KINDS)


@pytest.mark.parametrize(
    ("kind", "fields", "says"),
    [
        ("job", {"job": 0}, "the 'job' event cannot be read: its run_dir is missing"),
        ("job", {"job": "0", "run_dir": "0"}, "its job must be a whole number, not '0'"),
        ("job", {"job": True, "run_dir": "0"}, "its job must be a whole number, not True"),
        ("job", {"job": 0, "run_dir": "0", "gpus": [0]}, r"its gpus\[0\] must be a text, not 0"),
        ("requeue", {"job": 1.5, "of": 0}, "its job must be a whole number, not 1.5"),
        ("stop", {"failed": "no"}, "its failed must be true or false, not 'no'"),
        ("closing", {"reason": "x", "limits": []}, r"its limits must be a mapping, not \[\]"),
        ("study", {"objective": {"goal": 3}}, "its objective.goal must be a text, not 3"),
        ("study", {"judging": {"open": "no"}}, "its judging.open must be true or false, not 'no'"),
        ("objective", {"values": {"first": 1.0}}, "its values must be a mapping from whole numbers, not {"),
        ("objective", {"values": {"0": "low"}}, r"its values\['0'\] must be a number, not 'low'"),
        ("study", {"command": ["python", 3]}, r"its command\[1\] must be a text, not 3"),
        (
            "round",
            {"round": 1, "variants": [{"job": 0}], "refused": []},
            r"its variants\[0\].name is missing",
        ),
        ("decisions", {"round": 1, "decisions": [{"rule": "x"}]}, r"its decisions\[0\].trial is missing"),
        (
            "trial",
            {"job": 0, "objective": 1, "state": "DONE", "summary": {}, "steps": 1, "error": ""},
            "its state must be one of COMPLETE, FAILED, .*, not 'DONE'",
        ),
    ],
)
def test_a_field_that_does_not_fit_is_told_with_its_event_its_place_and_what_was_found(
    tmp_path: Path, kind: str, fields: dict[str, Any], says: str
) -> None:
    with pytest.raises(JournalError, match=says):
        read_event({"event": kind, "time": 0.0, **fields})
    line = json.dumps({"event": kind, "v": 1, "time": 0.0, **fields})
    (tmp_path / FILE_NAME).write_text(f'{{"event": "study", "v": 1, "time": 0}}\n{line}\n')
    with pytest.raises(JournalError, match=rf"line 2 of .*{says}"):
        Journal(tmp_path)


def test_what_older_journals_lack_has_its_default_and_what_newer_ones_add_is_passed_over() -> None:
    older = read_event({"event": "decisions", "time": 0, "round": 1, "decisions": [_silent()]})
    assert isinstance(older, RulesAsked)
    assert (older.judged, older.decisions[0].judged, older.decisions[0].final) == (None, "a", False)
    newer = read_event({"event": "requeue", "time": 0, "job": 1, "of": 0, "why": {"some": "day"}})
    assert newer == JobRequeued(time=0, job=1, of=0)
    begun = read_event({"event": "study", "time": 0, "command": ["python", "x.py"], "limits": None})
    assert begun == StudyBegun(time=0, command=("python", "x.py"))


def _silent() -> dict[str, Any]:
    return {"rule": "x", "trial": "a", "reason": "flat", "evidence": {}, "edits": [], "expects": ""}


def test_an_event_that_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        with pytest.raises(JournalError, match=r"its decisions\[0\]\.rule must be a text, not 3"):
            journal.append(RulesAsked(round=1, decisions=(Decision(3, "a", "flat"),)))  # type: ignore[arg-type]
        assert journal.path.read_bytes() == b""
        assert journal.append(StudyBegun(task="x")).time > 0


def test_what_holds_a_nan_equals_what_holds_the_same() -> None:
    """On every Python: from 3.13 on dataclasses compare field by field, where a NaN differs from itself."""

    def ended(evidence: float, objective: float = math.nan) -> Study:
        asked = StopAsked(job=0, name="a", rule="x", reason="", step=1, evidence={"slope": evidence})
        end = JobEnded(
            job=0,
            state=TrialState.STOPPED,
            objective=objective,
            summary={},
            steps=1,
            error="",
            details=Details(),
        )
        return Study.replay([EVENTS[0], *EVENTS[1:2], EVENTS[3], asked, end])

    assert ended(float("nan")) == ended(float("nan"), float("nan"))
    assert ended(float("nan")) != ended(float("nan"), 1.0)
    assert ended(float("nan")) != ended(1.0)
