"""Rules for any app turn the knob and watch the metric that the app really has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from autoloop.errors import ConfigError
from autoloop.rules import MetricChange, Rule, build_rules, judge
from autoloop.rules.names import KNOBS, METRICS, knob_paths, logged, spelled
from autoloop.testing import trial

ROOT = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").is_file())
GENERAL = yaml.safe_load((ROOT / "conf" / "rules" / "general.yaml").read_text())
EPOCHS = [2.0, 1.2, 0.8, 0.7, 0.6]


def general(*names: str) -> list[Rule]:
    return build_rules({name: GENERAL[name] for name in names or GENERAL})


@pytest.mark.parametrize(
    ("config", "paths"),
    [
        ({"lr": 0.1}, ["lr"]),
        ({"model": {"optimizer": {"lr": 0.1, "min_lr": 0.01, "lr_decay": 0.9}}}, ["model.optimizer.lr"]),
        ({"trainer": {"optimizer": {"learning_rate": 0.1}}}, ["trainer.optimizer.learning_rate"]),
        ({"algorithm": {"actor_lr": 0.1, "critic_lr": 0.2}}, ["algorithm.actor_lr", "algorithm.critic_lr"]),
        ({"optim": {"groups": [{"lr": 0.1}, {"lr": 0.0}]}}, ["optim.groups.0.lr"]),
        ({"optim": {"params": {"base_lr": 1}}, "eval": {"lr": 0.5}}, ["optim.params.base_lr"]),
        ({"optim": {"lr": [0.1, 0.2]}}, ["optim.lr.0", "optim.lr.1"]),
        ({"trainer": {"log_lr": True, "lr_finder": "auto"}, "lr": "cosine"}, []),
    ],
)
def test_a_learning_rate_is_found_wherever_it_stands(config: dict[str, Any], paths: list[str]) -> None:
    assert list(knob_paths("<learning_rate>", config)) == paths


def test_a_training_batch_is_not_the_evaluations() -> None:
    config = {"data": {"train_batch_size": 8, "eval_batch_size": 4, "val": {"batch_size": 2}}}
    assert knob_paths("<batch_size>", config) == ("data.train_batch_size",)


def test_of_several_knobs_those_that_the_user_turned_are_turned() -> None:
    config = {"gen": {"lr": 0.1}, "disc": {"lr": 0.2}}
    turned = trial(
        "wide", config=config, rule="variants", changes=(("disc.lr", 0.2, 0.4),), parent="baseline"
    )
    base = trial("baseline", config=config, rule="baseline", history={"loss": EPOCHS})
    (alone,) = judge(general("still_improving"), [base], {"baseline": base})
    (led,) = judge(general("still_improving"), [base], {"baseline": base, "wide": turned})
    assert (alone.edits, led.edits) == (("gen.lr@mul=2", "disc.lr@mul=2"), ("disc.lr@mul=2",))


def test_the_keys_of_a_comma_list_count_as_turned() -> None:
    config = {"gen": {"lr": 0.1}, "disc": {"lr": 0.2}}
    starts = [
        trial(
            f"s{lr}",
            config=config,
            rule="baseline",
            overrides=("gen.lr=1", f"disc.lr={lr}"),
            history={"loss": EPOCHS},
        )
        for lr in (1, 2)
    ]
    decisions = judge(general("still_improving"), starts, {one.name: one for one in starts})
    assert {decision.edits for decision in decisions} == {("disc.lr@mul=2",)}


def test_a_name_that_the_config_has_nothing_for_invents_no_path() -> None:
    base = trial("baseline", config={"steps": 5}, history={"loss": EPOCHS})
    (decision,) = judge(general("still_improving"), [base], {"baseline": base})
    assert not decision.fired
    assert decision.reason.endswith("but the config has none of learning rate (lr, learning_rate, *_lr ..)")
    assert spelled(["<dropout>@add=0.1"], {"a": 1}) == ("<dropout>@add=0.1",)


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        *(
            ("<train_loss>", metric)
            for metric in ("loss/train", "train/loss_epoch", "train.loss", "Train Loss")
        ),
        *(("<train_loss>", metric) for metric in ("train_loss", "loss", "trainLoss", "metrics/train_loss")),
        *(("<eval_loss>", metric) for metric in ("val_loss", "val/loss", "eval/loss", "Loss/valid")),
        *(
            ("<eval_loss>", metric)
            for metric in ("eval/offline_eval/avg_loss", "val/loss_epoch", "fold0/val_loss")
        ),
        *(("<grad_norm>", metric) for metric in ("grad_norm", "train/gradient_norm", "grad_2.0_norm_total")),
    ],
)
def test_usual_metrics_are_known_however_they_are_spelled(name: str, metric: str) -> None:
    others = ["lr", "epoch", "train/loss_scale", "policy_loss"]
    assert logged(name, [*others, metric]) == metric
    assert all(not logged(other, [*others, metric]) for other in METRICS if other != name)


@pytest.mark.parametrize(
    ("values", "fires"), [([0.5, 0.6, 0.7, 0.8, 0.9], True), ([0.9, 0.8, 0.7, 0.6, 0.5], False)]
)
def test_an_objective_that_is_to_grow_is_watched_in_its_own_direction(
    values: list[float], fires: bool
) -> None:
    one = trial(
        "a",
        config={"lr": 1.0},
        history={"val/acc": values, "train/loss": EPOCHS},
    )
    one = replace(one, metric="val/acc", goal="max")
    improving, overfit = judge(general("still_improving", "overfitting"), [one], {"a": one})
    assert improving.fired is fires
    assert improving.evidence["metric"] == overfit.evidence["metric"] == "val/acc"
    assert ("does not get worse" in overfit.reason) is fires
    if fires:
        assert "rose by" in improving.reason and "(rose more than 3 %)" in improving.reason


def test_five_epochs_get_a_judgement_that_says_how_little_it_saw() -> None:
    one = trial("a", config={"lr": 1.0}, history={"train/loss_epoch": EPOCHS})
    by_rule = {decision.rule: decision for decision in judge(general(), [one], {"a": one})}
    assert by_rule["still_improving"].fired
    assert by_rule["still_improving"].evidence["points"] == 5
    assert all(
        "(5 points only)" in by_rule[name].reason for name in ("loss_rising", "still_improving", "plateau")
    )


def test_a_loss_by_another_name_that_ends_as_nan_is_a_divergence() -> None:
    one = trial("a", config={"optim": {"lr": 1.0}}, history={"train/loss_epoch": [1.0, 2.0, float("nan")]})
    first = judge(general(), [one], {"a": one})[0]
    assert (first.rule, first.edits, first.final) == ("non_finite", ("optim.lr@mul=0.3",), True)


def test_a_name_that_stands_for_nothing_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean '<learning_rate>'"):
        MetricChange(name="mine", metric="loss", edits=["<learn_rate>@mul=2"], stayed_within_pct=1)


def test_every_name_has_a_table_of_small_letters() -> None:
    patterns = [pattern for table in (KNOBS, METRICS) for entry in table.values() for pattern in entry]
    assert all(pattern == pattern.lower() for pattern in patterns)
