"""A run that diverged is told by its losses and gradient norms, also where its trainer hides the NaN."""

from __future__ import annotations

import math

import numpy as np
import pytest

from autoloop.curves.divergence import is_grad_norm, is_loss
from autoloop.curves.metrics import Metrics
from autoloop.history import History
from autoloop.runner.collect import JobEnd, trial_state
from autoloop.stopping import NotFinite
from autoloop.stopping.base import Live
from autoloop.study.trials import TrialState

NAN, INF = math.nan, math.inf


NORMS = (
    "grad_norm train/grad_norm optim/grad_norm grad_2.0_norm_total grad_2.0_norm/fc.weight losses/grad_norm"
)


@pytest.mark.parametrize("name", [*NORMS.split(), "gradient_norm", "l2_norm/grad/global", "GradNorm"])
def test_a_gradient_norm_is_known_by_its_name(name):
    """The spellings of common trainers are gradient norms, and no losses."""
    assert is_grad_norm(name)
    assert not is_loss(name)


@pytest.mark.parametrize(
    "name", ["max_grad_norm", "optim/grad_norm_clip", "train/grad_norm_loss", "lr", "norm"]
)
def test_a_limit_of_the_gradient_is_no_gradient_norm(name):
    """What is infinite by design does not make a run a diverged one."""
    assert not is_grad_norm(name)


@pytest.mark.parametrize(
    "name", ["loss", "train/loss", "eval_loss", "losses/actor", "train_loss_epoch", "loss/a"]
)
def test_a_loss_is_known_by_its_name(name):
    """The spellings of common trainers are losses."""
    assert is_loss(name)


@pytest.mark.parametrize("norm", ["train/grad_norm", "grad_2.0_norm_total"])
@pytest.mark.parametrize("broken", [NAN, INF])
def test_a_loss_of_0_beside_a_broken_gradient_is_nan(norm, broken):
    """In the rows where the gradient norm is not finite, and only there, a loss of 0 is read as NaN."""
    values = {"train/loss": [2.0, 0.0, 0.0, 0.0], norm: [1.0, 1.0, broken, broken], "acc": [0.0] * 4}
    found = Metrics().canonical(History.from_values(values))
    assert np.isnan(found["train/loss"].values).tolist() == [False, False, True, True]
    assert not np.isnan(found["acc"].values).any()


def test_what_mixed_precision_skips_is_no_nan():
    """A step with an infinite norm and a real loss hides nothing: a term without weight stays 0 there."""
    values = {"loss": [2.0, 1.9, 1.8], "kl_loss": [0.0, 0.0, 0.1], "grad_norm": [INF, NAN, 1.0]}
    history = History.from_values(values)
    found = Metrics().canonical(history)
    assert {name: found[name].values.tolist() for name in ("loss", "kl_loss")} == {
        name: values[name] for name in ("loss", "kl_loss")
    }
    held_out = History.from_values({"loss": [0.0], "val_loss": [0.7], "grad_norm": [NAN]})
    assert np.isnan(Metrics().canonical(held_out)["loss"].values).all()


@pytest.mark.parametrize(
    ("values", "broken"),
    [
        ({"loss": [1.0, 0.0], "grad_norm": [1.0, NAN]}, "loss"),
        ({"loss": [1.0, 0.5], "grad_norm": [1.0, INF]}, "grad_norm"),
        ({"loss": [1.0, 0.5], "grad_2.0_norm_total": [1.0, NAN]}, "grad_2.0_norm_total"),
        ({"loss": [1.0, 0.5], "grad_norm": [INF, NAN, 1.0]}, ""),
        ({"loss": [NAN, 0.5]}, ""),
        ({"loss": [1.0, 0.5], "score": [1.0, INF]}, "score"),
        ({"loss": [1.0, 0.5], "max_grad_norm": [INF], "other": [NAN]}, ""),
    ],
)
def test_last_values_alone_say_whether_a_run_diverged(values, broken):
    """Of losses, gradient norms and the objective; a run that recovered completed."""
    history = History({name: History.from_values({name: row})[name] for name, row in values.items()})
    metrics = Metrics.read({"objective": "score"})
    assert metrics.not_finite(metrics.canonical(history)) == broken


def test_nothing_is_watched_where_the_user_says_so():
    """With ``finite: []`` only the objective must be finite."""
    metrics = Metrics.read({"objective": "score", "finite": []})
    assert metrics.not_finite(History.from_values({"loss": [NAN], "grad_norm": [NAN]})) == ""
    assert metrics.not_finite(History.from_values({"score": [NAN]})) == "score"


@pytest.mark.parametrize("returned", [NAN, INF, -INF])
def test_a_returned_objective_that_is_no_number_is_infeasible(returned):
    """It diverged, though the job ended well; beside an objective that is logged it says nothing."""
    end, empty = JobEnd.of(returned, failed=False), History({})
    state, error = trial_state(end, empty, {}, Metrics())
    assert (state, error) == (TrialState.INFEASIBLE, f"the returned objective is not finite ({returned})")
    metrics = Metrics(objective="score")
    score = History.from_values({"score": [1.0]})
    assert trial_state(end, score, {"score": None}, metrics)[0] is TrialState.COMPLETE


def test_a_returned_loss_that_is_no_number_is_infeasible_whatever_the_objective_says():
    """As a logged one is; other returned numbers may be NaN."""
    metrics = Metrics.read({"objective": "acc"})

    def state(returned):
        return trial_state(JobEnd.of(returned, failed=False), History({}), {"acc": None}, metrics)

    assert state({"acc": 0.9, "val": {"loss": NAN}}) == (
        TrialState.INFEASIBLE,
        "the returned val/loss is not finite (nan)",
    )
    assert state({"acc": 0.9, "recall": NAN})[0] is TrialState.COMPLETE


def test_a_stop_rule_sees_the_hidden_nan():
    """A job whose loss is logged as 0 after it became NaN is ended, one that mixed precision slows is not."""
    rule = NotFinite(name="not_finite")
    hidden = {"train/loss": [2.0, 0.0, 0.0], "train/grad_norm": [1.0, NAN, NAN]}
    scaling = {"train/loss": [2.0, 1.9, 1.8], "train/grad_norm": [INF, INF, INF]}
    hidden_live, scaling_live = (
        Live("job", Metrics().canonical(History.from_values(values))) for values in (hidden, scaling)
    )
    assert rule.judge(hidden_live).step == 2
    assert rule.judge(scaling_live) is None
