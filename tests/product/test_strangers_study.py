"""A study that somebody else wrote is data: one message for what is wrong, nothing outside is touched."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import autoloop.cli as cli
from autoloop.cli.launch import check_trust
from autoloop.engine.inside.notes import EarlyEnd
from autoloop.errors import AutoloopError, JournalError
from autoloop.history.run_notes import NOTES
from autoloop.runner.collect import JobEnd
from autoloop.store.files import make_job_dir
from autoloop.store.journal import FILE_NAME, LOCK_NAME, Journal, read_study
from autoloop.store.status import read_status
from autoloop.study.events import KINDS, read_event
from autoloop.study.record import Study
from tests.helpers.studies import job_event, round_event, study_event, trial_event, variant_entry

LIMITS = {"rounds": 2, "max_jobs": None}
PARTS = {"first": 1.0, "last": 0.5, "best": 0.5, "best_step": 3, "delta": -0.5, "pct": -50.0, "count": 4}
SETTINGS = {
    "metrics": {"objective": "eval/l1", "goals": {"eval/l1": "min"}, "aliases": {}, "finite": ["eval/l1"]},
    "rules": {"step": {"_target_": "autoloop.rules.Fallback", "edits": ["x@mul=0.9"]}},
}
DECISION = {"rule": "step", "trial": "a", "reason": "r", "evidence": {"n": 1}, "edits": ["x@mul=0.9"]}
A = {
    "parent": "baseline",
    "rule": "step",
    "reason": "r",
    "changes": [["x", 1.0, 0.7]],
    "edits": ["x@mul=0.7"],
}
EVERY_KIND: list[dict[str, Any]] = [
    study_event(
        command="python app.py -m",
        cwd="/",
        task="app",
        pid=1,
        host="h",
        overrides=["a=1"],
        judging={"why": "w", "open": False},
        limits=LIMITS,
        starts=["baseline"],
        config={"x": 1.0},
        identity={"config": {"x": 1.0}, "files": {"c": "h"}, "knobs": ["rounds"]},
        settings=SETTINGS,
    ),
    round_event(1, variant_entry(0, "baseline"), variant_entry(1, "a", **A), variant_entry(2, "b")),
    {**job_event(0), "name": "baseline", "round": 1, "slot": 0, "gpus": ["0"]},
    {**trial_event(0), "summary": {"eval/l1": PARTS}, "started_at": 1.0, "ended_at": 2.0, "slot": 0},
    {**job_event(1), "name": "a", "round": 1},
    {"event": "placed", "time": 0.0, "job": 1, "handle": {"slurm_job": "1"}, "restarts": 1, "run_dir": "1"},
    {"event": "stopping", "time": 0.0, "job": 1, "rule": "s", "reason": "r", "step": 3, "evidence": {"n": 1}},
    {**trial_event(1, "STOPPED"), "summary": {"eval/l1": PARTS}, "warnings": ["w"], "log_tail": "l"},
    {
        "event": "objective",
        "time": 0.0,
        "metric": "eval/l1",
        "goal": "min",
        "stat": "last",
        "values": {"0": 1.0},
    },
    {**job_event(2), "name": "b", "round": 1},
    {**trial_event(2, "FAILED"), "error": "e", "exit_code": 1, "results": {"r": 1.0}, "return_value": 1.0},
    {"event": "decisions", "time": 0.0, "round": 1, "decisions": [DECISION], "judged": [0, 1]},
    {"event": "requeue", "time": 0.0, "job": 3, "of": 2, "name": "b"},
    {"event": "probed", "time": 0.0, "step": 8, "values": {"0": 0.5}, "best": 0},
    {"event": "closing", "time": 0.0, "reason": "r", "worthy": "a", "limits": LIMITS},
    {"event": "resume", "time": 0.0, "pid": 1, "host": "h", "changed": ["c"], "names": "unique"},
    {
        "event": "control",
        "time": 0.0,
        "action": "set",
        "by": "u@h",
        "asked_as": "1-2-a",
        "asked_at": 1.0,
        "name": "max_jobs",
        "jobs": [1],
        "signatures": ["s"],
        "round": 1,
        "path": "x",
        "low": 0.5,
        "high": 1.5,
        "value": 9,
        "was": 8,
        "edits": ["x@mul=0.7"],
        "of": "a",
        "reason": "r",
        "taken": True,
        "outcome": "o",
    },
    {"event": "stop", "time": 0.0, "reason": "r", "best": "a", "limits": LIMITS},
]
WRONG = (None, -1, 10**400, 1e999, "x", [], {}, True, ["a"], {"a": 1}, [[[]]], {"a": {"a": "a"}})


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in a record a value stands, of lists the first two items."""
    items = (
        value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    )
    for key, item in items:
        yield (*above, key)
        yield from places(item, (*above, key))


def with_value(record: Any, place: tuple[Any, ...], value: Any) -> Any:
    """The record with another value at a place."""
    found = copy.deepcopy(record)
    node = found
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    return found


def problem_of(record: dict[str, Any]) -> str:
    """Why a record is no event; empty if it is one."""
    try:
        read_event(record)
    except JournalError as error:
        return str(error)
    return ""


