"""The report of a study that an older version ran is the one that version drew."""

from __future__ import annotations

import shutil
from pathlib import Path

from click.testing import CliRunner

from autoloop.cli.report import command

ROOT = next(one for one in Path(__file__).resolve().parents if (one / "pyproject.toml").exists())
STUDIES = ROOT / "tests/data/studies"


def test_a_study_of_an_older_version_draws_the_same_report(tmp_path: Path) -> None:
    study = tmp_path / "study"
    shutil.copytree(STUDIES / "plain", study)
    done = CliRunner().invoke(command, [str(study)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    golden, drawn = STUDIES / "plain_reports", study / "reports"
    files = sorted(path.relative_to(golden) for path in golden.rglob("*") if path.is_file())
    assert sorted(path.relative_to(drawn) for path in drawn.rglob("*") if path.is_file()) == files
    assert {file for file in files if (drawn / file).read_bytes() != (golden / file).read_bytes()} == set()
