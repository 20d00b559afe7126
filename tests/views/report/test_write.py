"""The report files of a study directory."""

import json

import pytest
import yaml

from autoloop.study.record import Study
from autoloop.views.report import Reporter, write_report
from tests.views.report.samples import curves_of, hostile, realistic


def test_all_files_are_written(tmp_path):
    write_report(realistic(), tmp_path, curves_of(realistic()), "act_ot")
    written = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert written == [
        "best.yaml",
        "optimization_results.yaml",
        "reports/act_ot.md",
        "reports/data/autorun_summary.json",
        "reports/report.html",
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
    write_report(Study(), tmp_path, task_name="study")
    write_report(realistic(), tmp_path, task_name="study")
    assert "reg_tau_lr2" in (tmp_path / "reports/study.md").read_text()
    assert not list(tmp_path.rglob(".*"))


def test_a_reporter_reads_every_curve_once(tmp_path):
    read = []

    def reader(run_dir):
        read.append(run_dir.name)
        return curves[int(run_dir.name)]

    study, curves = realistic(), curves_of(realistic())
    reporter = Reporter(tmp_path, reader)
    reporter.write(study)
    reporter.write(study)
    assert sorted(read) == sorted({"0", "1", "2", "4", "5", "7", "8", "9", "10"})  # those that left a history
    page = (tmp_path / "reports/report.html").read_text()
    assert page.count("<article") > 9
    write_report(study, tmp_path / "direct", curves)
    assert (tmp_path / "direct/reports/report.html").read_text() == page


def test_a_curve_that_is_gone_is_left_out(tmp_path):
    Reporter(tmp_path, lambda run_dir: {}).write(realistic())
    assert 'id="curves"' not in (tmp_path / "reports/report.html").read_text()


@pytest.mark.parametrize("task", ["", "...", "a/b", "größe"])
def test_any_task_has_a_markdown_file_in_reports(task, tmp_path):
    write_report(realistic(), tmp_path, task_name=task)
    assert len(list((tmp_path / "reports").glob("*.md"))) == 1


def test_a_costly_report_is_drawn_again_only_when_that_is_due(tmp_path):
    """After each end while it takes up to a tenth of a second; else after twenty times what it took."""
    times, page = (
        iter([0.0, 0.1, 5.0, 7.0, 46.9, 47.1, 48.0, 50.0, 51.0, 53.0]),
        tmp_path / "reports/report.html",
    )
    reporter = Reporter(tmp_path, lambda run_dir: {}, clock=lambda: next(times))

    def drawn(draw):
        page.unlink(missing_ok=True)
        draw(realistic())
        return page.exists()

    assert drawn(reporter.keep_up)  # the first, from 0.0 to 0.1
    assert drawn(reporter.keep_up)  # cheap so far; this one takes two seconds, 5.0 to 7.0
    assert not drawn(reporter.keep_up)  # 46.9 is less than 40 s later
    assert drawn(reporter.keep_up)  # 47.1
    assert drawn(reporter.write)  # at the end of the study in any case
