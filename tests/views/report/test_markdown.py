"""The Markdown report."""

from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from autoloop.study.events import read_event
from autoloop.study.record import Study
from autoloop.views.report.markdown import markdown
from autoloop.views.report.text import clean
from tests.helpers.places import GOLDEN
from tests.views.report.samples import HOSTILE, curves_of, hostile, realistic, synthetic

REALISTIC = GOLDEN / "report_realistic.md"


class Page(HTMLParser):
    """Tags and text of a rendered page."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.links, self.text = [], [], ""
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data):
        self.text += data


def rendered(source):
    """The report as a GitHub-like renderer shows it."""
    return Page(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(source))


def test_the_report_of_a_realistic_study_is_the_golden_one():
    assert markdown(realistic(), curves_of(realistic())) == REALISTIC.read_text(encoding="utf-8")


def test_there_is_one_section_and_one_table_per_round():
    page = rendered(markdown(realistic()))
    assert page.tags.count("h2") == 3
    assert page.tags.count("table") == 3


def test_a_failed_job_shows_its_cause_its_log_and_the_log_s_end():
    source = markdown(realistic())
    assert (
        "**INFEASIBLE** out of memory: tried to allocate 2.00 GiB (exit code 1), log: `3/job.log`" in source
    )
    assert "RuntimeError: boom" in source
    assert "No curves: no run-\\*.wandb under the run dir" in source


def test_every_job_shows_its_own_url():
    links = rendered(markdown(realistic())).links
    assert links == [f"https://wandb.example/users/act/runs/a{job}" for job in (0, 1, 2, 4, 5, 8)]


def test_columns_can_be_chosen():
    source = markdown(realistic(), columns={"lr": "train/lr"})
    assert "| lr |" in source
    assert "train_l1" not in source


def test_a_refused_proposal_says_why():
    assert "already run as tau2_lam015" in markdown(realistic())


def test_silent_rules_are_folded_with_their_reasons():
    source = markdown(realistic())
    folded = source.split("<details>")[1].split("</details>")[0]
    assert "l1_loss fell by 79 %, at least 2 % wanted" in folded


def test_no_text_of_a_hostile_study_becomes_markup():
    page = rendered(markdown(hostile(), curves_of(hostile())))
    assert not set(page.tags) & {"img", "a", "script", "style", "svg", "em"}
    assert page.links == []
    assert clean(HOSTILE) in page.text
    assert "\x1b" not in page.text


def test_an_empty_study_has_a_report():
    assert "no jobs" in markdown(Study())


@pytest.mark.parametrize("jobs", [200])
def test_the_report_of_many_jobs_names_each_of_them(jobs):
    source = markdown(synthetic(jobs))
    assert source.count("\n### Job ") == jobs
    assert len(source) < 2500 * jobs


def test_the_end_of_a_study_says_why_it_ended():
    study = realistic()
    study.record(read_event({"event": "stop", "time": 0, "reason": "no rule has anything new to propose"}))
    assert "No further round: no rule has anything new to propose." in markdown(study)
