"""Watching a study from outside: lines where there is no terminal, one look at what is finished."""

from __future__ import annotations

import io
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from autoloop.cli import call
from autoloop.errors import JournalError
from autoloop.store.journal import FILE_NAME, Journal
from autoloop.study.events import KINDS
from autoloop.views.live.lines import describe
from autoloop.views.live.watch import EMPTY, GONE, watch
from tests.helpers.studies import event_of, variant_entry

TIME = re.compile(r"^\d\d:\d\d:\d\d ", re.MULTILINE)
TRIAL = {"job": 0, "summary": {}, "steps": 10, "objective": 0.25, "error": ""}

Step = Callable[[Journal], object]

#: What a small study does, one event each, and the line that tells it.
STORY: list[tuple[Step, str]] = [
    (
        lambda j: j.append(event_of("study", task="act_ot", limits={"rounds": 1}, **me())),
        "study of act_ot: 1 round",
    ),
    (
        lambda j: j.append(event_of("round", round=1, variants=[variant_entry(0, "baseline")], refused=[])),
        "round 1: 1 job: baseline",
    ),
    (lambda j: j.append(event_of("job", job=0, run_dir="0")), "job 0 started: baseline"),
    (
        lambda j: j.append(
            event_of("trial", **{**TRIAL, "state": "INTERRUPTED", "error": "cut", "log": "job.log"})
        ),
        "job 0 INTERRUPTED: baseline: cut (log: 0/job.log)",
    ),
    (lambda j: j.append(event_of("resume", **me())), "the study goes on"),
    (lambda j: j.append(event_of("requeue", of=0, job=1)), "job 0 (baseline) is tried again as job 1"),
    (lambda j: j.append(event_of("job", job=1, run_dir="1")), "job 1 started: baseline"),
    (
        lambda j: j.append(
            event_of("placed", job=1, handle={"slurm_job": "17"}, restarts=1, run_dir="1_again1")
        ),
        "job 1 (baseline) is out as 17, started 1 time again",
    ),
    (
        lambda j: j.append(
            event_of(
                "control", action="keep", by="me@vm", name="baseline", jobs=[1], taken=True, outcome="ok"
            )
        ),
        "me@vm: keep baseline: ok",
    ),
    (
        lambda j: j.append(event_of("control", action="pause", by="me@vm", outcome="too late: it is over")),
        "me@vm: pause: refused: too late: it is over",
    ),
    (
        lambda j: j.append(
            event_of("stopping", job=1, rule="no_mass", reason="no transport", step=300, evidence={})
        ),
        "job 1 (baseline) is stopped by no_mass: no transport",
    ),
    (
        lambda j: j.append(event_of("trial", **{**TRIAL, "job": 1, "state": "COMPLETE"})),
        "job 1 COMPLETE: baseline, objective 0.25",
    ),
    (
        lambda j: j.append(event_of("probed", step=8, values={"1": 0.25}, best=1)),
        "the probes are judged at step 8: baseline is best and goes on",
    ),
    (
        lambda j: j.append(event_of("objective", metric="loss", why="it says most", values={"1": 0.25})),
        "the objective: the study minimises loss: it says most; hydra.sweeper.direction=maximize reverses it",
    ),
    (
        lambda j: j.append(
            event_of(
                "decisions",
                round=1,
                decisions=[{"trial": "baseline", "rule": "mass", "reason": "flat", "edits": ["a@set=1"]}],
            )
        ),
        "round 1 is complete; proposals: mass on baseline",
    ),
    (
        lambda j: j.append(event_of("closing", reason="the round is done", limits={})),
        "the search is over: the round is done",
    ),
    (
        lambda j: j.append(
            event_of(
                "round", round=1, variants=[variant_entry(2, "b", parent="a")], refused=[], aim="confirm"
            )
        ),
        "confirm: 1 job: b",
    ),
    (
        lambda j: j.append(event_of("stop", reason="the round is done")),
        "the study ends after 1 job: the round is done; the best is baseline (job 1), objective 0.25, "
        "which is the starting point itself",
    ),
]


def me() -> dict[str, object]:
    return {"pid": os.getpid(), "host": socket.gethostname()}


def test_an_empty_journal_is_said_to_be_empty(tmp_path: Path):
    """Once, until the study begins."""
    (tmp_path / FILE_NAME).touch()
    out, looks = io.StringIO(), iter(range(3))

    def wait(_: float) -> None:
        if next(looks) == 2:
            with Journal(tmp_path) as journal:
                journal.append(event_of("study", **me()))
                journal.append(event_of("stop", reason="nothing to do"))

    assert watch(tmp_path, out, sleep=wait)
    assert out.getvalue().count(EMPTY) == 1
    assert "nothing to do" in out.getvalue().splitlines()[-1]


def test_every_event_is_one_line_as_it_happens(tmp_path: Path):
    """What is there already comes first, then each event when it is written; the last one ends it."""
    with Journal(tmp_path) as journal:
        steps = iter(STORY)
        for _ in range(3):
            next(steps)[0](journal)
        out = io.StringIO()
        finished = watch(tmp_path, out, sleep=lambda _: next(steps)[0](journal))
    assert finished
    assert next(steps, None) is None
    assert TIME.sub("", out.getvalue()) == "".join(f"{line}\n" for _, line in STORY)


def test_every_kind_of_event_has_words(tmp_path: Path):
    kinds = set(KINDS)
    with Journal(tmp_path) as journal:
        events = [journal.append] and [step(journal) for step, _ in STORY]
    assert {event.kind for event in events} == kinds


def test_a_hostile_name_stays_in_its_line(tmp_path: Path):
    with Journal(tmp_path) as journal:
        journal.append(event_of("study"))
        event = journal.append(
            event_of("round", round=1, variants=[variant_entry(0, "a\x1b]0;title\x07\r\nb")], refused=[])
        )
        assert describe(event, journal.study)[9:] == "round 1: 1 job: a\\x1b]0;title\\x07 b"


def test_a_study_whose_process_is_gone_is_told_as_such(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with Journal(tmp_path) as journal:
        journal.append(event_of("study", pid=gone.pid, host=socket.gethostname()))
    with pytest.raises(SystemExit) as exit_info:
        call("watch", tmp_path)
    assert exit_info.value.code == 1
    assert capsys.readouterr().out.endswith(f"{GONE}\n")


def test_a_pid_that_is_another_processs_by_now_is_not_taken_for_the_studys(tmp_path: Path):
    """Pids are used again: the process that runs a study has its journal open."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        with Journal(tmp_path) as journal:
            journal.append(event_of("study", pid=other.pid, host=socket.gethostname()))
        out, looks = io.StringIO(), iter(range(3))  # it is not waited for
        assert not watch(tmp_path, out, sleep=lambda _: next(looks) and None)
        assert out.getvalue().endswith(f"{GONE}\n")
        other.communicate(b"\n")


def test_a_study_on_another_machine_is_followed_to_its_end(tmp_path: Path):
    with Journal(tmp_path) as journal:
        journal.append(event_of("study", pid=1, host="some other host"))
        out = io.StringIO()
        assert watch(tmp_path, out, sleep=lambda _: journal.append(event_of("stop", reason="done")))
        assert GONE not in out.getvalue()


def test_watching_nothing_is_an_error(tmp_path: Path):
    with pytest.raises(JournalError, match="no study in"):
        watch(tmp_path, io.StringIO())
