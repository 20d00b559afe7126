"""What a study searches: words and settings understood as a product or as a space, on a real config."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from autoloop.config.compose import Composer
from autoloop.config.settings import Settings
from autoloop.errors import ConfigError
from autoloop.runner.plan import read_points
from autoloop.runner.planning import Planner
from autoloop.runner.searching import Search, refuse_missing, understood
from autoloop.strategies.space import Knob, read_space

FILES = {
    "config.yaml": "defaults: [{model: small}, _self_]\nx: 1\ny: 2.0\nz: ???\nopt: adam\nseed: 3\n",
    "model/small.yaml": "width: 8\n",
    "model/big.yaml": "width: 64\ndepth: 3\n",
    "model/wide.yaml": "width: 256\n",
}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Path]:
    """Where an app's config files are, known to Hydra."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        yield tmp_path


def asked(*words: str, **given: Any) -> tuple[Search, Settings, Composer]:
    """What words and settings are understood as."""
    hydra = GlobalHydra.instance().hydra
    assert hydra is not None
    master = hydra.compose_config("config", [], run_mode=RunMode.MULTIRUN, with_log_configuration=False)
    composer = Composer(hydra.config_loader, master)
    settings = Settings.read({"rules": None, **given})
    search, settings = understood(words, settings, composer, hydra.config_loader)
    composer.bounds = dict(settings.bounds)
    return search, settings, composer


def space(*words: str, **given: Any) -> dict[str, Knob]:
    """The knobs of a study's sampler."""
    search, settings, composer = asked(*words, **given)
    (start,) = read_points(words, search, composer, settings).starts
    known = read_space(start.config, settings.strategy.space, settings.bounds, (), 4.0)
    return {knob.path: knob for knob in known}


def test_lists_alone_are_a_product_as_with_hydras_basic_sweeper(app: Path):
    search, settings, composer = asked("z=1", "x=1,2", "x=3,4", "model=glob(*)")
    points = read_points((), search, composer, settings)
    assert [start.overrides for start in points.starts] == [
        ("z=1", f"x={x}", f"model={model}") for x in (3, 4) for model in ("big", "small", "wide")
    ]
    assert settings.limits.rounds == 1
    assert "a product of 6 starting points" in search.explained[0]


@pytest.mark.parametrize(
    "more", [{"n_trials": 5}, {"space": {"y": [0, 4]}}, {"params": {"y": "interval(0,4)"}}]
)
def test_beside_a_space_or_a_number_of_trials_lists_are_the_samplers(app: Path, more: Any):
    """One starting point, with the config's own values; the plan says so."""
    search, settings, composer = asked("z=1", "x=1,2", "model=small,big", **more)
    assert [start.overrides for start in read_points((), search, composer, settings).starts] == [("z=1",)]
    assert {"x", "model"} <= space("z=1", "x=1,2", "model=small,big", **more).keys()
    assert "the sampler's space" in search.explained[0]
    assert settings.limits.max_jobs == settings.n_trials == more.get("n_trials", 20)


def test_a_space_of_the_strategys_own_leaves_lists_a_product(app: Path):
    """It may stand in a config file since long; only what is said beside it makes a search of lists."""
    file = {"strategy": {"use": "mixed", "space": {"y": "interval(0,4)", "z": [0, 1]}}}
    search, settings, composer = asked("x=1,2", **file)
    starts = read_points((), search, composer, settings).starts
    assert [start.overrides for start in starts] == [("x=1", "z=0.5"), ("x=2", "z=0.5")]
    assert settings.limits.rounds == 1 and "space" not in settings.raw and not settings.bounds


@pytest.mark.parametrize(
    "given",
    [
        {"space": {"x": [0, 5]}},
        {"strategy": {"use": "mixed", "space": {"x": [0, 5]}}},
        {"space": {"x": "interval(0, 5)"}},
        {"params": {"x": {"low": 0, "high": 5}}},
        {"space": {"x": [0, 9]}, "strategy": {"use": "mixed", "space": {"x": [-3, 5]}}},
    ],
)
def test_a_space_is_the_same_wherever_it_is_said(app: Path, given: Any):
    knob = space("z=1", **given)["x"]
    assert (knob.low, knob.high, knob.kinds[0]) == (0, 5, True)


