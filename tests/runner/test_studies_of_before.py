"""A study that an older version began goes on and comes to the same end."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import warm
from tests.helpers.places import DATA, ROOT

STUDIES = DATA / "studies"

#: What two runs of one study have of their own, or what is noted of an end only since then.
OWN = ("time", "started_at", "ended_at", "run_id", "jitters", "named", "source")


def events_of(study: Path) -> list[dict[str, Any]]:
    lines = (study / "study.jsonl").read_text().splitlines()
    return [{key: item for key, item in json.loads(line).items() if key not in OWN} for line in lines]


def go_on(study: Path, events: int, app: Path) -> list[dict[str, Any]]:
    """Go on with a study after so many of its events, by its own command; return what is added."""
    shutil.copytree(ROOT / "examples/plain_app", app, dirs_exist_ok=True)
    shutil.copytree(study, app / "study")
    kept = b"".join((study / "study.jsonl").read_bytes().splitlines(keepends=True)[:events])
    (app / "study/study.jsonl").write_bytes(kept)
    words = shlex.split(events_of(study)[0]["command"])
    done = warm.run([sys.executable, *words[1:]], cwd=app)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (app / "study/study.jsonl").read_bytes().startswith(kept)
    return events_of(app / "study")[events:]


def wordless(event: dict[str, object]) -> dict[str, object]:
    """An event without the sentences that explain its decisions: they may be put better today."""
    decisions = event.get("decisions")
    if not isinstance(decisions, list):
        return event
    return {**event, "decisions": [{**one, "reason": ""} for one in decisions]}


@pytest.mark.slow
def test_an_unfinished_study_goes_on_and_ends_as_it_did_then(tmp_path: Path) -> None:
    """It is cut after the end of its job 2, and was begun before events had types, in another directory."""
    study = STUDIES / "going_on"
    events = events_of(study)
    cut = next(n for n, event in enumerate(events, 1) if (event["event"], event.get("job")) == ("trial", 2))
    resume, *after = go_on(study, cut, tmp_path)
    assert (resume["event"], resume["changed"]) == ("resume", [])
    assert [wordless(event) for event in after] == [wordless(event) for event in events[cut:]]


@pytest.mark.slow
def test_a_study_that_was_begun_with_other_shipped_rules_goes_on_by_itself(tmp_path: Path) -> None:
    """Its user changed nothing: what the files of autoloop say now is written down, and no job runs twice."""
    study = STUDIES / "other_rules"
    resume, *after = go_on(study, len(events_of(study)), tmp_path)
    assert "settings.rules.plateau.expects: was 'the loss falls on', is " in " ".join(resume["changed"])
    assert all(text.startswith(("settings.rules.", "settings.metrics.")) for text in resume["changed"])
    trials = [event for event in after if event["event"] == "trial"]
    assert [(trial["job"], trial["state"]) for trial in trials] == [(2, "COMPLETE"), (3, "COMPLETE")]
    assert after[-1]["event"] == "stop"
