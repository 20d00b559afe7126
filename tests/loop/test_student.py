"""Student's t distribution against published quantiles and against its own density."""

from __future__ import annotations

import math

import pytest

from autoloop.loop.score.student import quantile, share_below


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [(1, 6.3138), (2, 2.9200), (3, 2.3534), (4, 2.1318), (5, 2.0150), (6, 1.9432), (9, 1.8331), (30, 1.6973)],
)
def test_quantiles_are_those_of_printed_tables(degrees: int, expected: float) -> None:
    assert quantile(0.95, degrees) == pytest.approx(expected, abs=5e-5)
    assert quantile(0.05, degrees) == pytest.approx(-expected, abs=5e-5)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 8, 15])
def test_shares_grow_as_the_density_says(degrees: int) -> None:
    scale = math.gamma((degrees + 1) / 2) / math.sqrt(degrees * math.pi) / math.gamma(degrees / 2)
    for t in (-30.0, -2.0, -0.3, 0.0, 0.7, 5.0):
        slope = (share_below(t + 1e-4, degrees) - share_below(t - 1e-4, degrees)) / 2e-4
        assert slope == pytest.approx(
            scale * (1 + t * t / degrees) ** (-(degrees + 1) / 2), rel=1e-4, abs=1e-9
        )
    assert share_below(0.0, degrees) == 0.5
    assert share_below(1e9, degrees) == pytest.approx(1.0)
