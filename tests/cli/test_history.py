"""`autoloop history`: what was tried on an app so far, over studies that really ran."""

from __future__ import annotations

import json
import shutil
from pathlib import Path


def test_studies_of_one_app_stand_together_with_the_best_ever(cli, study: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        shutil.copytree(study, tmp_path / "outputs" / name)
    done = cli("history", str(tmp_path / "outputs"))
    assert done.exit_code == 0, done.output
    assert "2 studies" in done.output
    assert "Best ever:" in done.output
    assert "first" in done.output
    assert "second" in done.output


def test_a_damaged_journal_is_told_and_the_others_are_shown(cli, study: Path, tmp_path: Path) -> None:
    shutil.copytree(study, tmp_path / "all" / "good")
    (tmp_path / "all" / "bad").mkdir()
    (tmp_path / "all" / "bad" / "study.jsonl").write_text("no journal\n" * 3)
    done = cli("history", str(tmp_path / "all"))
    assert "1 study" in done.output
    assert "Could not be read:" in done.output


def test_a_directory_without_a_study_is_one_message(cli, tmp_path: Path) -> None:
    done = cli("history", str(tmp_path))
    assert done.exit_code == 1
    assert "no study lies in or below" in done.stderr


def test_hostile_names_stay_text(cli, study: Path, tmp_path: Path) -> None:
    shutil.copytree(study, tmp_path / "all" / "evil")
    journal = tmp_path / "all" / "evil" / "study.jsonl"
    lines = journal.read_text().splitlines()
    head = json.loads(lines[0])
    journal.write_text("\n".join([json.dumps({**head, "task": "\x1b[31mred"}), *lines[1:]]) + "\n")
    assert "\x1b" not in cli("history", str(tmp_path / "all")).output