def test_what_the_config_lacks_the_study_starts_with(app: Path):
    """A mandatory value, a new key, and a whole number that is to take others."""
    words = ("z=interval(0,1)", "+w=tag(log,interval(1,100))", "x=float(interval(0.5,3.5))")
    search, settings, composer = asked(*words)
    (start,) = read_points((), search, composer, settings).starts
    assert start.overrides == ("+w=10.0", "z=0.5", "x=1.0")
    assert any("z has no value in the config: the study starts with 0.5" in note for note in search.notes)
    found = space(*words)
    assert found["x"].levels is None and found["w"].kinds == (False, True)


def test_a_baseline_outside_and_ends_that_a_whole_number_has_not_are_said(app: Path):
    search, _, _ = asked("z=1", "x=interval(1.5,3.5)", "opt=choice(sgd,lion)", "y=interval(0,3)")
    notes = "\n".join(search.notes)
    assert "The baseline's x=1 lies outside its space (from 1.5 to 3.5)" in notes
    assert "float(interval(1.5, 3.5)) asks for all of them" in notes
    assert "The baseline's opt='adam' lies outside its space (one of sgd, lion)" in notes
    assert "y=2.0" not in notes


def test_config_groups_are_choices_and_a_key_of_one_option_counts_there(app: Path):
    found = space("z=1", "model=choice(small,big)", "model.depth=range(1,5)", n_trials=5)
    assert found["model"].group and found["model"].start == "small"
    assert found["model.depth"].where == (("model", ("big",)),)
    assert found["model.depth"].start == 3


@pytest.mark.parametrize(
    ("words", "given", "says"),
    [
        (
            ["x=interval(0,1)"],
            {},
            r"z has no value \(\?\?\?\).*give the baseline a value \(z=\.\.\), or a space",
        ),
        (
            ["z=1", "model=choice(small,bg)", "y=interval(0,1)"],
            {},
            "model=bg is no option.*did you mean 'big'",
        ),
        (
            ["z=1", "opd=interval(0,1)"],
            {},
            r"'opd', which the config does not have; did you mean 'opt'.*\+opd=",
        ),
        (
            ["z=1", "+space={y:[0,1]}"],
            {},
            r"no sampler looks for it; write hydra.sweeper.space=\{y:\[0,1\]\}",
        ),
        (["z=1", "y=interval(0,1)"], {"space": {"y": [2, 3]}}, "given twice.*no value in common"),
        (
            ["z=1", "y=interval(0,1)"],
            {"strategy": "rules"},
            "RulesStrategy does not use a space.*strategy=mixed",
        ),
    ],
)
def test_what_cannot_be_searched_is_told_first(app: Path, words: list[str], given: Any, says: str):
    with pytest.raises(ConfigError, match=says):
        space(*words, **given)


def test_rules_stay_in_the_space_too(app: Path):
    _, settings, _ = asked("z=1", "y=interval(0,3)", "x=choice(1,4)", bounds={"y": [1, None]})
    assert settings.bounds == {"y": (1, 3), "x": (1, 4)}


def test_an_edit_picks_an_option_and_sets_what_it_has(app: Path):
    """The variant's change is the option, not what differs below it; a wrong one is told with the nearest."""
    named = {"deep": {"model@set": "big", "model.depth@set": 9}}
    search, settings, composer = asked("z=1", variants=named)
    planned = Planner(settings, composer, app).first(read_points((), search, composer, settings))
    deep = planned.variants[1]
    assert deep.overrides == ("z=1", "model=big", "model.depth=9")
    assert [tuple(change) for change in deep.changes] == [("model", "small", "big"), ("model.depth", 3, 9)]
    for value, says in (("bg", "did you mean 'big'"), ("small", "model is 'small' already")):
        search, settings, composer = asked("z=1", variants={"v": {"model@set": value}})
        with pytest.raises(ConfigError.__base__, match=says):
            Planner(settings, composer, app).first(read_points((), search, composer, settings))


def test_what_the_code_instantiates_may_lack_values():
    """Its program gives the rest, as in ``instantiate(model, vocab_size=..)``; elsewhere it is a mistake."""
    refuse_missing({"model": {"_target_": "app.GPT", "vocab_size": "???", "head": {"size": "???"}}})
    with pytest.raises(ConfigError, match=r"model\.size has no value"):
        refuse_missing({"model": {"size": "???"}, "head": {"_target_": "app.Head", "size": "???"}})
