"""The user's command gets each message once; whatever it does, the study goes on."""

from __future__ import annotations

import json
import logging
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from autoloop.config.notify import NotifySettings
from autoloop.errors import ConfigError
from autoloop.store.journal import Journal
from autoloop.views.notify.notifier import RECORD, Notifier, send_message
from tests.helpers.live_app.terminal import APP, environment
from tests.helpers.studies import event_of, variant_entry


def end_a_study(study_dir: Path, settings: NotifySettings) -> list[dict[str, Any]]:
    """Let a study of no jobs end; return what was recorded of its messages."""
    with Journal(study_dir) as journal, Notifier(settings, study_dir) as notifier:
        journal.observers.append(notifier.on_event)
        journal.append(event_of("study"))
        journal.append(event_of("round", round=1, variants=[variant_entry(0, "baseline")], refused=[]))
        journal.append(event_of("decisions", round=1, decisions=[]))
        journal.append(event_of("stop", reason="done"))
    return [json.loads(line) for line in (study_dir / RECORD).read_text().splitlines()]


@pytest.mark.parametrize("as_list", [False, True])
def test_each_message_is_one_json_line_on_standard_input(tmp_path: Path, as_list: bool):
    """The command is a line for the shell, or a program and its words."""
    got = tmp_path / "got"
    line = f"cat >> {shlex.quote(str(got))}; echo done"
    recorded = end_a_study(tmp_path, NotifySettings(("sh", "-c", line) if as_list else line))
    messages = [json.loads(text) for text in got.read_text().splitlines()]
    assert [message["event"] for message in messages] == ["round_end", "no_winner"]
    assert [entry["message"] for entry in recorded] == messages
    assert [entry["problem"] for entry in recorded] == ["", ""]


def test_it_may_leave_its_input_unread_and_something_running(tmp_path: Path):
    """A background process that keeps the output open is not waited for."""
    pid = tmp_path / "pid"
    assert (
        send_message(NotifySettings(f"sleep 60 & echo $! > {shlex.quote(str(pid))}"), "x" * 1_000_000) == ""
    )
    os.kill(int(pid.read_text()), 9)


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("echo 'no \x1b[31mroute' >&2; exit 3", "exit code 3: no \\x1b[31mroute"),
        ("exit 4", "exit code 4"),
        ("kill -9 $$", "exit code -9"),
        (("/no/such/program", "x"), "/no/such/program: No such file or directory"),
        ("sleep 60", "it took longer than 0.3 s (notify.timeout_s) and was ended"),
    ],
)
def test_a_command_that_fails_is_a_recorded_warning_and_no_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, command: Any, problem: str
):
    with caplog.at_level(logging.WARNING, "autoloop"):
        recorded = end_a_study(tmp_path, NotifySettings(command, timeout_s=0.3))
    assert [entry["problem"] for entry in recorded] == [problem, problem]
    assert caplog.messages == [
        f"notify.command failed on {event}: {problem}" for event in ("round_end", "no_winner")
    ]


def test_a_time_out_ends_all_that_the_command_started(tmp_path: Path):
    pid = tmp_path / "pid"
    line = f"sh -c 'echo $$ > {shlex.quote(str(pid))}.tmp; mv {pid}.tmp {pid}; sleep 60' & wait"
    assert "took longer" in send_message(NotifySettings(line, timeout_s=2.0), "{}")
    for _ in range(1000):
        if is_dead(int(pid.read_text())):
            return
        time.sleep(0.02)
    pytest.fail("it still runs")


def is_dead(pid: int) -> bool:
    """Gone, or waiting to be collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_secrets_of_the_environment_are_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MY_TOKEN", tmp_path.name)
    got = tmp_path / "got"
    end_a_study(tmp_path, NotifySettings(f"cat >> {shlex.quote(str(got))}"))
    assert tmp_path.name not in got.read_text() + (tmp_path / RECORD).read_text()
    assert "<MY_TOKEN>" in got.read_text()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("mail me", "notify='mail me' is not a mapping; to name a command, set notify.command"),
        ({"comand": "x"}, "notify has no key 'comand'; did you mean 'command'"),
        ({"command": 3}, "notify.command=3 is neither a line for the shell nor a list of words"),
        ({"command": []}, r"notify.command=\[\] is neither"),
        ({"timeout_s": 0}, "notify.timeout_s=0 is not a number above 0"),
        ({"failures": True}, "notify.failures=True is not a number above 0"),
    ],
)
def test_a_mistake_in_the_settings_is_told(given: Any, says: str):
    with pytest.raises(ConfigError, match=says):
        NotifySettings.read(given)


def test_the_settings_have_defaults():
    assert NotifySettings.read(None) == NotifySettings.read({}) == NotifySettings(None, 10.0, 3)
    assert NotifySettings.read({"command": " "}).command is None
    read = NotifySettings.read({"command": ["curl", "-d@-", "host"], "timeout_s": 3, "failures": 1})
    assert read == NotifySettings(("curl", "-d@-", "host"), 3.0, 1)
    assert read.argv == ["curl", "-d@-", "host"]


def test_a_whole_study_tells_of_its_failures_and_its_end(tmp_path: Path):
    """In an app of one's own the knob stands under ``autoloop``."""
    (tmp_path / "gate").touch()
    done = subprocess.run(
        [
            sys.executable,
            str(APP),
            "-m",
            "hydra/sweeper=autoloop",
            "hydra/launcher=slots",
            "hydra.sweep.dir=study",
            "hydra.launcher.n_jobs=1",
            "hydra.sweeper.metrics={objective:loss}",
            "hydra.sweeper.variants={fast:{lr@mul:0.5}}",
            "fails=true",
            "+autoloop.notify={command:'cat >> got',failures:2}",
        ],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert done.returncode == 1, done.stderr
    messages = [json.loads(line) for line in (tmp_path / "got").read_text().splitlines()]
    assert [message["event"] for message in messages] == ["failure_streak", "round_end", "no_winner"]
    assert messages[0]["error"] == "ValueError: no luck today"
