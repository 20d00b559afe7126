"""A study that an older version began goes on and comes to the same end."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = next(one for one in Path(__file__).resolve().parents if (one / "pyproject.toml").exists())
STUDY = ROOT / "tests/data/studies/going_on"

#: What two runs of one study have of their own.
OWN = ("time", "started_at", "ended_at", "run_id")


def events_of(study: Path) -> list[dict[str, Any]]:
    lines = (study / "study.jsonl").read_text().splitlines()
    return [{key: item for key, item in json.loads(line).items() if key not in OWN} for line in lines]


def test_an_unfinished_study_goes_on_and_ends_as_it_did_then(tmp_path: Path) -> None:
    """It is cut after the end of its job 2, and was begun before events had types, in another directory."""
    shutil.copytree(ROOT / "examples/plain_app", tmp_path, dirs_exist_ok=True)
    shutil.copytree(STUDY, tmp_path / "study")
    lines = (STUDY / "study.jsonl").read_bytes().splitlines(keepends=True)
    cut = next(
        n for n, event in enumerate(events_of(STUDY), 1) if (event["event"], event.get("job")) == ("trial", 2)
    )
    (tmp_path / "study/study.jsonl").write_bytes(b"".join(lines[:cut]))
    words = shlex.split(events_of(STUDY)[0]["command"])
    done = subprocess.run([sys.executable, *words[1:]], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    after = events_of(tmp_path / "study")
    assert (tmp_path / "study/study.jsonl").read_bytes().startswith(b"".join(lines[:cut]))
    assert (after[cut]["event"], after[cut]["changed"]) == ("resume", [])
    assert [*after[:cut], *after[cut + 1 :]] == events_of(STUDY)
