"""Points as configurations: inside their ends, on their steps, each once, until none is left."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from autoloop.edits import apply
from autoloop.edits.groups import GroupedConfig, split_picks
from autoloop.errors import ConfigError
from autoloop.strategies.configurations import edits_at, left, size, snapped
from autoloop.strategies.entries import SpaceEntry, merged
from autoloop.strategies.gaussian import GaussianProcess
from autoloop.strategies.samplers import QuasiRandom, Random, Sampler, Seen, ask_where_jobs_live
from autoloop.strategies.space import Knob, read_space

CONFIG = {"x": 1, "lr": 0.1, "opt": "adam", "momentum": 0.9, "zero": 0.0}


def knobs(**space: Any) -> tuple[Knob, ...]:
    return read_space(CONFIG, space, {}, (), 4.0)


def values(knob: Knob) -> set[Any]:
    return {knob.value(unit) for unit in np.linspace(0, 1, 301)}


@pytest.mark.parametrize(
    ("path", "entry", "found"),
    [
        ("x", [0.5, 3.5], {1, 2, 3}),
        ("x", [-2.5, 1.2], {-2, -1, 0, 1}),
        ("x", {"low": 0, "high": 3}, {0, 1, 2, 3}),
        ("x", {"low": 1, "high": 9, "step": 4}, {1, 5, 9}),
        ("x", {"low": 1, "high": 8, "log": True}, set(range(1, 9))),
        ("lr", {"low": 0.1, "high": 0.7, "step": 0.2}, {0.1, 0.3, 0.5, 0.7}),
        ("lr", {"low": 1, "high": 3, "type": "int"}, {1, 2, 3}),
    ],
)
def test_values_stay_between_their_ends_and_on_their_steps(path: str, entry: Any, found: set[Any]) -> None:
    """Whole numbers too, whose ends need not be whole: none is rounded out of the range."""
    (knob,) = knobs(**{path: entry})
    assert values(knob) == found
    assert set(knob.levels or ()) == found
    for value in found:
        assert knob.value(knob.place(value)) == value


def test_a_number_asked_for_as_a_float_is_one() -> None:
    (knob,) = knobs(x={"low": 0.5, "high": 3.5, "type": "float"})
    assert len(values(knob)) > 100 and knob.levels is None


def test_an_end_of_zero_that_was_said_is_reached() -> None:
    (knob,) = knobs(lr=[0, 1])
    assert (knob.value(0.0), knob.value(1.0), knob.place(0.0)) == (0, 1, 0)


@pytest.mark.parametrize(
    ("path", "entry", "message"),
    [
        ("x", [0.2, 0.8], "holds no whole number"),
        ("x", [3, 1], "above the highest"),
        ("opt", [0, 1], "no number in the config"),
        ("lr", {"low": 0, "high": 1, "log": True}, "log scale needs"),
        ("lr", {"low": 0, "step": 1}, "needs a number above 0, and low and high"),
        ("lr", {"low": 0, "high": 1, "type": "whole"}, "neither int nor float"),
        ("lr", {"low": 0, "hihg": 1}, "did you mean 'high'"),
        ("lr", {"choices": [1], "low": 0}, "write"),
        ("lr", {"low": 0, "high": 1, "where": "opt"}, "is not a mapping"),
    ],
)
def test_an_entry_that_cannot_be_used_is_told(path: str, entry: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        knobs(**{path: entry})


def test_bounds_narrow_a_space_and_contradictions_are_said() -> None:
    (knob,) = read_space(CONFIG, {"lr": [0, 1]}, {"lr": (0.5, None)}, (), 4.0)
    assert (knob.low, knob.high) == (0.5, 1)
    for entry in ([0, 1], {"choices": [0.5, 3]}):
        with pytest.raises(ConfigError, match="change one"):
            read_space(CONFIG, {"lr": entry}, {"lr": (2, 5)}, (), 4.0)
    both = merged("lr", SpaceEntry(0, 1), SpaceEntry(0.5, 2))
    assert (both.low, both.high) == (0.5, 1)
    with pytest.raises(ConfigError, match="no value in common"):
        merged("lr", SpaceEntry(0, 1), SpaceEntry(2, 3))
    with pytest.raises(ConfigError, match="given twice"):
        merged("lr", SpaceEntry(0, 1), SpaceEntry(choices=(1, 2)))


@pytest.mark.parametrize("entry", [[0, 1], {"low": 0, "high": 1, "step": 0.25, "where": {"opt": "sgd"}}])
def test_an_entry_and_its_record_say_the_same(entry: Any) -> None:
    read = SpaceEntry.read("x", entry)
    assert SpaceEntry.read("x", read.as_record()) == read


def test_a_knob_counts_only_where_its_condition_holds() -> None:
    """On another knob's value, however far along; one on what nothing turns is settled by the baseline."""
    space = {
        "opt": {"choices": ["adam", "sgd"]},
        "momentum": {"low": 0.0, "high": 1.0, "where": {"opt": "sgd"}},
        "x": {"low": 1, "high": 3, "where": {"momentum": [1.0]}},
        "lr": {"low": 0, "high": 1, "where": {"zero": 5}},
    }
    found = knobs(**space)
    assert [knob.path for knob in found] == ["opt", "momentum", "x"]
    assert edits_at(found, [0.2, 0.5, 1.0]) == {}
    assert edits_at(found, [0.9, 0.5, 1.0]) == {"opt": "opt@set=sgd", "momentum": "momentum@set=0.5"}
    assert "x" in edits_at(found, [0.9, 1.0, 1.0])
    assert snapped(found, [0.2, 0.5, 1.0]) == [0.25, found[1].place(0.9), found[2].place(1)]


