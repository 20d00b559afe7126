"""What is said of a curve: windows, levels, slopes, changes, spikes; and of too few points."""

from __future__ import annotations

import math

import numpy as np
import pytest

from autoloop.curves import series as curves
from autoloop.history import Series

NAN, INF = math.nan, math.inf
RNG = np.random.default_rng(3)
NOISE = RNG.normal(size=400)


def series(values, steps=None):
    return Series.of(values, steps)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda s: curves.tail(s, share=0.2), [9, 10]),
        (lambda s: curves.head(s, share=0.2), [1, 2]),
        (lambda s: curves.tail(s, share=0.01), [10]),
        (lambda s: curves.tail(s), [9, 10]),
        (lambda s: curves.tail(s, steps=20), [8, 9, 10]),
        (lambda s: curves.head(s, steps=0), [1]),
        (lambda s: curves.tail(s, share=1.0), list(range(1, 11))),
    ],
)
def test_windows(call, expected):
    """A window is a share of the points, at least one, or so many steps from the end."""
    assert call(series(range(1, 11), steps=range(0, 100, 10))).values.tolist() == expected


def test_windows_of_nothing_and_wrong_shares():
    """An empty curve has empty windows; a share outside 0 to 1 is refused."""
    assert len(curves.tail(series([]))) == 0
    with pytest.raises(ValueError, match="between 0 and 1"):
        curves.tail(series([1, 2]), share=20)


@pytest.mark.parametrize("values", [[], [NAN], [INF, NAN]])
def test_nothing_finite(values):
    """Without a finite point every number is NaN and there are no spikes."""
    curve = series(values)
    change = curves.relative_change(curve)
    numbers = [
        *curves.slope(curve),
        curves.level(curve).value,
        change.value,
        change.spread,
        curves.area(curve),
    ]
    assert all(math.isnan(number) for number in numbers)
    assert len(curves.spikes(curve)) == 0


def test_finite_share():
    """The share of finite values is between 0 and 1, NaN for no values."""
    assert curves.finite_share(series([1, NAN, INF, 2])) == 0.5
    assert math.isnan(curves.finite_share(series([])))


def test_slope_is_per_step_and_robust():
    """The slope counts steps, not points, and a fifth of wild points does not move it."""
    steps = np.arange(100) * 50
    values = 3 - 0.002 * steps
    assert curves.slope(series(values, steps)) == pytest.approx((-0.002, 0), abs=1e-12)
    values[::5] = 1e6
    assert curves.slope(series(values, steps))[0] == pytest.approx(-0.002, rel=0.05)


def test_slope_of_one_and_two_points():
    """One point has no slope; two have one, of unknown error."""
    assert all(math.isnan(number) for number in curves.slope(series([1])))
    assert curves.slope(series([1, 3])) == (2, INF)


def test_slope_error_is_of_the_right_size():
    """Over many noisy curves the slope misses by about its standard error."""
    misses = []
    for seed in range(60):
        noise = np.random.default_rng(seed).normal(size=40)
        slope, error = curves.slope(series(0.1 * np.arange(40) + noise))
        misses.append((slope - 0.1) / error)
    assert 0.7 < np.std(misses) < 1.4


def test_long_curves_are_thinned():
    """A curve of many points has the slope of its thinned form, at no square cost."""
    slope, error = curves.slope(series(0.5 * np.arange(20_000) + RNG.normal(size=20_000)))
    assert slope == pytest.approx(0.5, abs=1e-3)
    assert 0 < error < 1e-4


def test_relative_change_against_noise():
    """A fall is measured between the levels of the ends, with an error that noise makes larger."""
    falling = np.linspace(1.0, 0.5, 100)
    change = curves.relative_change(series(falling), share=0.1)
    assert change.value == pytest.approx(0.5 * (4.5 - 94.5) / (99 - 0.5 * 4.5))
    noisy = curves.relative_change(series(1 + 0.3 * NOISE[:100]))
    assert abs(noisy.value) < 3 * noisy.spread
    assert noisy.spread > 0.02


def test_relative_change_over_the_last_steps():
    """With `steps` only the end of the curve counts."""
    curve = series([100.0] * 10 + [1.0] * 20, steps=range(0, 300, 10))
    assert curves.relative_change(curve).value == pytest.approx(-0.99)
    assert curves.relative_change(curve, steps=100).value == 0


@pytest.mark.parametrize(
    ("values", "expected"), [([0, 0, 0], 0), ([0, 0, 5], INF), ([0, 0, -5], -INF), ([2], 0)]
)
def test_relative_change_from_zero(values, expected):
    """A change from 0 is infinite, no change is 0, a single point does not change."""
    assert curves.relative_change(series(values)).value == expected


def test_spikes():
    """A jump is found by its step, noise and a trend are not."""
    values = np.linspace(5, 1, 200) + 0.05 * NOISE[:200]
    assert len(curves.spikes(series(values))) == 0
    values[77] += 4
    assert curves.spikes(series(values, np.arange(200) * 10)).tolist() == [770]
    constant = np.ones(50)
    assert len(curves.spikes(series(constant))) == 0
    constant[20] = 9
    assert curves.spikes(series(constant)).tolist() == [20]


def test_area():
    """The area is a mean height over steps, so that uneven spacing does not matter."""
    assert curves.area(series([0, 2], steps=[0, 10])) == 1
    assert curves.area(series([0, 0, 2], steps=[0, 9, 10])) == pytest.approx(0.1)
    assert curves.area(series([7])) == 7


def test_time_per_step():
    """Seconds per step come from the runtime column."""
    assert curves.time_per_step(series([0.5, 1.0, 1.5], steps=[0, 10, 20])) == pytest.approx(0.05)


def test_nothing_is_changed():
    """Functions of curves leave their argument as it was."""
    curve = series([1.0, NAN, 3.0])
    before = curve.values.copy()
    curves.spikes(curve), curves.slope(curve), curves.relative_change(curve)
    np.testing.assert_array_equal(curve.values, before)
