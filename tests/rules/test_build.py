"""Rules from a config: what is accepted, and what every mistake is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from autoloop.edits import apply, path_of
from autoloop.errors import ConfigError
from autoloop.rules import Fallback, MetricLevel, Rule, build_rules
from autoloop.rules.paths import matches, numbers
from autoloop.strategies import RulesStrategy, build_strategy
from tests.helpers.places import CONF, DATA

LEVEL = {"_target_": "autoloop.rules.MetricLevel", "metric": "loss", "above": 1.0, "edits": ["lr@mul=0.5"]}


def message(config: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        build_rules(config)
    return str(caught.value)


def test_rules_keep_the_order_of_the_config_and_their_names() -> None:
    gentle = {"_target_": "autoloop.rules.Fallback", "edits": "lr@mul=2"}
    rules = build_rules({"high": LEVEL, "off": None, "gentle": gentle})
    assert [(rule.name, type(rule)) for rule in rules] == [("high", MetricLevel), ("gentle", Fallback)]
    assert [rule.fallback for rule in rules] == [False, True]


def test_a_null_entry_is_a_rule_switched_off() -> None:
    assert build_rules({"high": None}) == []


def test_no_rules_at_all_is_fine() -> None:
    assert build_rules({}) == []


MISTAKES = [
    ({"high": {**LEVEL, "_target_": "autoloop.rules.MetricLevle"}}, "did you mean 'MetricLevel'"),
    ({"high": {**LEVEL, "_target_": "autoloop.rulez.MetricLevel"}}, "cannot be imported"),
    ({"high": {**LEVEL, "_target_": "os.system"}}, "is not a Rule class"),
    ({"high": {**LEVEL, "_target_": "autoloop.rules.Rule"}}, "is not a Rule class"),
    ({"high": {**LEVEL, "_target_": "MetricLevel"}}, "is not a Rule class"),
    ({"high": {key: value for key, value in LEVEL.items() if key != "_target_"}}, "needs a _target_"),
    ({"high": 3}, "needs a _target_"),
    ({"high": {**LEVEL, "abov": 1}}, "no setting 'abov'; did you mean 'above'"),
    ({"high": {key: value for key, value in LEVEL.items() if key != "edits"}}, "needs edits"),
    ({"high": {**LEVEL, "above": "much"}}, "above='much' cannot be used; it must be a finite number"),
    ({"high": {**LEVEL, "above": None}}, "below or above must be given"),
    ({"high": {**LEVEL, "below": 0.5}}, "above=1 must be smaller than below=0.5"),
    ({"high": {**LEVEL, "stat": "tial"}}, "one of last, tail, max; did you mean 'tail'"),
    ({"high": {**LEVEL, "min_points": 0}}, "a whole number of at least 1"),
    ({"high": {**LEVEL, "metric": []}}, "a non-empty list of texts"),
    ({"high": {**LEVEL, "edits": []}}, "a non-empty list of texts"),
    ({"high": {**LEVEL, "edits": ["lr@mull=2"]}}, "mull"),
    ({"high": {**LEVEL, "edits": ["lr"]}}, "lr"),
    (["high"], "must map each rule's name"),
]


@pytest.mark.parametrize(("config", "words"), MISTAKES, ids=[words for _, words in MISTAKES])
def test_a_mistake_is_told_with_its_place_and_what_is_allowed(config: Any, words: str) -> None:
    said = message(config)
    assert words in said
    assert "high" in said or isinstance(config, list)


SETTINGS = [
    ("MetricChange", {"metric": "loss", "edits": "lr@mul=2"}, "exactly one of fell_less_than_pct"),
    (
        "MetricChange",
        {"metric": "loss", "edits": "lr@mul=2", "fell_less_than_pct": 1, "rose_more_than_pct": 1},
        "exactly one of",
    ),
    ("MetricChange", {"metric": "loss", "edits": "lr@mul=2", "fell_less_than_pct": -1}, "of at least 0"),
    (
        "MetricChange",
        {"metric": "l", "edits": "lr@mul=2", "fell_less_than_pct": 1, "span": "all"},
        "first_last",
    ),
    (
        "MetricChange",
        {"metric": "l", "edits": "a@mul=2", "fell_less_than_pct": 1, "min_points": 2},
        "at least 3",
    ),
    ("RestoreMass", {"below": 2}, "above 0 up to 1"),
    ("RestoreMass", {"wanted": 0.01}, "from 0.05 to 0.999"),
    ("RestoreMass", {"spread": ["lr"]}, "spread names lr"),
    ("RestoreMass", {"max_factor": 1}, "a number above 1"),
    ("BackToParent", {"goal": "low"}, "one of min, max"),
    ("BackToParent", {"worse_by_pct": True}, "a number of at least 0"),
    ("OutOfMemory", {"batch": []}, "a non-empty list"),
    ("CostNotFalling", {"edits": "lr@mul=2", "only_learnable": "yes"}, "true or false"),
    ("Overfitting", {"train": "a", "evaluation": "b", "edits": "lr@mul=2", "min_points": 2}, "at least 3"),
    ("Spikes", {"metric": "a", "edits": "lr@mul=2", "times": 1}, "a number above 1"),
    ("NonFinite", {"edits": "lr*2"}, "lr*2"),
]


@pytest.mark.parametrize(("kind", "settings", "words"), SETTINGS)
def test_every_class_refuses_settings_it_cannot_use(kind: str, settings: dict[str, Any], words: str) -> None:
    assert words in message({"it": {"_target_": f"autoloop.rules.{kind}", **settings}})


def test_a_rule_of_an_outside_author_is_built_like_ours() -> None:
    (rule,) = build_rules({"own": {"_target_": "tests.helpers.outside_rules.Nothing"}})
    assert isinstance(rule, Rule)
    assert rule.name == "own"


@pytest.mark.parametrize("choice", ["act_ot", "general", "none"])
def test_the_shipped_rules_build_from_their_yaml(choice: str) -> None:
    rules = build_rules(yaml.safe_load((CONF / "rules" / f"{choice}.yaml").read_text()))
    assert bool(rules) == (choice != "none")


@pytest.mark.parametrize("choice", ["act_ot", "none"])
def test_bounds_map_paths_to_a_low_and_a_high_value(choice: str) -> None:
    bounds = yaml.safe_load((CONF / "bounds" / f"{choice}.yaml").read_text())
    assert all(low < high for low, high in bounds.values())


BASELINE = json.loads((DATA / "act_ot_baseline.json").read_text())


def shipped_edits() -> list[str]:
    entries = yaml.safe_load((CONF / "rules" / "act_ot.yaml").read_text()).values()
    return sorted({edit for entry in entries for edit in entry.get("edits", [])})


@pytest.mark.parametrize("edit", shipped_edits())
def test_every_edit_of_the_act_ot_rules_finds_its_place_in_a_real_config(edit: str) -> None:
    assert matches(BASELINE, path_of(edit))


@pytest.mark.parametrize("path", yaml.safe_load((CONF / "bounds" / "act_ot.yaml").read_text()))
def test_every_bound_finds_its_place_in_a_real_config_and_holds_for_it(path: str) -> None:
    low, high = yaml.safe_load((CONF / "bounds" / "act_ot.yaml").read_text())[path]
    assert [low <= value <= high for _, value in numbers(BASELINE, path)]
    assert all(low <= value <= high for _, value in numbers(BASELINE, path))


def test_bounds_keep_the_users_lambda_from_going_below_nothing() -> None:
    """0.02 with @add=-0.05 once became -0.03."""
    bounds = yaml.safe_load((CONF / "bounds" / "act_ot.yaml").read_text())
    config = {**BASELINE, "ot": {**BASELINE["ot"], "lambda_ot": 0.03}}
    assert apply(["ot.lambda_ot@add=-0.05"], config, bounds)["ot"]["lambda_ot"] == 0.02


def test_hydra_composes_rules_bounds_and_strategy_and_keeps_dotted_keys(tmp_path: Path) -> None:
    for group in ("rules", "bounds", "strategy"):
        (tmp_path / group).symlink_to(CONF / group)
    defaults = (
        "defaults: [{rules: act_ot}, {bounds: act_ot}, {strategy: rules}, _self_]\nvariants_per_run: 2\n"
    )
    (tmp_path / "config.yaml").write_text(defaults)
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        full = compose("config", overrides=["rules.gentle=null", "rules.mass_collapsed.below=0.01"])
        bare = compose("config", overrides=["rules=none", "bounds=none"])
    config: Any = OmegaConf.to_container(full, resolve=True)
    assert config["bounds"]["ot.loss_config.features.*.weight_label"] == [0.0, 10.0]
    rules = {rule.name: rule for rule in build_rules(config["rules"])}
    assert "gentle" not in rules
    assert isinstance(rules["mass_collapsed"], MetricLevel)
    assert rules["mass_collapsed"].below == 0.01
    strategy = build_strategy(config["strategy"])
    assert isinstance(strategy, RulesStrategy)
    assert strategy.variants_per_run == 2
    assert OmegaConf.to_container(bare)["rules"] == {}


def test_strategy_mistakes_are_told() -> None:
    with pytest.raises(ConfigError, match="did you mean 'RulesStrategy'"):
        build_strategy({"_target_": "autoloop.strategies.RuleStrategy"})
    with pytest.raises(ConfigError, match="no setting 'variants'; did you mean 'variants_per_run'"):
        build_strategy({"_target_": "autoloop.strategies.RulesStrategy", "variants": 2})
    with pytest.raises(ConfigError, match="variants_per_run=0 cannot be used"):
        build_strategy({"_target_": "autoloop.strategies.RulesStrategy", "variants_per_run": 0})
