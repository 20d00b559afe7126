"""The report tells a gain from noise, and shows which jobs were ended early and why."""

import re

import pytest

from autoloop.study.events import read_event
from autoloop.views.report.facts import Facts
from autoloop.views.report.figures.knobs import knobs
from autoloop.views.report.html import html
from tests.helpers.studies import replay
from tests.views.report.samples import START, curves_of, ended, header, metrics_of, started, variant


def study_of(*variants):
    """A study whose round 1 has these variants."""
    first = {"event": "round", "time": START, "round": 1, "variants": variants, "refused": []}
    return replay([header(), first])


def compared(*objectives, rule="plateau"):
    """A parent and its children with these results, and how each child did."""
    names = [variant(at, f"job_{at}", "job_0" if at else None, rule) for at in range(len(objectives))]
    study = study_of(*names)
    for at, objective in enumerate(objectives):
        study.record(read_event(started(at, 0, 10 * at)))
        study.record(read_event(ended(at, 0, 10 * at, 9, objective)))
    return Facts(study)


def test_a_gain_within_the_noise_is_neither_better_nor_worse():
    """Without repeats 3 % is taken for noise; nothing below it is drawn in green or counted as won."""
    facts = compared(1.0, 0.95, 0.98, 1.02, 1.05, 1.0)
    children = facts.jobs[1:]
    assert [facts.kind(job) for job in children] == ["better", "unclear", "unclear", "worse", "same"]
    assert facts.verdict(children[1]) == "within the noise of its parent (-2.0 %)"
    assert facts.verdict(children[3]) == "worse than its parent (+5.0 %)"
    assert facts.scores[0].wins == 1
    page = html(facts.study)
    assert ">-2.0 % within the noise</span>" in page
    assert '<span class="unclear">-2.0 % unclear</span>' in page


def test_a_repeat_is_no_child_that_won():
    facts = compared(1.0, 0.5, rule="repeat")
    assert facts.change(facts.jobs[1], facts.jobs[0]) is None
    assert facts.verdict(facts.jobs[1]) == "job_0 with another seed"
    assert knobs(facts) is None


def stopped_study():
    """A baseline and a child that a stop rule ended at step 700 of 2,000."""
    why = {
        "rule": "no_mass",
        "reason": "ot_pi_sum is 1e-9 at step 700",
        "step": 700,
        "evidence": {"value": 1e-9},
    }
    study = study_of(variant(0, "baseline"), variant(1, "child", "baseline", "plateau", (("lr", 1, 2),)))
    study.record(read_event(started(0, 0, 0)))
    study.record(read_event(ended(0, 0, 0, 60, 0.13)))
    study.record(read_event(started(1, 0, 61)))
    study.record(read_event({"event": "stopping", "time": START + 80, "job": 1, "name": "child", **why}))
    error = "no_mass: ot_pi_sum is 1e-9 at step 700"
    study.record(read_event(ended(1, 0, 61, 20, 0.5, state="STOPPED", error=error, summary=metrics_of(0.5))))
    return study


def test_a_stopped_job_is_shown_with_rule_and_evidence_and_not_compared():
    """Its value at step 700 says nothing beside its parent's at the end."""
    page = html(stopped_study(), curves_of(stopped_study()))
    facts = Facts(stopped_study())
    assert facts.kind(facts.by_name["child"]) == "stopped"
    assert facts.change(facts.by_name["child"], facts.baseline) is None
    assert "1 of 2 trials was ended early by a stop rule." in page
    assert "stopped: no_mass: ot_pi_sum is 1e-9 at step 700" in page
    assert "<dt>Stopped on</dt><dd>no_mass: value = 1e-09</dd>" in page
    assert "did not complete" not in page


def test_the_stop_is_marked_in_curves_timeline_and_lineage():
    page = html(stopped_study(), curves_of(stopped_study()))
    curves = page[page.index('id="curves"') :]
    assert "stopped at step 700 by no_mass" in curves
    (mark,) = re.findall(r'<line x1="([\d.]+)" x2="[\d.]+" y1="26" y2="150" class="stop"', curves)
    assert float(mark) == pytest.approx(48 + (330 - 48) * 700 / 2000, abs=1)
    assert page.count('class="barend"') == 1
    assert 'class="bar stopped"' in page
    assert page.count('class="mark stopped"') == 4  # lineage, its legend, progress, the chart of the knob


def test_a_long_reason_for_the_end_does_not_fill_the_top_of_the_page():
    study = compared(1.0, 0.9).study
    reason = "no rule has anything new to propose after round 2 (" + "gentle: already run; " * 20 + ")"
    study.record(
        read_event({"event": "stop", "time": START + 99, "reason": reason, "failed": False, "best": "job_1"})
    )
    page = html(study)
    assert page.count("gentle: already run;") == 20
    assert "gentle" not in page[: page.index("<nav")]
    assert "<summary>Why the study ended</summary>" in page
