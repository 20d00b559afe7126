"""Changes to rules, stop rules, bounds and conditions that have a name are laid over it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from autoloop.config.sets import overlaid, with_sets
from autoloop.config.settings import Settings, resolved
from autoloop.errors import SettingError
from autoloop.study.events import StudyBegun

MINE = "{mine: {_target_: autoloop.rules.MetricLevel, metric: loss, above: 0, edits: ['lr@mul=2']}}"
BASE: dict[str, Any] = {"a": {"_target_": "A", "x": 1}, "b": {"_target_": "B"}}


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """An app whose section may hold sets, or choose them from its own files."""
    (tmp_path / "config.yaml").write_text("lr: 0.1\n")
    section = "autoloop: {rules: {plateau: null}, bounds: {lr: [0, 1]}}"
    (tmp_path / "section.yaml").write_text(f"lr: 0.1\n{section}\n")
    (tmp_path / "whole.yaml").write_text(f"lr: 0.1\nautoloop: {{rules: {MINE}}}\n")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "own.yaml").write_text(f"{MINE[1:-1]}\n")
    (tmp_path / "chosen.yaml").write_text("defaults: [rules: own, _self_]\nautoloop: {rules: '${rules}'}\n")
    return tmp_path


def config(app: Path, *words: str, name: str = "config") -> DictConfig:
    with initialize_config_dir(str(app), version_base="1.3"):
        return compose(name, ["hydra/sweeper=autoloop", *words], return_hydra_config=True)


def settings(app: Path, *words: str, name: str = "config", begun: StudyBegun | None = None) -> Settings:
    whole = config(app, *words, name=name)
    given = {key: value for key, value in whole.hydra.sweeper.items() if key != "_target_"}
    return Settings.read(with_sets(resolved(given), whole, begun))


def rules(app: Path, *words: str, **how: Any) -> list[str]:
    return [rule.name for rule in settings(app, *words, **how).rules]


def test_one_rule_is_switched_off_added_or_changed_and_the_others_stay(app: Path) -> None:
    """By a word, as Hydra itself advises it, or in the app's own section."""
    general = rules(app)
    assert "plateau" in general and len(general) > 5
    without = [name for name in general if name != "plateau"]
    assert rules(app, "+hydra.sweeper.rules.plateau=null") == without
    assert rules(app, "hydra.sweeper.rules={plateau: null}") == without
    assert rules(app, name="section") == without
    assert rules(app, "+hydra.sweeper.rules.spikes=null", "++hydra.sweeper.rules=none") == []
    assert rules(app, f"hydra.sweeper.rules={MINE}") == [*general, "mine"]
    found = settings(app, "+hydra.sweeper.rules.plateau.min_points=7").raw["rules"]
    assert found["plateau"]["min_points"] == 7 and found["plateau"]["_target_"].endswith("MetricChange")


def test_use_names_what_is_changed_and_nothing_stays_nothing(app: Path) -> None:
    assert rules(app, f"hydra.sweeper.rules={{use: none, {MINE[1:]}") == ["mine"]
    assert "gentle" in rules(app, "hydra.sweeper.rules={use: act_ot, plateau: null}")
    assert rules(app, "hydra.sweeper.rules={}") == rules(app, "hydra.sweeper.rules=none") == []


def test_what_an_app_defines_in_its_own_files_is_a_whole_set_and_may_be_changed(app: Path) -> None:
    assert rules(app, name="chosen") == rules(app, name="whole") == ["mine"]
    assert rules(app, "hydra.sweeper.rules={mine: null}", name="chosen") == []
    with pytest.raises(SettingError, match="no rule 'mien' to change; did you mean 'mine'"):
        rules(app, "hydra.sweeper.rules={mien: null}", name="chosen")


def test_stop_rules_bounds_and_conditions_are_laid_over_theirs(app: Path) -> None:
    stop = [rule.name for rule in settings(app).watching.rules]
    off = settings(app, "+hydra.sweeper.stop_rules.exploded=null").watching.rules
    assert [rule.name for rule in off] == [name for name in stop if name != "exploded"]
    both = settings(app, "+hydra.sweeper.bounds.x=[1, 2]", name="section").bounds
    assert both == {"lr": (0, 1), "x": (1, 2)}
    (enough,) = settings(app, "+hydra.sweeper.until.enough={metric: loss, below: 1}").limits.until
    assert enough.name == "enough"


def test_a_mapping_that_a_study_began_with_as_a_whole_is_one_when_it_goes_on(app: Path) -> None:
    """Earlier versions had no other meaning for it."""
    whole = settings(app, f"hydra.sweeper.rules={{use: none, {MINE[1:]}").raw["rules"]
    begun = StudyBegun(settings={"rules": whole})
    assert rules(app, f"hydra.sweeper.rules={MINE}", begun=begun) == ["mine"]
    assert len(rules(app, f"hydra.sweeper.rules={MINE}", begun=StudyBegun(settings={"rules": {}}))) > 1


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({"b": None}, {"a": BASE["a"], "b": None}),
        ({"a": {"x": 2}}, {"a": {"_target_": "A", "x": 2}, "b": BASE["b"]}),
        ({"a": {"_target_": "C"}}, {"a": {"_target_": "C"}, "b": BASE["b"]}),
        ({"use": "general", "c": {"_target_": "C"}}, {**BASE, "c": {"_target_": "C"}}),
    ],
    ids=["off", "a setting", "another class", "added"],
)
def test_a_change_touches_its_own_entry_alone(changes: dict[str, Any], result: dict[str, Any]) -> None:
    assert overlaid("rules", changes, BASE) == result
    assert list(BASE) == ["a", "b"] and BASE["a"] == {"_target_": "A", "x": 1}


@pytest.mark.parametrize("change", [None, {"x": 1}])
def test_a_change_of_an_entry_that_is_not_there_is_refused(change: Any) -> None:
    with pytest.raises(SettingError, match=r"no rule 'aa' to change; did you mean 'a'\? \(there are a, b\)"):
        overlaid("rules", {"aa": change}, BASE)
