"""Sweeps as Hydra writes them: what its own parser reads, said as entries of the space."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path

from autoloop.config.sweeps import SweptKey, read_entry, read_overrides
from autoloop.errors import ConfigError
from autoloop.strategies.entries import SpaceEntry


@pytest.fixture
def loader(tmp_path: Path) -> ConfigLoaderImpl:
    """Hydra's loader of an app with one config group."""
    for option in ("mysql", "postgresql"):
        (tmp_path / "db").mkdir(exist_ok=True)
        (tmp_path / "db" / f"{option}.yaml").write_text("port: 1\n")
    return ConfigLoaderImpl(create_config_search_path(f"file://{tmp_path}"))


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("interval(0, 1)", SpaceEntry(0, 1, log=False)),
        ("interval(-2.5,3)", SpaceEntry(-2.5, 3, log=False)),
        ("tag(log, interval(1e-4, 1))", SpaceEntry(1e-4, 1, log=True)),
        ("int(interval(4, 16))", SpaceEntry(4, 16, log=False, type="int")),
        ("float(interval(0.5, 3.5))", SpaceEntry(0.5, 3.5, log=False, type="float")),
        ("tag(log, float(interval(1, 3)))", SpaceEntry(1, 3, log=True, type="float")),
        ("range(1, 5)", SpaceEntry(1, 4, step=1)),
        ("range(5, 1, -2)", SpaceEntry(3, 5, step=2)),
        ("range(-1.0, 0.5, step=0.5)", SpaceEntry(-1.0, 0.0, step=0.5)),
        ("shuffle(range(0, 4))", SpaceEntry(0, 3, step=1)),
        ("range(3, 4)", SpaceEntry(choices=(3,))),
        ("choice(a, 'b c', 1, 0.5, true)", SpaceEntry(choices=("a", "b c", 1, 0.5, True))),
        ("shuffle(b, a)", SpaceEntry(choices=("b", "a"))),
        ("a,null", SpaceEntry(choices=("a", None))),
    ],
)
def test_a_sweep_says_the_same_in_a_space_as_on_the_command_line(
    loader: ConfigLoaderImpl, text: str, entry: SpaceEntry
):
    """A shuffled list is written in one order, whichever is drawn."""
    (word,) = read_overrides([f"x={text}"], {}, loader)
    assert word.entry == entry
    assert read_entry("x", text, loader) == entry
    assert (
        read_overrides([], {"x": text}, loader) == (SweptKey("x", f"x={text}", word.values, entry),)
        or "shuffle" in text
    )


def test_of_two_words_with_one_key_the_last_counts(loader: ConfigLoaderImpl):
    """In the place of the first; the command line goes over `params`."""
    words = read_overrides(["x=1,2", "y=5", "x=3,4"], {"y": "interval(0, 1)", "z": 7}, loader)
    assert [(word.key, word.values) for word in words] == [
        ("y", ("y=5",)),
        ("z", ("z=7",)),
        ("x", ("x=3", "x=4")),
    ]


def test_a_glob_names_the_options_of_a_group(loader: ConfigLoaderImpl):
    (word,) = read_overrides([], {"db": "glob(*)"}, loader)
    assert word.values == ("db=mysql", "db=postgresql")
    with pytest.raises(
        ConfigError, match=r"no option of the config group 'db' \(there are mysql, postgresql\)"
    ):
        read_overrides(["db=glob(z*)"], {}, loader)
    with pytest.raises(ConfigError, match="there is no config group 'name'"):
        read_overrides(["name=glob(*)"], {}, loader)


@pytest.mark.parametrize(
    ("value", "says"), [("3", "is one value"), ("interval(", "cannot be read"), ([1], "write")]
)
def test_what_is_no_space_is_told(loader: ConfigLoaderImpl, value: Any, says: str):
    with pytest.raises(ConfigError, match=says):
        read_entry("x", value, loader)
