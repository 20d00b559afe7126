"""The space of a sampler: ranges from bounds and baseline, configs as points, points as edits."""

from __future__ import annotations

from typing import Any

import pytest

from autoloop.edits import apply
from autoloop.errors import ConfigError
from autoloop.strategies.shares import is_share
from autoloop.strategies.space import Knob, read_space

CONFIG = {
    "lr": 0.01,
    "batch": 8,
    "bias": -2.0,
    "zero": 0.0,
    "name": "adam",
    "f": [{"w": 0.5}, {"w": 0.0}, {"w": 1.0}],
}


def one(path: str, entry: Any = None, bounds: Any = None) -> Knob:
    (knob,) = read_space(CONFIG, {path: entry}, bounds or {}, (), 4.0)
    return knob


@pytest.mark.parametrize(
    ("bounds", "low", "high", "soft"),
    [
        ({}, 0.0025, 0.04, (True, True)),
        ({"lr": (0.001, 0.1)}, 0.001, 0.1, (False, False)),
        ({"lr": (None, 0.1)}, 0.0025, 0.1, (True, False)),
        ({"lr": (0.001, None)}, 0.001, 0.04, (False, True)),
        ({"lr": (0.0, 0.1)}, 0.0025, 0.1, (True, False)),
    ],
)
def test_ranges_come_from_bounds_and_from_the_baseline_where_nothing_is_said(
    bounds: Any, low: float, high: float, soft: tuple[bool, bool]
) -> None:
    knob = one("lr", bounds=bounds)
    assert (knob.low, knob.high, knob.soft) == (pytest.approx(low), pytest.approx(high), soft)


def test_without_a_space_the_knobs_are_those_with_bounds_or_changed_before() -> None:
    bounds = {"lr": (0.001, 0.1), "missing": (0.0, 1.0), "f.*.w": (0.0, 10.0)}
    knobs = read_space(CONFIG, {}, bounds, ["batch", "f.0.w", "name", "zero"], 4.0)
    assert [knob.path for knob in knobs] == ["lr", "f.*.w", "batch"]


def test_a_knob_is_left_alone_where_it_is_said_to_be() -> None:
    """By the user with false, by the loop for seeds and the like; a user who names it wants it turned."""
    bounds = {"lr": (0.001, 0.1), "f.*.w": (0.0, 10.0)}
    paths = [knob.path for knob in read_space(CONFIG, {"lr": False}, bounds, ["batch"], 4.0)]
    assert paths == ["f.*.w", "batch"]
    paths = [knob.path for knob in read_space(CONFIG, {}, bounds, ["batch"], 4.0, ["f.*.w", "batch"])]
    assert paths == ["lr"]
    paths = [
        knob.path for knob in read_space(CONFIG, {"batch": None, "lr": False}, bounds, [], 4.0, ["batch"])
    ]
    assert paths == ["batch"]


def test_a_point_and_its_config_lead_to_each_other() -> None:
    for knob, unit in [
        (one("lr"), 0.8),
        (one("bias"), 0.3),
        (one("f.*.w"), 0.7),
        (one("lr", [0.001, 1.0]), 0.1),
    ]:
        config = apply([knob.edit(unit)], CONFIG)
        assert knob.unit(config) == pytest.approx(unit, abs=0.01)


def test_a_pattern_moves_all_its_values_by_one_factor_and_leaves_zeros() -> None:
    config = apply([one("f.*.w").edit(1.0)], CONFIG)
    assert [item["w"] for item in config["f"]] == [2.0, 0.0, 4.0]


def test_a_whole_number_stays_one() -> None:
    assert one("batch").edit(0.9) == "batch@set=24"
    assert one("batch").edit(0.5) == ""  # the baseline itself


def test_a_linear_knob_goes_through_zero() -> None:
    assert (one("bias").low, one("bias").high) == (-8.0, 4.0)
    assert one("zero", [0.0, 1.0]).edit(0.25) == "zero@set=0.25"


def test_choices_are_proposed_as_they_are() -> None:
    knob = one("name", {"choices": ["adam", "sgd"]})
    assert [knob.edit(unit) for unit in (0.2, 0.9)] == ["", "name@set=sgd"]
    assert knob.unit({**CONFIG, "name": "sgd"}) == 0.75


def test_a_range_made_from_the_baseline_is_extended_where_the_best_lies_at_its_edge() -> None:
    knob = one("lr", bounds={"lr": (None, 0.04)})
    assert knob.extended(0.05, 4.0).low == pytest.approx(0.0025 / 4)
    assert knob.extended(0.95, 4.0) == knob  # its upper end was said
    assert knob.extended(0.5, 4.0) == knob