def test_an_option_of_a_group_is_picked_before_what_it_has_is_set() -> None:
    config = GroupedConfig({"model": {"width": 8}}, {"model": "small", "db": None})
    space = {
        "model.depth": {"low": 1, "high": 3, "start": [2], "where": {"model": ["big"]}},
        "model": {"choices": ["small", "big"], "group": True},
    }
    found = read_space(config, space, {}, (), 4.0)
    assert list(edits_at(found, [1.0, 0.9]).values()) == ["model@set=big", "model.depth@set=3"]
    assert found[1].unit(GroupedConfig(config, {"model": "big"})) == 0.75
    picks, others = split_picks(["model.width@mul=2", "model@set=big", "db@set=x"], config)
    assert (picks, others) == ({"model": "big", "db": "x"}, ["model.width@mul=2"])
    assert left(found, [config]) is not None
    assert len(left(found, [config])) == 3  # small once, big with three depths


@pytest.mark.parametrize(
    "sampler", [GaussianProcess(), QuasiRandom(), Random()], ids=lambda one: type(one).__name__
)
@pytest.mark.parametrize(
    "space",
    [
        {"x": {"choices": [1, 2, 3]}, "opt": {"choices": ["a", "b", "c"]}},
        {"x": [0, 32]},
        {
            "x": {"low": 0, "high": 3},
            "lr": {"low": 0.1, "high": 0.3, "step": 0.1},
            "opt": {"choices": ["a", "adam"]},
        },
    ],
    ids=["3x3", "33", "24"],
)
def test_a_small_space_is_tried_to_its_end_each_configuration_once(sampler: Sampler, space: Any) -> None:
    """One point at a time, as a study with one job a round asks."""
    found = knobs(**space)
    every = list(product(*(knob.levels or () for knob in found)))
    configs = [CONFIG]
    while True:
        points = np.array([[knob.unit(config) for knob in found] for config in configs])
        losses = np.array([float(config["x"]) for config in configs])
        free = left(found, configs)
        asked = ask_where_jobs_live(sampler, Seen(points, losses, points[0], 0, among=free), 1)
        if not len(asked):
            break
        configs.append(apply(list(edits_at(found, asked[0]).values()), CONFIG))
    ran = [tuple(knob.at(config) for knob in found) for config in configs]
    assert len(set(ran)) == len(ran)
    assert set(every) <= set(ran)
    assert size(found) == len(every)
