"""The journal: what is written stays, what is damaged is named, one process at a time."""

from __future__ import annotations

import errno
import fcntl
import json
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from autoloop.errors import JournalError
from autoloop.store.journal import FILE_NAME, LOCK_NAME, Journal, read_study
from tests.helpers.studies import event_of

ROUND = {
    "round": 1,
    "refused": [],
    "variants": [
        {
            "job": 0,
            "name": "baseline",
            "parent": None,
            "rule": "",
            "reason": "",
            "evidence": {},
            "expects": "",
            "edits": [],
            "overrides": ["a=1"],
            "signature": "s",
            "changes": [["a", 1, 2]],
            "notes": [],
        }
    ],
}
TRIAL = {"job": 0, "state": "COMPLETE", "summary": {}, "steps": 3, "error": ""}


def test_what_was_written_is_there_when_the_study_is_opened_again(tmp_path: Path):
    with Journal(tmp_path) as journal:
        journal.append(event_of("study", command="x"))
        journal.append(event_of("round", **ROUND))
    with Journal(tmp_path) as journal:
        assert journal.study.header.command == "x"
        assert journal.study.jobs[0].plan.changes == (("a", 1, 2),)
        assert journal.study.jobs == read_study(tmp_path).jobs


def test_nan_is_written_as_null_and_read_as_nan(tmp_path: Path):
    with Journal(tmp_path) as journal:
        journal.append(event_of("round", **ROUND))
        journal.append(event_of("trial", objective=math.nan, **TRIAL))
    assert "NaN" not in (tmp_path / FILE_NAME).read_text()
    assert math.isnan(read_study(tmp_path).jobs[0].objective)


def test_a_half_written_last_line_is_cut_off(tmp_path: Path):
    with Journal(tmp_path) as journal:
        journal.append(event_of("study", command="x"))
    with (tmp_path / FILE_NAME).open("a") as file:
        file.write('{"event": "round", "v"')
    assert read_study(tmp_path).jobs == {}
    with Journal(tmp_path) as journal:
        journal.append(event_of("round", **ROUND))
    assert list(read_study(tmp_path).jobs) == [0]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("not json", "line 2"),
        ("[1, 2]", "line 2"),
        ('{"event": "round", "v": 99, "time": 0}', "version 99"),
        ('{"event": "surprise", "v": 1, "time": 0}', "surprise"),
        (
            '{"event": "trial", "v": 1, "time": 0, "job": 7}',
            "line 2 .*'trial' event .* its objective is missing",
        ),
        ('{"event": "requeue", "v": 1, "time": 0, "of": 7, "job": 8}', "line 2 .*'requeue' event .* job 7"),
        (
            '{"event": "requeue", "v": 1, "time": 0, "of": "7", "job": 8}',
            "its of must be a whole number, not '7'",
        ),
        ("[" * 100_000, "line 2"),
    ],
)
def test_any_other_damage_is_an_error_that_says_where(tmp_path: Path, line: str, says: str):
    with Journal(tmp_path) as journal:
        journal.append(event_of("study", command="x"))
    with (tmp_path / FILE_NAME).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(JournalError, match=says):
        Journal(tmp_path)


def test_a_second_process_is_refused_with_the_pid_of_the_first(tmp_path: Path):
    with Journal(tmp_path), pytest.raises(JournalError, match=f"process {os.getpid()} on "):
        Journal(tmp_path)


def test_a_killed_process_holds_no_lock(tmp_path: Path):
    code = """
import sys, time, pathlib
from autoloop.store.journal import Journal
journal = Journal(pathlib.Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(JournalError, match=f"process {holder.pid} "):
            Journal(tmp_path)
        holder.send_signal(signal.SIGKILL)
    Journal(tmp_path).close()


def test_the_lock_is_the_journals_own(tmp_path: Path):
    """Whoever removes the file that says who holds a study does not let a second process in."""
    with Journal(tmp_path) as journal:
        journal.append(event_of("study", command="x", pid=4711, host="there"))
        (tmp_path / LOCK_NAME).unlink()
        with pytest.raises(JournalError, match="is being run by process 4711 on there"):
            Journal(tmp_path)


def test_a_file_system_without_locks_is_named_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(JournalError, match="has no locks"):
        Journal(tmp_path)


def replaced(study: Path) -> None:
    """As an editor, ``sed -i`` or a restore from a backup does it."""
    shutil.copy(study / FILE_NAME, study / "copy")
    (study / "copy").rename(study / FILE_NAME)


def another_made(study: Path) -> None:
    study.rename(study.with_name("elsewhere"))
    study.mkdir()
    (study / FILE_NAME).touch()


@pytest.mark.parametrize(
    "change",
    [
        shutil.rmtree,
        lambda study: (study / FILE_NAME).unlink(),
        lambda study: study.rename(study.with_name("elsewhere")),
        replaced,
        another_made,
    ],
    ids=["removed", "journal removed", "renamed", "replaced", "another made"],
)
def test_nothing_is_written_where_nobody_looks_for_it(tmp_path: Path, change: Callable[[Path], object]):
    """A line that would not stand at the study's path is an error, and no study is changed by it."""
    journal = Journal(tmp_path / "s")
    journal.append(event_of("study", command="x"))
    change(tmp_path / "s")
    before = {path: path.read_bytes() for path in tmp_path.rglob(FILE_NAME)}
    with pytest.raises(JournalError, match="is no longer at"):
        journal.append(event_of("round", **ROUND))
    assert {path: path.read_bytes() for path in tmp_path.rglob(FILE_NAME)} == before
    assert journal.study.jobs == {}
    journal.close()


def test_an_event_that_fails_halfway_leaves_the_study_as_the_file_has_it(tmp_path: Path):
    """An event that speaks of an unknown job is in neither, whoever holds the study."""
    with Journal(tmp_path) as journal:
        journal.append(event_of("study", command="x"))
        held = journal.study
        with pytest.raises(JournalError):
            journal.append(event_of("job", job=7, name="none", round=1, run_dir="7"))
        assert "7" not in held.tally.run_dirs
        assert held.events == read_study(tmp_path).events
        journal.append(event_of("round", **ROUND))
        assert list(held.jobs) == [0]


def test_a_full_disk_leaves_what_was_written_before(tmp_path: Path):
    """A limit on the size of files stands in for the full disk: the same OSError at the same call."""
    journal = Journal(tmp_path)
    journal.append(event_of("study", command="x"))
    size = (tmp_path / FILE_NAME).stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50, hard))
    try:
        with pytest.raises(JournalError, match="nothing that was written is lost"):
            journal.append(event_of("round", **ROUND))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    journal.append(event_of("round", **ROUND))
    journal.close()
    assert list(read_study(tmp_path).jobs) == [0]


def test_a_directory_that_cannot_be_written_is_one_clear_error(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="cannot write the study"):
        Journal(tmp_path / "file" / "study")


def test_secrets_of_the_environment_never_reach_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WANDB_API_KEY", "0123456789abcdef")
    with Journal(tmp_path) as journal:
        journal.append(event_of("study", command="train wandb.key=0123456789abcdef"))
    assert json.loads((tmp_path / FILE_NAME).read_text())["command"] == "train wandb.key=<WANDB_API_KEY>"


def test_reading_where_there_is_no_study_says_so(tmp_path: Path):
    with pytest.raises(JournalError, match=r"there is no study\.jsonl"):
        read_study(tmp_path)
