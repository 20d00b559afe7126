"""What `expand` prints, Hydra's own parser and composition turn into what `apply` computes."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hydra import compose, initialize
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from autoloop.edits import (
    Edit,
    LiteralError,
    change,
    format_literal,
    format_path,
    overrides_between,
    parse_edit,
    parse_literal,
)
from autoloop.edits._overrides import same
from autoloop.errors import EditError
from tests.edits import edit_strategies as strategies

PARSER = OverridesParser.create()
SLOW_START = settings(
    max_examples=100, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
)
COMPOSING = settings(SLOW_START, max_examples=60)


def hydra_compose(config: dict[str, Any], overrides: list[str]) -> Any:
    """Compose ``config`` with ``overrides`` in a real Hydra and return it as plain data."""
    ConfigStore.instance().repo.pop("case.yaml", None)
    ConfigStore.instance().store(name="case", node=OmegaConf.create(config))
    with initialize(config_path=None, **VERSION_BASE):
        return OmegaConf.to_container(compose("case", overrides=overrides), resolve=False)


def _version_base() -> dict[str, str]:
    """Hydra 1.3 asks for version_base, 1.4 deprecates it."""
    import hydra

    return {"version_base": "1.3"} if hydra.__version__.startswith("1.3") else {}


VERSION_BASE = _version_base()


def places(node: Any, keys: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return every place in a config, inner ones included."""
    inner = list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
    here = [keys] if keys else []
    return here + [place for key in inner for place in places(node[key], (*keys, key))]


@st.composite
def configs_and_edits(draw: st.DrawFn) -> tuple[dict[str, Any], list[Edit]]:
    """A config and a few edits of places it has, wildcards among them."""
    config = draw(strategies.configs)
    edits = []
    for keys in draw(st.lists(st.sampled_from(places(config)), min_size=1, max_size=4)):
        path = format_path(keys)
        if draw(st.booleans()) and len(keys) > 1 and path.rpartition(".")[2] == str(keys[-1]):
            path = path.rpartition(".")[0] + ".*"
        op = draw(st.sampled_from(["set", "set", "mul", "add", "min", "max"]))
        operand = draw(strategies.values if op == "set" else strategies.numbers)
        edits.append(Edit(path, op, operand))
    return config, edits


@SLOW_START
@given(strategies.values)
def test_hydra_reads_every_literal_as_the_value_it_was_written_from(value):
    """Quoting survives Hydra's lexer: None, 'true', '12', commas, quotes, backslashes, unicode, newlines."""
    override = PARSER.parse_override(f"key={format_literal(value)}")
    assert same(override.value(), value)


@SLOW_START
@given(strategies.values)
def test_our_parser_reads_every_literal_as_the_value_it_was_written_from(value):
    """Both forms, for Hydra and for edits, come back with equal values and types."""
    assert same(parse_literal(format_literal(value)), value)
    assert same(parse_literal(format_literal(value, quoted_keys=True)), value)


@SLOW_START
@given(st.text("1234567890.eE+-_ntrufalsi[]{}:, \\/a'\"$%", max_size=10))
def test_where_both_read_a_value_our_parser_agrees_with_hydras(text):
    """The pure parser gives what Hydra's grammar gives for every text that both accept."""
    try:
        ours = parse_literal(text)
        theirs = PARSER.parse_override(f"key={text}")
    except (EditError, LiteralError, HydraException):
        assume(False)
    assume(not theirs.is_sweep_override())
    assume(not re.search(r":\s|\s:", text))  # Hydra keeps a space beside a colon even at the end of a text
    assert same(ours, theirs.value())


@pytest.mark.slow
@COMPOSING
@given(configs_and_edits())
def test_hydra_composes_what_apply_computes(case):
    """For any config and any edits that apply, the overrides lead Hydra to the same values and types."""
    config, edits = case
    found = change(edits, config, skip=(EditError,))
    assume(found.changes)
    assert same(hydra_compose(config, found.overrides), found.config), found.overrides


