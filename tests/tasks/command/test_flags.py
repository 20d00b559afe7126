"""Values as words of a command line."""

from __future__ import annotations

import pytest

from autoloop.errors import ConfigError
from autoloop.tasks.command.flags import flag_args

CASES = [
    (
        {"steps": 60, "a": {"b": 1e-5}},
        ["--steps=60", "--a.b=1e-05"],
        ["--steps", "60", "--a-b", "1e-05"],
        None,
    ),
    ({"on": True, "off": False}, ["--on=true", "--off=false"], ["--on"], ["on=true", "off=false"]),
    ({"name": "two words"}, ["--name=two words"], ["--name", "two words"], ["name='two words'"]),
    ({"betas": [0.9, 1]}, ["--betas=[0.9, 1]"], ["--betas", "0.9", "1"], ["betas=[0.9,1]"]),
    ({"names": ["a", "b"]}, ['--names=["a", "b"]'], ["--names", "a", "b"], ["names=[a,b]"]),
    ({"entity": None}, [], [], ["entity=null"]),
    ({"long_name": 1}, ["--long_name=1"], ["--long-name", "1"], ["long_name=1"]),
]


@pytest.mark.parametrize(("values", "equals", "argparse", "hydra"), CASES)
def test_each_style_writes_values_its_own_way(values, equals, argparse, hydra):
    """The same values for draccus, argparse and Hydra."""
    assert flag_args([values], "equals") == equals
    assert flag_args([values], "argparse") == argparse
    assert flag_args([values], "hydra") == (hydra or ["steps=60", "a.b=1e-05"])


def test_a_later_mapping_wins_in_place():
    """The place of a value is that of its first mention."""
    assert flag_args([{"a": {"b": 1}, "c": 2}, {"a": {"b": 3}}], "equals") == ["--a.b=3", "--c=2"]


def test_a_mapping_is_no_flag_of_argparse():
    """What argparse cannot take is refused by its name."""
    with pytest.raises(ConfigError, match="nothing"):
        flag_args([{"nothing": {}}], "argparse")
