"""A job under a launcher without supervisor: how it is ended, refused and told of."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import cloudpickle
import pytest

from autoloop.engine.inside.body import JobBody, LostJobError, refuse_second_start
from autoloop.engine.inside.interrupt import Interrupt
from autoloop.engine.inside.notes import EarlyEnd, Presence, visible_gpus
from autoloop.engine.inside.watch import Inside
from autoloop.runner.resume import end_of_earlier
from autoloop.stopping import StopDecision
from autoloop.store.status import read_status

SEND = """
    import signal, threading, time
    from autoloop.engine.inside.interrupt import Interrupt
    interrupt = Interrupt()
    BEFORE
    interrupt.open()
    threading.Timer(0.1, interrupt.send).start()
    try:
        time.sleep(30)
    except KeyboardInterrupt:
        print("ended", interrupt.sent, flush=True)
    interrupt.close()
    interrupt.send()
    print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""


@pytest.mark.parametrize(
    "before", ["pass", "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})"], ids=["plain", "blocked"]
)
def test_a_training_is_interrupted_once_and_the_signal_is_given_back(before):
    """Also in a process that blocks SIGINT, as Ray's workers do."""
    code = textwrap.dedent(SEND).replace("BEFORE", before)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["ended", "True", "True"]


def test_a_ctrl_c_of_the_user_is_passed_on_as_without_us():
    interrupt = Interrupt()
    interrupt.open()
    try:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    finally:
        interrupt.close()
    assert not interrupt.sent


def test_a_sigterm_that_makes_the_launchers_worker_exit_is_told_first_and_given_back():
    """As Ray's workers do: their handler exits, which would look like a failure of the training."""

    def exits(signum: int, frame: object) -> None:
        raise SystemExit(1)

    said: list[str] = []
    before = signal.signal(signal.SIGTERM, exits)
    try:
        interrupt = Interrupt(lambda: said.append("terminated"))
        interrupt.open()
        with pytest.raises(SystemExit):
            signal.raise_signal(signal.SIGTERM)
        interrupt.close()
        assert (said, signal.getsignal(signal.SIGTERM)) == (["terminated"], exits)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_job_that_began_once_is_not_started_again(tmp_path: Path):
    """Some launchers start a killed job again in the same directory; that is refused and told."""
    refuse_second_start(tmp_path)
    Presence(tmp_path).begin()
    with pytest.raises(LostJobError, match="lost without a message"):
        refuse_second_start(tmp_path)


def test_a_job_that_was_given_up_does_not_begin_later(tmp_path: Path):
    """A process that comes up after its study went on without it leaves the machine alone."""
    assert end_of_earlier(tmp_path).ended_by == "interrupted"
    with pytest.raises(LostJobError, match="gave this job up"):
        refuse_second_start(tmp_path)


def test_the_directory_says_where_a_job_runs_and_that_it_has_ended(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-abc")
    presence = Presence(tmp_path)
    presence.begin()
    status = read_status(tmp_path)
    assert status is not None
    assert (status["state"], status["pid"], status["gpus"]) == ("running", os.getpid(), ["3", "GPU-abc"])
    presence.end(0, None)
    after = read_status(tmp_path)
    assert after is not None
    assert (after["state"], after["exit_code"], after["started_at"]) == ("ended", 0, status["started_at"])


def test_gpus_are_none_where_nothing_names_them():
    assert visible_gpus({}) == visible_gpus({"CUDA_VISIBLE_DEVICES": ""}) == []


def test_a_stop_decision_comes_back_from_disk_as_it_was(tmp_path: Path):
    decision = StopDecision("behind", "far behind", 7, {"behind_pct": 12.0})
    EarlyEnd.by_rule(decision).write(tmp_path)
    found = EarlyEnd.read(tmp_path)
    assert found is not None
    assert (found.stop(), found.error) == (decision, "behind: far behind")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"ended_by": 3, "error": ""}', '{"decision": {"x": 1}}', "null"]
)
def test_a_damaged_note_is_no_note(tmp_path: Path, text: str):
    (tmp_path / "ended_early.json").write_text(text)
    assert EarlyEnd.read(tmp_path) is None


def test_a_note_with_an_unknown_decision_stops_nothing(tmp_path: Path):
    note = {"ended_by": "stopped", "error": "x", "decision": {"no": "such field"}}
    (tmp_path / "ended_early.json").write_text(json.dumps(note))
    found = EarlyEnd.read(tmp_path)
    assert found is not None
    assert found.stop() is None


def test_a_body_without_orders_is_the_task_itself_and_travels():
    """Under slots it does nothing but call the task; what is set before the trip arrives with it."""
    body = JobBody(lambda config: config + 1)
    assert body(1) == 2
    body.inside = Inside(timeout_s=3.0)
    arrived = cloudpickle.loads(cloudpickle.dumps(body))
    assert arrived.inside == Inside(timeout_s=3.0)
    assert arrived.__wrapped__(1) == 2