def write(study_dir: Path, records: list[dict[str, Any]]) -> Path:
    """A journal of these records."""
    study_dir.mkdir(exist_ok=True)
    text = "".join(json.dumps({**record, "v": 1}) + "\n" for record in records)
    (study_dir / FILE_NAME).write_text(text)
    return study_dir


def said_by(*words: object) -> str:
    """What a command prints, its errors too; anything but an error of ours goes through."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), contextlib.suppress(SystemExit):
        cli.call(*words)
    return out.getvalue()


def test_the_journal_of_these_tests_has_every_kind(tmp_path: Path):
    """And is a study."""
    assert {record["event"] for record in EVERY_KIND} == KINDS.keys()
    assert len(read_study(write(tmp_path / "s", EVERY_KIND)).jobs) == 4


@pytest.mark.parametrize("number", range(len(EVERY_KIND)))
def test_a_value_of_the_wrong_type_is_one_error(number: int):
    """Each field, each wrong type: an event that can be used, or one error that names the field."""
    record = EVERY_KIND[number]
    wrongs = [(place, with_value(record, place, wrong)) for place in places(record) for wrong in WRONG]
    refused = [(place, problem) for place, changed in wrongs if (problem := problem_of(changed))]
    assert len(refused) > 20
    assert [place for place, problem in refused if place[0] != "event" and str(place[0]) not in problem] == []


@pytest.mark.parametrize(
    ("number", "field", "wrong", "says"),
    [
        (2, "run_dir", "../elsewhere", "run_dir must be a directory within the study"),
        (2, "run_dir", "/etc", "run_dir"),
        (3, "run_dir", "0/../../x", "run_dir"),
        (5, "run_dir", "..", "run_dir"),
        (2, "time", 1e300, "time must be a time"),
        (3, "ended_at", -5, "ended_at"),
        (3, "steps", 10**400, "steps"),
        (3, "objective", 10**400, "objective"),
        (6, "evidence", {"a": 10**4000}, "evidence"),
        (0, "config", json.loads('{"a":' * 80 + "1" + "}" * 80), "nested at most 64 deep"),
        (3, "summary", {"eval/l1": {"first": "x"}}, "summary"),
        (1, "variants", [variant_entry(0, "a", changes=[[["x"], 1, 2]])], "changes"),
    ],
)
def test_what_no_type_tells_is_an_error_with_its_line(tmp_path: Path, number, field, wrong, says):
    """Places outside, times that no calendar has, numbers too large, depths."""
    records = [*EVERY_KIND[:number], {**EVERY_KIND[number], field: wrong}, *EVERY_KIND[number + 1 :]]
    with pytest.raises(JournalError, match=f"line {number + 1} of .*{says}"):
        read_study(write(tmp_path / "s", records))


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(EVERY_KIND)))
def test_no_command_trips_over_a_journal(tmp_path: Path, number: int):
    """Whatever stands in a line, a command does its work or says one thing."""
    study_dir, record = tmp_path / "s", EVERY_KIND[number]
    commands = (["why", study_dir, "1"], ["export", "csv", study_dir, "--out", "-"], ["report", study_dir])
    commands += (
        ["watch", study_dir],
        ["promote", study_dir, "a"],
        ["replay", study_dir],
        ["analyze", study_dir],
    )
    for changed in (with_value(record, place, wrong) for place in places(record) for wrong in WRONG):
        write(study_dir, [*EVERY_KIND[:number], changed, *EVERY_KIND[number + 1 :]])
        for words in () if problem_of(changed) else commands:
            said_by(*words)


HOSTILE = "\x1b]0;own\x07\x1b[2J\x9b\u202e\u2028\ud800"
OURS = (
    "event",
    "action",
    "state",
    "goal",
    "stat",
    "run_dir",
    "names",
    "limits",
    "settings",
    "metric",
    "files",
    "handle",
)


def hostile(value: Any) -> Any:
    """The same record with a formula and what a terminal would obey in every text that is not ours."""
    if isinstance(value, dict):
        return {key: item if key in OURS else hostile(item) for key, item in value.items()}
    if isinstance(value, list):
        return [hostile(item) for item in value]
    return f"={value}{HOSTILE}" if isinstance(value, str) else value


def test_no_text_of_a_journal_reaches_a_terminal_or_a_spreadsheet_as_a_command(tmp_path: Path):
    """Names, reasons, rules, edits, errors, log lines, paths: shown, never obeyed."""
    study_dir = write(tmp_path / "s", [hostile(record) for record in EVERY_KIND])
    for words in (["why", study_dir, "1"], ["watch", study_dir], ["promote", study_dir, "1"]):
        said = said_by(*words)
        assert [one for one in HOSTILE[:-1] if not one.isprintable() and one in said] == []
        assert "own" in said
    table = said_by("export", "csv", study_dir, "--out", "-")
    cells = [cell.strip('"') for line in table.splitlines() for cell in line.split(",")]
    assert [cell for cell in cells if cell.startswith("=")] == []
    assert any(cell.startswith("'=a") for cell in cells)
    said_by("report", study_dir)
    for path in (study_dir / "reports").rglob("*.*"):
        assert [one for one in HOSTILE if not one.isprintable() and one in path.read_text()] == [], path


# ---------------------------------------------------------------------- what lies in the directory


@pytest.fixture
def study_dir(tmp_path: Path) -> Path:
    return write(tmp_path / "s", EVERY_KIND)


def test_a_run_dir_that_is_a_link_to_elsewhere_is_not_read(tmp_path: Path, study_dir: Path):
    """One error that says where it leads."""
    (tmp_path / "elsewhere").mkdir()
    (study_dir / "0").symlink_to(tmp_path / "elsewhere")
    said = said_by("export", "csv", study_dir, "--curves", "--out", "-")
    assert said.startswith("Error: '0' leads out of the study")
    assert str(tmp_path / "elsewhere") in said


def test_no_job_gets_a_directory_outside(tmp_path: Path, study_dir: Path):
    """A link in its place, or above it, is another's."""
    (tmp_path / "elsewhere").mkdir()
    for name in ("7", "above"):
        (study_dir / name).symlink_to(tmp_path / "elsewhere")
    assert make_job_dir(study_dir, "7", 7, Study()) == "7_7"
    assert make_job_dir(study_dir, "above/x", 8, Study()) == "8"
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_reports_are_not_written_through_links(tmp_path: Path, study_dir: Path):
    """A link in the place of the directory is refused, one in the place of a file is replaced."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine.yaml").write_text("mine")
    for name in ("best.yaml", "optimization_results.yaml"):
        (study_dir / name).symlink_to(outside / "mine.yaml")
    said_by("report", study_dir)
    assert (outside / "mine.yaml").read_text() == "mine"
    assert not (study_dir / "best.yaml").is_symlink()
    (study_dir / "reports").rename(study_dir / "old")
    (study_dir / "reports").symlink_to(outside)
    assert "leads out of the study" in said_by("report", study_dir)
    assert "leads out of the study" in said_by("export", "csv", study_dir)
    assert [path.name for path in outside.iterdir()] == ["mine.yaml"]


@pytest.mark.parametrize("name", [FILE_NAME, LOCK_NAME])
def test_a_journal_and_its_lock_are_files(tmp_path: Path, name: str):
    """A link or a pipe in the place of one is refused before anything is written."""
    other = tmp_path / "other"
    other.write_text("mine")
    for make in (lambda path: path.symlink_to(other), os.mkfifo):
        study_dir = tmp_path / f"s{len(list(tmp_path.iterdir()))}"
        study_dir.mkdir()
        make(study_dir / name)
        with pytest.raises(JournalError, match="cannot write the study"):
            Journal(study_dir)
    assert other.read_text() == "mine"


def test_nobody_waits_for_a_pipe(tmp_path: Path, study_dir: Path):
    """What a job or its supervisor leaves is a file, or is not there."""
    for name in ("status.json", "job_end.json", "ended_early.json"):
        os.mkfifo(tmp_path / name)
    assert (read_status(tmp_path), JobEnd.read(tmp_path), EarlyEnd.read(tmp_path)) == (None, None, None)
    run = study_dir / "0" / "wandb" / "offline-run-20260101_000000-abc"
    run.mkdir(parents=True)
    os.mkfifo(run / "run-abc.wandb")
    os.mkfifo(study_dir / "0" / NOTES)
    assert "job,name" in said_by("export", "csv", study_dir, "--out", "-")
    assert said_by("export", "csv", study_dir, "--curves", "--out", "-").strip() == ""
    (study_dir / FILE_NAME).unlink()
    os.mkfifo(study_dir / FILE_NAME)
    assert "no plain file" in said_by("why", study_dir, "0")


def test_a_status_of_the_wrong_types_is_none(tmp_path: Path):
    """What fits is read, the rest is as if it were not there."""
    status = {"state": "ended", "pid": "1", "gpus": 5, "started_at": 1e300, "ended_at": 2.0, "error": ["x"]}
    (tmp_path / "status.json").write_text(json.dumps(status))
    assert read_status(tmp_path) == {"state": "ended", "ended_at": 2.0}
    end = JobEnd(True).with_status(tmp_path)
    assert (end.started_at, end.gpus) == (None, ())
    (tmp_path / "job_end.json").write_text(json.dumps({"failed": False, "started_at": 1e300}))
    assert JobEnd.read(tmp_path) is None


def test_a_command_of_another_is_run_only_when_it_is_trusted(
    study_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    """A study of another user, or a command that is not a Python file or module, is shown first."""
    check_trust(study_dir, ["python", "app.py", "-m"])
    with pytest.raises(AutoloopError, match=r"not a Python file or module; .* --trust .* python -c "):
        check_trust(study_dir, ["python", "-c", "import os"])
    write(study_dir, [{**EVERY_KIND[0], "command": "bash -c 'touch x'"}, *EVERY_KIND[1:-1]])
    assert "add --trust" in said_by("resume", study_dir)
    assert "add --trust" in said_by("promote", study_dir, "a", "--run")
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    with pytest.raises(AutoloopError, match="belongs to another user"):
        check_trust(study_dir, ["python", "app.py", "-m"])