@SLOW_START
@given(configs_and_edits())
def test_edits_leave_their_input_alone_and_round_trip(case):
    """`change` works on a copy, and every edit survives str() and parse_edit."""
    config, edits = case
    before = format_literal(config, quoted_keys=True)
    found = change(edits, config, skip=(EditError,))
    assert format_literal(config, quoted_keys=True) == before
    assert overrides_between(config, found.config) is not None
    for edit in edits:
        again = parse_edit(str(edit))
        assert (again.path, again.op) == (edit.path, edit.op)
        assert same(again.operand, edit.operand)


@SLOW_START
@given(st.text(max_size=30) | st.text("ab.*@=setmuld'\"[]{}:,\\ 1e-$", max_size=30))
def test_any_text_is_an_edit_or_an_edit_error(text):
    """No text makes the parser fail in any other way, and the position lies in the text."""
    try:
        edit = parse_edit(text)
    except EditError as error:
        assert 0 <= error.position <= len(error.text)
    else:
        assert parse_edit(str(edit)).path == edit.path


@pytest.mark.parametrize(
    "operand",
    [
        "\\",
        "'\\",
        "'",
        "'',",
        "[",
        "['',",
        "{",
        "{a:",
        "${",
        "$",
        "9",
        "9.",
        "1_",
        "1e",
        " ",
        "[[],",
        "\\'",
        "é",
    ],
)
def test_hostile_texts_end_in_an_edit_or_an_edit_error(operand):
    """Text of 20,000 times anything, in the path or the operand, ends neither in a crash nor in a hang."""
    with pytest.raises(EditError):
        change([f"a@mul={operand * 20_000}"], {"a": 1})
    try:
        change([f"a@set={operand * 20_000}"], {"a": None})
    except EditError as error:
        assert len(str(error)) < 2000
    with pytest.raises(EditError):
        change([f"a.{operand * 20_000}@set=1"], {"a": {"b": 1}})


@pytest.mark.parametrize(
    ("config", "edits"),
    [
        ({"s": {"a": 1}}, ["s@set=null", "s@set={c: 3}"]),
        ({"s": {"a": 1}, "t": [1]}, ["s@set=null", "s@set=[2]", "t@set=null", "t@set={a: 1}"]),
        ({"s": [{"a": 1}, [1]]}, ["s@set=[[2], {b: 3}]"]),
        ({"s": {"x.y": {"a": 1}}}, ["s.x.y@set=null", "s.x.y@set=[2]"]),
        ({"f": [{"a": 1}, {"b": 2}]}, ["f@set=[{c: 1}, {d: 2}]"]),
        ({"f": [{"a": 1}, 2]}, ["f@set=[5, {d: 2}]"]),
        ({"p": {"x.y": [{"w": 1}, {"w": 2}]}}, ["p.x.y.*.w@mul=3"]),
        ({"f": [{"x.y": 1}]}, ["f.0.x.y@set=2"]),
        ({"p": {12: {"a": 1}, True: 2}}, ["p.12.a@set=3", "p.true@set=4"]),
        ({"p": {"12": 1}}, ["p.12@set=3"]),
        ({"p": {"$x": 1, "-x": 2}}, ["p.*@add=1"]),
        ({"a": 1e16, "b": 1e-05, "c": 0.5}, ["a@mul=2", "b@mul=1.4", "c@set=-0.0"]),
        ({"a": None}, ["a@set={b: [1, {c.d: x}]}", "a.b.1.c.d@set='1'"]),
    ],
)
def test_known_hard_cases_compose_to_what_apply_computes(config, edits):
    """Replaced mappings, lists of mappings, dotted keys inside lists, keys that are no text."""
    found = change(edits, config)
    assert same(hydra_compose(config, found.overrides), found.config), found.overrides


def test_nan_elsewhere_in_the_config_is_no_difference():
    """A NaN that stood in the config before is neither changed nor written."""
    found = change(["a@set=2"], {"a": 1, "b": math.nan})
    assert found.overrides == ["a=2"]
