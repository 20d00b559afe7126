"""A return value is whatever ``float()`` takes; a dict of numbers is named results; the rest is named."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from autoloop.study.returned import ReturnedValue, plain


@pytest.mark.parametrize(
    "value",
    [4, 4.0, Decimal(4), Fraction(8, 2), np.float32(4), np.int64(4), np.array(4.0), np.array([[4.0]])],
    ids=lambda value: type(value).__name__,
)
def test_one_number_of_any_type_is_the_value(value: Any) -> None:
    """Scalars and arrays of one element of any library count as Python's own numbers."""
    assert ReturnedValue.of(value) == ReturnedValue(value=4.0)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, ""),
        ((1.0, 2.0), "a tuple of 2"),
        ([1.0], "a list of 1"),
        ("4.0", "a str"),
        (True, "a bool"),
        (np.True_, "a bool"),
        (np.zeros(3), "an ndarray of 3"),
        (1j, "a complex"),
        ({"path": "x"}, "a dict of 1 without a number"),
    ],
    ids=repr,
)
def test_what_is_no_number_is_named(value: Any, problem: str) -> None:
    """Nothing is read into it, and the words say what was returned."""
    returned = ReturnedValue.of(value)
    assert (returned.value, dict(returned.results)) == (None, {})
    assert returned.problem.replace("bool_", "bool") == problem


def test_a_dict_of_numbers_is_named_results() -> None:
    """Dicts within are joined by ``/``; what is no number in them is left out."""
    value = {"val": {"acc": np.float32(0.5)}, "loss": Decimal(2), "best": "model.pt"}
    assert dict(ReturnedValue.of(value).results) == {"val/acc": 0.5, "loss": 2.0}
    assert type(plain(value)["val"]["acc"]) is float


def test_what_is_returned_without_end_is_read_within_bounds():
    """Many numbers, dicts within dicts and endless names cost the numbers beyond a bound, not the job."""
    deep = {"loss": 1.0}
    for _ in range(100_000):
        deep = {"a": deep, "top": 2.0}
    assert ReturnedValue.of(deep).results["top"] == 2.0
    assert len(ReturnedValue.of({str(number): number for number in range(5000)}).results) == 1000
    assert ReturnedValue.of({"x" * 10_000: 1.0, "loss": 2.0}).results == {"loss": 2.0}