@pytest.mark.parametrize(
    ("path", "value", "share"),
    [
        ("betas.0", 0.9, True),
        ("optimizer.betas.*", 0.999, True),
        ("adam_beta_2", 0.99, True),
        ("model.attn_pdrop", 0.1, True),
        ("hiddenDropoutProb", 0.1, True),
        ("dropout.rate", 0.1, True),
        ("ema.decay", 0.99, True),
        ("label_smoothing", 0.1, True),
        ("warmup_ratio", 0.1, True),
        ("subsample", 1.0, True),
        ("gamma", 0.99, True),
        ("beta", 0.9, True),
        ("beta", 0.1, False),  # the weight of a loss
        ("mlp_ratio", 0.5, False),
        ("weight_decay", 0.01, False),
        ("momentum", 5, False),
        ("lr", 0.1, False),
        ("probe_lr", 0.1, False),
        ("p", 1, False),  # a norm
        ("dropout", True, False),
    ],
)
def test_a_share_is_known_by_its_name_and_its_value(path: str, value: Any, share: bool) -> None:
    assert is_share(path, value) == share


@pytest.mark.parametrize(
    ("start", "bounds", "high"),
    [
        (0.1, None, 0.4),
        (0.5, None, 0.875),
        (0.999, None, 0.99975),
        (1.0, None, 1.0),
        (0.5, (0.1, 2.0), 2.0),  # the user's word counts
        (0.5, (0.0, None), 0.875),
    ],
)
def test_the_range_of_a_share_ends_below_one_and_is_never_extended_beyond(
    start: float, bounds: Any, high: float
) -> None:
    limits = {} if bounds is None else {"dropout": bounds}
    (knob,) = read_space({"dropout": start}, {"dropout": None}, limits, (), 4.0)
    assert knob.high == pytest.approx(high)
    if bounds is None:
        assert knob.extended(0.95, 4.0).extended(0.95, 4.0).high <= 1
    (both,) = read_space({"betas": [0.5, 0.9]}, {"betas.*": None}, {}, (), 4.0)
    assert max(apply([both.extended(1.0, 4.0).edit(1.0)], {"betas": [0.5, 0.9]})["betas"]) < 1


@pytest.mark.parametrize(
    ("path", "entry", "message"),
    [
        ("lr", [1], "write \\[low, high\\]"),
        ("lr", {"choice": [1]}, "write \\[low, high\\]"),
        ("name", None, "is no number"),
        ("missing", None, "is no number"),
        ("missing", {"choices": [1]}, "has no 'missing'"),
    ],
)
def test_a_space_that_cannot_be_used_is_told(path: str, entry: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        one(path, entry)


def test_a_baseline_of_null_takes_part_between_two_ends() -> None:
    """It lies nowhere on the range, so it stands in the middle of it; a point always sets a value."""
    (knob,) = read_space({"clip": None}, {"clip": [0.1, 10.0]}, {}, (), 4.0)
    assert knob.unit({"clip": None}) == 0.5
    assert knob.edit(0.5) == "clip@set=1.0"
    (whole,) = read_space({"warmup": None}, {"warmup": [1, 100]}, {}, (), 4.0)
    assert isinstance(whole.value(0.3), int)


def test_a_baseline_that_is_false_is_a_choice() -> None:
    (knob,) = read_space({"nesterov": False}, {"nesterov": None}, {}, (), 4.0)
    assert knob.choices == (False, True)
    assert (knob.edit(knob.unit({"nesterov": False})), knob.edit(0.9)) == ("", "nesterov@set=true")


@pytest.mark.parametrize("given", [{"wd": [1e-6, 1e-1]}, {}])
def test_a_baseline_of_0_is_tried_on_a_logarithmic_scale_where_both_ends_are_above_it(given: dict) -> None:
    (knob,) = read_space({"wd": 0.0}, given, {"wd": (1e-6, 1e-1)}, (), 4.0)
    assert knob.kinds[1]
    assert knob.unit({"wd": 0.0}) == 0.0
    assert knob.edit(0.6) == "wd@set=0.001"


def test_a_range_that_nobody_set_reaches_beyond_the_best_wherever_that_lies() -> None:
    """A probe may find sixteen times the baseline's rate best, where the range ends at four times."""
    (knob,) = read_space({"lr": 0.01}, {"lr": None}, {}, (), 4.0)
    far = knob.reaching({"lr": 0.16}, 4.0)
    assert far.high > 0.3
    assert far.low == knob.low
    (bound,) = read_space({"lr": 0.01}, {"lr": [0.001, 0.04]}, {}, (), 4.0)
    assert bound.reaching({"lr": 0.16}, 4.0) == bound
