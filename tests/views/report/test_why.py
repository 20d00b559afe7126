"""The story of one job."""

from dataclasses import replace

import pytest

from autoloop.errors import AutoloopError
from autoloop.study.decisions import Refusal
from autoloop.study.record import Study
from autoloop.views.report.why import why
from tests.views.report.samples import HOSTILE, hostile, realistic


def test_why_answers_in_ten_lines():
    assert why(realistic(), "baseline_mass").splitlines() == [
        "baseline_mass",
        "  job:      4 of round 2, COMPLETE",
        "  parent:   baseline (job 0, 0.1307)",
        "  rule:     restore_mass",
        "  reason:   transport mass collapsed: ot_pi_sum 1e-06 < 0.001",
        "  numbers:  metric = train/ot_pi_sum, ot_pi_sum = 1e-06, threshold = 0.001, steps = [1500, 2000]",
        "  edits:    ot.loss_config.tau_src 0.05 -> 0.8, ot.loss_config.tau_tgt 0.05 -> 0.8",
        "  expected: ot_pi_sum near 0.5 and a lower eval error",
        "  came out: 0.1121 eval/offline_eval/avg_l1: better than its parent (-14.2 %)",
        "  children: mass_reg, mass_lr",
    ]


def test_what_was_left_out_is_told_with_its_reason():
    why_not = "dropout 1.3 lies where jobs 4 and 7 failed"
    refused = [Refusal("baseline", "up", ("dropout@mul=2.6",), why_not)]
    story = why(replace(realistic(), refused={2: refused}), "baseline")
    assert story.splitlines()[-1] == f"  left out: dropout@mul=2.6 by up: {why_not}"


@pytest.mark.parametrize("job", ["4", 4])
def test_a_job_can_be_named_by_its_number(job):
    assert why(realistic(), job) == why(realistic(), "baseline_mass")


@pytest.mark.parametrize(
    ("job", "outcome"),
    [
        (0, "0.1307 eval/offline_eval/avg_l1: the baseline"),
        (3, "infeasible: out of memory: tried to allocate 2.00 GiB"),
        (7, "same as its parent (+0.0 %)"),
        (9, "reg_tau_lr with another seed"),
        (11, "still running"),
    ],
)
def test_what_came_out_is_told_in_words(job, outcome):
    line = next(line for line in why(realistic(), job).splitlines() if line.startswith("  came out:"))
    assert line.endswith(outcome)


@pytest.mark.parametrize(
    ("study", "job", "message"),
    [
        (
            realistic(),
            "baseline_mas",
            "no job named 'baseline_mas' in this study; did you mean 'baseline_mass'?",
        ),
        (realistic(), 99, "no job 99: this study's jobs are 0 to 11"),
        (Study(), "x", "no job 'x': the study has planned no job yet"),
    ],
)
def test_an_unknown_job_is_refused_with_the_nearest_name(study, job, message):
    with pytest.raises(AutoloopError) as caught:
        why(study, job)
    assert str(caught.value) == message


def test_a_hostile_name_prints_no_control_codes():
    story = why(hostile(), HOSTILE)
    assert len(story.splitlines()) == 11
    assert story.replace("\n", "").isprintable()
