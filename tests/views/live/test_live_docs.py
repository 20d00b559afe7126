"""docs/live.md tells all there is, and what it shows is what comes."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from autoloop.config.notify import NotifySettings
from autoloop.config.settings import Live
from autoloop.study.events import read_event
from autoloop.study.record import Study
from autoloop.views.notify.messages import messages
from tests.helpers.places import ROOT
from tests.helpers.studies import event_of, job_event, round_event, study_event, trial_event, variant_entry

PAGE = (ROOT / "docs" / "live.md").read_text()


@pytest.mark.parametrize("word", [f"`{word}`" for word in get_args(Live)])
def test_every_position_of_live_is_documented(word: str):
    assert f"| {word} |" in PAGE


@pytest.mark.parametrize("key", [field.name for field in fields(NotifySettings)])
def test_every_knob_of_notify_is_documented_with_its_default(key: str):
    default = getattr(NotifySettings(), key)
    assert f"`notify.{key}`" + (f" ({default:g})" if default is not None else "") in PAGE


def test_every_message_is_documented_with_its_fields():
    """The table names all fields beside those that every message has."""
    decided = {"event": "decisions", "time": 0.0, "round": 1, "decisions": []}
    stop = {"event": "stop", "time": 0.0, "reason": "done"}
    rows = {row[0]: set(row[2].replace("`", "").split(", ")) for row in table()}
    common = {"event", "time", "study", "task", "text"}
    found = {}
    for state in ("COMPLETE", "FAILED"):
        study = Study()
        for event in (
            study_event(),
            round_event(1, variant_entry(0, "baseline")),
            job_event(0),
            trial_event(0, state, 0.2 if state == "COMPLETE" else None),
            decided,
            stop,
        ):
            study.record(read_event(event))
            told = messages(read_event(event), study, "dir", failures=1)
            found |= {message["event"]: message for message in told}
    assert set(found) == set(rows)
    for kind in ("round_end", "failure_streak", "winner"):
        assert set(found[kind]) - common == {field.split(" (")[0] for field in rows[kind]}
    assert set(found["no_winner"]) == set(found["winner"])
    assert found["no_winner"]["best"] is None and found["no_winner"]["command"] is None
    shown = json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])
    assert set(shown) == set(found["winner"])
    assert set(shown["best"]) == set(found["winner"]["best"])


def table() -> list[list[str]]:
    """Rows of the table of messages."""
    lines = PAGE.split("| event | when |")[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip().strip("`") for cell in line.strip("| ").split(" | ")] for line in lines]


def test_the_picture_of_the_report_is_small():
    picture = ROOT / "docs" / "report.png"
    assert picture.name in PAGE
    assert 10_000 < picture.stat().st_size < 300_000


def test_the_example_writes_a_study_for_tensorboard(tmp_path: Path):
    """One run per job, grouped by round, with the curves as they were logged."""
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    import runpy

    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from autoloop.store.journal import Journal
    from tests.helpers.wandb_file import frame, row, run

    with Journal(tmp_path / "study") as journal:
        journal.append(event_of("study"))
        journal.append(event_of("round", round=1, variants=[variant_entry(0, "baseline")], refused=[]))
        journal.append(event_of("job", job=0, run_dir="0"))
    log = tmp_path / "study" / "0" / "wandb" / "offline-run-20260101_000000-x" / "run-x.wandb"
    log.parent.mkdir(parents=True)
    log.write_bytes(frame([run("x"), *(row(step, {"train/loss": step / 4}) for step in range(3))]))
    convert = runpy.run_path(str(ROOT / "examples" / "to_tensorboard.py"))["convert"]
    convert(tmp_path / "study", tmp_path / "tb")
    events = EventAccumulator(str(tmp_path / "tb" / "round_1" / "baseline"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("train/loss")] == [
        (0, 0.0),
        (1, 0.25),
        (2, 0.5),
    ]
