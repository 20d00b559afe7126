"""The numbers of a study for other programs."""

import json
import math

import pytest

from autoloop.study.record import Study
from autoloop.views.report.data import autorun_summary, best, optimization_results, to_json
from tests.helpers.studies import replay
from tests.views.report.samples import (
    EVAL,
    PI,
    ended,
    header,
    hostile,
    metrics_of,
    realistic,
    started,
    variant,
)


def one_job(**trial):
    """A study of one job that ended as told."""
    return replay(
        [
            header(),
            {
                "event": "round",
                "time": 0,
                "round": 1,
                "variants": [variant(0, "only", **trial.pop("plan", {}))],
                "refused": [],
            },
            started(0, 0, 0),
            ended(0, 0, 0, 10, **trial),
        ]
    )


def test_the_summary_has_one_entry_per_ended_job_under_its_run_dir():
    summary = autorun_summary(realistic())
    assert list(summary) == [str(job) for job in range(11)]  # job 11 still runs
    assert summary["8"][EVAL]["last"] == 0.0996
    assert summary["8"]["steps"] == 2000
    assert list(summary["8"][EVAL]) == ["first", "last", "best", "best_step", "delta", "pct", "count"]


def test_a_job_without_a_history_has_only_its_steps():
    assert autorun_summary(realistic())["3"] == {"steps": 0}


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, None])
def test_numbers_that_are_not_finite_become_null(number):
    entry = {**metrics_of(0.1)[PI], "last": number}
    summary = autorun_summary(one_job(objective=0.1, summary={PI: entry}))
    assert summary["0"][PI]["last"] is None
    assert json.loads(to_json(summary), parse_constant=pytest.fail) == summary


def test_counts_and_steps_stay_whole_numbers():
    entry = autorun_summary(realistic())["0"][EVAL]
    assert isinstance(entry["best_step"], int)
    assert isinstance(entry["count"], int)


@pytest.mark.parametrize("study", [Study(), realistic(), hostile()], ids=["empty", "realistic", "hostile"])
def test_the_json_text_reads_back_as_the_summary(study):
    summary = autorun_summary(study)
    assert json.loads(to_json(summary), parse_constant=pytest.fail) == summary


def test_optimization_results_name_the_best_trial_as_hydras_sweepers_do():
    results = optimization_results(realistic())
    assert results["name"] == "autoloop"
    assert results["best_evaluated_result"] == results["best_value"] == 0.0996
    assert results["best_evaluated_params"] == results["best_params"]
    assert results["best_evaluated_params"] == {
        "ot.loss_config.reg": 0.15,
        "ot.loss_config.tau_src": 1.0,
        "ot.loss_config.tau_tgt": 1.0,
        "ot.lambda_ot": 0.12,
        "optimizer.lr": 0.0012,
    }


def test_a_study_without_a_result_has_no_best():
    study = one_job(objective=None, state="FAILED")
    assert optimization_results(study) == {"name": "autoloop"}
    assert best(study) == {}


@pytest.mark.parametrize(
    ("override", "params"),
    [
        ("+a=3", {"a": 3}),
        ("a.b=1e-3", {"a.b": 0.001}),
        ("a=null", {"a": None}),
        ("a='x y'", {"a": "x y"}),
        ("a=", {"a": ""}),
        ("a={b: 1}", {"a": {"b": 1}}),
        ('+a={b:1,c:"x,y"}', {"a": {"b": 1, "c": "x,y"}}),
        ("a=no", {"a": "no"}),
        ("a=2024-01-01", {"a": "2024-01-01"}),
        ("a=[1", {"a": "[1"}),
        ("~a", {}),
        ("hydra.sweep.subdir=7", {}),
    ],
)
def test_parameters_of_overrides_that_no_edit_made_are_read_as_values(override, params):
    study = one_job(objective=0.1, plan={"overrides": [override]})
    assert optimization_results(study)["best_params"] == params


def test_best_tells_how_to_run_the_winner_again():
    winner = best(realistic())
    assert winner["name"] == "reg_tau_lr2"
    assert winner["objective"] == {"metric": EVAL, "goal": "min", "value": 0.0996, "baseline": 0.1307}
    assert winner["command"] == "python -m autoloop.train " + " ".join(winner["overrides"])
    assert "optimizer.lr=0.0012" in winner["overrides"]
