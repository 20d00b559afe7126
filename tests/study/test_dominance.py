"""Dominance, fronts and hypervolume: tables of results whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from autoloop.study.dominance import dominates, is_front, layers
from autoloop.study.hypervolume import hypervolume, shares


@pytest.mark.parametrize(
    ("own", "other", "expected"),
    [
        ((1, 2), (2, 2), True),
        ((1, 2), (1, 2), False),
        ((1, 3), (2, 2), False),
        ((float("nan"), 1), (2, 2), False),
    ],
)
def test_one_result_dominates_another_if_it_is_no_worse_anywhere_and_better_somewhere(own, other, expected):
    assert dominates(own, other) is expected


def test_the_front_has_what_nothing_dominates_and_equals_of_it():
    losses = np.array([[1.0, 4.0], [2.0, 2.0], [2.0, 2.0], [3.0, 3.0], [4.0, 1.0], [5.0, 5.0]])
    assert is_front(losses).tolist() == [True, True, True, False, True, False]
    assert layers(losses).tolist() == [0, 0, 0, 1, 0, 2]


@pytest.mark.parametrize(
    ("losses", "reference", "expected"),
    [
        ([[1.0]], [3.0], 2.0),
        ([[1.0, 1.0]], [3.0, 3.0], 4.0),
        ([[1.0, 2.0], [2.0, 1.0], [2.0, 2.0]], [3.0, 3.0], 3.0),
        ([[1.0, 2.0], [5.0, 0.0]], [3.0, 3.0], 2.0),  # beyond the reference on one side: it adds nothing
        ([[4.0, 4.0]], [3.0, 3.0], 0.0),
        ([[0.0, 0.0, 1.0], [1.0, 1.0, 0.0]], [2.0, 2.0, 2.0], 5.0),  # 4, and 1 below it
    ],
)
def test_hypervolume_is_the_volume_between_a_front_and_the_reference(losses, reference, expected):
    assert hypervolume(np.array(losses), np.array(reference)) == pytest.approx(expected)


def test_hypervolume_is_what_counting_random_points_finds():
    generator = np.random.default_rng(0)
    losses = generator.random((12, 3))
    points = generator.random((100_000, 3))
    below = (losses[:, None, :] <= points[None, :, :]).all(axis=2).any(axis=0)
    assert hypervolume(losses, np.ones(3)) == pytest.approx(below.mean(), abs=0.01)


def test_the_ends_of_a_front_and_lonely_points_are_worth_most():
    worth = shares(np.array([[0.0, 10.0], [4.9, 5.1], [5.0, 5.0], [10.0, 0.0]]))
    assert worth.argmin() in (1, 2)
    assert worth.min() < 0.2 * worth[0]
