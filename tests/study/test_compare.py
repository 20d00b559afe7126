"""One rule of comparison: by sign and scale, for any two results."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoloop.study.compare import Scale, difference, gain_pct

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("new", "old", "maximize", "gain"),
    [
        (0.9, 1.0, False, 10.0),
        (0.9, 1.0, True, -10.0),
        (1.1, 1.0, False, -10.0),
        (-0.9, -1.0, True, 10.0),
        (-0.9, -1.0, False, -10.0),
        (0.3, 0.0, True, 100.0),
        (0.3, 0.0, False, -100.0),
        (-0.3, 0.0, False, 100.0),
        (0.0, 0.3, True, -100.0),
        (0.0, 0.0, True, 0.0),
        (1.0, -1.0, True, 200.0),
        (1.0, -1.0, False, -200.0),
        (3.0, -1.0, True, 400 / 3),
        (NAN, 1.0, True, NAN),
        (1.0, NAN, True, NAN),
        (INF, 1.0, True, NAN),
        (1.0, -INF, False, NAN),
    ],
)
def test_a_gain_has_the_sign_of_better_for_any_two_results(new, old, maximize, gain):
    """In percent of the reference, or of what both typically are where it is 0 or has another sign."""
    assert gain_pct(new, old, maximize) == pytest.approx(gain, nan_ok=True)


@pytest.mark.parametrize(
    ("results", "reference", "unit", "is_percent"),
    [
        ([1.0, 2.0, 9.0], 1.0, 1.0, True),  # one sign: the reference itself
        ([1.0, 2.0, 9.0], 1e-9, 1e-9, True),
        ([-1.0, -2.0], -1.0, 1.0, True),
        ([0.0, 0.3, 0.6], 0.0, 0.6, False),  # a reference of 0: the typical size
        ([0.0, 0.3, 0.6], 0.3, 0.3, True),
        ([0.0, 0.3, 0.6], 1e-18, 0.6, False),  # 0 but for rounding
        ([0.0, 0.0], 0.0, 1.0, False),
        ([], 0.0, 1.0, False),
        ([-200.0, 0.1, 300.0], 0.1, 200.0, False),  # both signs: at least the typical size
        ([-200.0, 0.1, 300.0], 300.0, 300.0, False),
        ([1.0, 2.0], -0.01, 2.0, False),  # on the other side than all that is known
        ([1.0, NAN, INF], 1.0, 1.0, True),
    ],
)
def test_what_a_hundred_percent_are(results, reference, unit, is_percent):
    """|reference| where all results have its sign; the typical size where that says nothing."""
    scale = Scale.of(results)
    assert scale.unit(reference) == pytest.approx(unit)
    assert scale.is_percent(reference) == is_percent


@pytest.mark.parametrize(
    ("pct", "reference", "results", "words", "amount"),
    [
        (-19.84, 1.0, [1.0, 0.8], "-19.8 %", "19.8 %"),
        (1234.0, 1.0, [1.0, 0.8], "+1.2e+03 %", "1.23e+03 %"),
        (100.0, 0.0, [0.0, 0.3], "+0.3 (baseline 0)", "0.3"),
        (-50.0, -0.01, [-200.0, -0.01, 300.0], "-100 (baseline -0.01)", "100"),
    ],
)
def test_no_percentage_is_shown_of_nothing(pct, reference, results, words, amount):
    """Where a percentage of the reference says nothing the difference itself is told."""
    scale = Scale.of(results)
    assert difference(pct, reference, scale) == words
    assert scale.amount(pct, reference) == amount


NUMBERS = st.floats(-1e9, 1e9, allow_subnormal=False)


@given(st.lists(NUMBERS, min_size=2, max_size=6), st.booleans())
def test_a_gain_is_finite_and_agrees_with_the_order_of_results(results, maximize):
    """Whatever the results are: better is above 0, worse below, equal 0; the words never hold inf or nan."""
    scale, (new, old) = Scale.of(results), results[:2]
    gain = gain_pct(new, old, maximize, scale)
    assert math.isfinite(gain)
    better = (new > old) - (new < old)
    assert (gain > 0) - (gain < 0) in (0, better if maximize else -better)
    assert gain != 0 or abs(new - old) <= 1e-300 + 1e-15 * abs(old)
    assert not {"inf", "nan"} & set(difference(gain, old, scale).split())
