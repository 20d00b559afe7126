"""Variants, names and signatures."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoloop.edits import change, parse_edit
from autoloop.edits.variants import Variant, parse_edits, safe_name, signature, unique_names
from autoloop.errors import ConfigError, EditError

REPEATABLE = settings(derandomize=True, deadline=None)
CONFIG = {"lr": 0.1, "seed": 1, "out": {"dir": "a"}, "features": [{"w": 0.0, "tmp": 1}, {"w": 2, "tmp": 2}]}


def variant(**fields):
    """Build a variant with the fields a test is not about filled in."""
    found = change(["lr@mul=2"], CONFIG)
    return Variant(
        **{
            "name": "lr_mul_2",
            "edits": ("lr@mul=2",),
            "parent": "baseline",
            "rule": "plateau",
            "reason": "l1 no longer falls",
            "evidence": {"l1.pct": -1.0},
            "expects": "l1 falls again",
            "overrides": tuple(found.overrides),
            "config": found.config,
            "signature": signature(found.config),
            "changes": found.changes,
            "notes": found.notes,
            **fields,
        }
    )


def test_a_variant_is_a_value():
    """It cannot be changed, and equal fields make equal variants."""
    assert variant() == variant()
    with pytest.raises(dataclasses.FrozenInstanceError):
        variant().name = "other"


@pytest.mark.parametrize(
    ("fields", "says"),
    [({"reason": " "}, "needs a reason"), ({"name": "../x"}, "use 'x'"), ({"name": ""}, "use 'variant'")],
)
def test_a_variant_without_a_reason_or_with_an_unsafe_name_cannot_be_built(fields, says):
    """Every job can answer why, and its name is a directory."""
    with pytest.raises(ConfigError, match=says):
        variant(**fields)


def test_signature_is_a_stable_sha256():
    """The same config has the same signature in every process and version."""
    assert signature({"a": 1, "b": [1.5, None, True]}) == (
        "f4f31a7d85dbf59b65e2a3de9e4ef268394c2d689fa700fbaa5edb68244d617f"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": 0.0}, {"a": -0.0}),
        ({"a": 1e300}, {"a": int(1e300)}),
        ({"a": (1, 2)}, {"a": [1, 2]}),
        ({"a": math.nan}, {"a": math.nan}),
    ],
)
def test_configs_that_mean_the_same_have_one_signature(one, other):
    """Order of keys, kind of number and kind of sequence do not matter."""
    assert signature(one) == signature(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": True}),
        ({"a": 0}, {"a": False}),
        ({"a": 1}, {"a": "1"}),
        ({"a": None}, {"a": "null"}),
        ({"a": [1, 2]}, {"a": [2, 1]}),
        ({"a": 1.5}, {"a": 1.25}),
        ({"a": math.nan}, {"a": math.inf}),
        ({"a": math.inf}, {"a": -math.inf}),
        ({"a": {}}, {"a": []}),
        ({"a": {"b": 1}}, {"a": {"b": {"c": 1}}}),
    ],
)
def test_configs_that_differ_have_different_signatures(one, other):
    """A bool is no number, a text is no number, order in lists counts."""
    assert signature(one) != signature(other)


def test_signature_can_ignore_places():
    """Seeds and directories need not count; patterns may have wildcards; a missing place is no error."""
    ignore = ("seed", "out.dir", "features.*.tmp", "not.here")
    other = {
        "lr": 0.1,
        "seed": 2,
        "out": {"dir": "b"},
        "features": [{"w": 0.0, "tmp": 9}, {"w": 2, "tmp": 8}],
    }
    assert signature(CONFIG, ignore) == signature(other, ignore)
    assert signature(CONFIG, ignore) != signature({**other, "lr": 0.2}, ignore)
    assert CONFIG["seed"] == 1
    with pytest.raises(EditError):
        signature(CONFIG, ["a..b"])


def test_ignoring_a_list_item_keeps_the_others_in_place():
    """An ignored item leaves a hole."""
    assert signature({"a": [1, 2]}, ["a.0"]) == signature({"a": [9, 2]}, ["a.0"])
    assert signature({"a": [1, 2]}, ["a.0"]) != signature({"a": [2, 1]}, ["a.0"])


@REPEATABLE
@given(st.text())
def test_safe_names_are_directory_names(label):
    """Whatever the label, the name is plain, short, and stays as it is when made safe again."""
    name = safe_name(label)
    assert name
    assert len(name) <= 60
    assert not set(name) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
    assert name[0] not in ".-"
    assert safe_name(name) == name


@REPEATABLE
@given(st.lists(st.text("ab/", max_size=3), max_size=8))
def test_unique_names_never_meet(labels):
    """Labels that become the same name are told apart."""
    names = unique_names(labels, taken=["a"])
    assert len({*names, "a"}) == len(labels) + 1
    assert all(safe_name(name) == name for name in names)


def test_long_names_stay_short_and_unique():
    """A cut name leaves room for its number."""
    names = unique_names(["x" * 100, "x" * 100])
    assert names == ["x" * 60, "x" * 58 + "_2"]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@REPEATABLE
@given(values)
def test_typed_values_become_edits_that_read_back_to_the_same_value(value):
    """What YAML or Hydra has typed already keeps its type."""
    try:
        (text,) = parse_edits({"a.b@set": value})
    except EditError:
        return
    operand = parse_edit(text).operand
    assert operand == value
    assert repr(operand) == repr(value)
