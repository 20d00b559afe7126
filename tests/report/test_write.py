"""The report files of a study directory."""

import json

import pytest
import yaml
from samples import curves_of, hostile, realistic

from autoloop.report.write import replace, write_report
from autoloop.study import Study


def test_all_files_are_written(tmp_path):
    write_report(realistic(), tmp_path, curves_of(realistic()), "act_ot")
    written = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert written == [
        "best.yaml",
        "optimization_results.yaml",
        "reports/act_ot.md",
        "reports/data/autorun_summary.json",
    ]
    assert json.loads((tmp_path / "reports/data/autorun_summary.json").read_text())["8"]["steps"] == 2000
    assert yaml.safe_load((tmp_path / "optimization_results.yaml").read_text())["best_value"] == 0.0996
    assert yaml.safe_load((tmp_path / "best.yaml").read_text())["name"] == "reg_tau_lr2"


@pytest.mark.parametrize("study", [Study(), hostile()], ids=["empty", "hostile"])
def test_odd_studies_are_written_too(study, tmp_path):
    write_report(study, tmp_path, curves_of(study), "../../a task")
    assert [path.name for path in (tmp_path / "reports").glob("*.md")] == ["_.._a_task.md"]
    assert yaml.safe_load((tmp_path / "optimization_results.yaml").read_text())["name"] == "autoloop"


def test_a_later_report_replaces_the_earlier_one(tmp_path):
    write_report(Study(), tmp_path)
    write_report(realistic(), tmp_path)
    assert "reg_tau_lr2" in (tmp_path / "reports/study.md").read_text()
    assert not list(tmp_path.rglob(".*"))


def test_a_reader_never_sees_half_a_file(tmp_path, monkeypatch):
    """When the new text cannot be written, the old file stays whole and no temporary file is left."""
    target = tmp_path / "report.md"
    replace(target, "old")
    monkeypatch.setattr("os.fdopen", lambda *a, **k: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        replace(target, "new")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["report.md"]


def test_a_text_that_utf8_cannot_hold_is_written_as_an_escape(tmp_path):
    replace(tmp_path / "a", "x\ud800")
    assert (tmp_path / "a").read_text() == "x\\ud800"
