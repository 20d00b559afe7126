"""Text that is shown exactly, whatever it holds."""

import math

import pytest

from autoloop.views.report import text


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain", "plain"),
        ("größer ≤ 3", "größer ≤ 3"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\x00", "a\\x00"),
        ("a\u202eb", "a\\u202eb"),
        ("a\ud800", "a\\ud800"),
        ("a\nb\tc", "a b c"),
        ("a\u2028b", "a\\u2028b"),
        (3, "3"),
    ],
)
def test_clean_writes_out_what_cannot_be_seen(given, shown):
    assert text.clean(given) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0.12345678, "0.1235"), (1e-85, "1e-85"), (2000, "2000"), (math.nan, "—"), (None, "—")],
)
def test_numbers_have_four_digits_and_unknown_ones_a_dash(number, shown):
    assert text.number(number) == shown


@pytest.mark.parametrize(
    ("item", "shown"),
    [
        (0.01999999999999999, "0.02"),
        (20, "20"),
        (None, "null"),
        (True, "true"),
        ("adam", "adam"),
        ([1, "a"], '[1, "a"]'),
    ],
)
def test_config_values_are_short_and_keep_their_type_visible(item, shown):
    assert text.value(item) == shown


def test_a_long_value_loses_its_middle():
    shown = text.value("x" * 200, limit=20)
    assert len(shown) == 20
    assert "…" in shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.5, "0.5 s"),
        (59, "59 s"),
        (61, "1 min 01 s"),
        (7500, "2 h 05 min"),
        (2e5, "2 d 7 h"),
        (math.nan, "—"),
    ],
)
def test_durations_have_two_units(seconds, shown):
    assert text.duration(seconds) == shown


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([], ""),
        ([1.0], "▁"),
        ([0, 1], "▁█"),
        ([2, math.nan, 1], "█·▁"),
        ([math.inf], "·"),
        (range(100), "▁▁▂▂▃▃▄▄▅▅▆▆▇▇██"),
    ],
)
def test_sparklines_go_from_low_to_high(values, shown):
    assert text.sparkline(values) == shown


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("ot_pi_sum < 0.001", "ot_pi_sum \\< 0.001"),
        ("_a_ *b*", "\\_a\\_ \\*b\\*"),
        ("- item", "\\- item"),
        ("-6.1 is fine", "-6.1 is fine"),
        ("1. first", "1\\. first"),
        ("11.2 is fine", "11.2 is fine"),
        ("# head", "\\# head"),
        ("a|b", "a\\|b"),
    ],
)
def test_markdown_text_is_escaped_only_where_it_could_be_markup(given, shown):
    assert text.md(given) == shown


@pytest.mark.parametrize(
    ("given", "shown"), [("a", "`a`"), ("", "—"), ("a`b", "``a`b``"), ("`a", "`` `a ``"), ("a|b", "`a|b`")]
)
def test_a_code_span_outlasts_the_backticks_in_it(given, shown):
    assert text.md_code(given) == shown


def test_a_code_span_in_a_table_escapes_the_bar():
    assert text.md_code("a|b", in_table=True) == "`a\\|b`"


def test_a_fenced_block_outlasts_the_fences_in_it():
    assert text.md_block("```\nx") == ["````text", "```", "x", "````"]


def test_evidence_is_one_line_of_dotted_names():
    assert (
        text.facts_of({"m": {"last": 1e-6, "window": [1, 2]}, "n": 3})
        == "m.last = 1e-06, m.window = [1, 2], n = 3"
    )
