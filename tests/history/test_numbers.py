"""Number texts parsed many at a time are the same floats, bit by bit, as one by one."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoloop.history.bytearrays import ByteArray
from autoloop.history.numbers import parse

pytestmark = pytest.mark.usefixtures("both_ways")

FRONT = b"x" * 30  # texts at the very beginning of a batch are read one by one

doubles = st.binary(min_size=8, max_size=8).map(lambda data: struct.unpack("<d", data)[0])
usual = st.one_of(doubles, st.floats(-1e9, 1e9), st.floats(0, 1))
texts = st.one_of(
    usual.map(repr), usual.map(lambda value: f"{value:.17g}"),
    st.integers(-(2**62), 2**64).map(str),
    st.builds(lambda value, digits: f"{value:.{digits}f}", st.floats(-99, 99), st.integers(0, 22)),
    st.integers(2**53, 2**54).map(lambda value: f"{2 * value + 1}"),  # just between two doubles
    st.integers(2**52, 2**53 - 1).map(lambda value: f"{value}.5"),
    st.sampled_from(["0", "-0", "0.0", "-0.0", "9999999999999999999", "18446744073709551615", "1.", ".5"]),
).filter(lambda text: len(text) <= 32)  # fmt: skip


def parsed(given_texts):
    """Parse texts laid end to end."""
    batch = ByteArray.joined([FRONT, *(text.encode() for text in given_texts)])
    return parse(batch, batch.starts[1:], batch.stops[1:])


@settings(max_examples=200, deadline=None)
@given(st.lists(texts, min_size=1, max_size=30))
def test_every_float_is_the_nearest(given_texts):
    """Each text gives the float that Python's float gives, to the last bit, and the sign of zero."""
    expected = np.array([float(text) for text in given_texts])
    assert np.array_equal(parsed(given_texts).view(np.int64), expected.view(np.int64)) or (
        np.isnan(expected).any() and repr(parsed(given_texts).tolist()) == repr(expected.tolist())
    )


@pytest.mark.parametrize(
    "text", ["-", ".", "--1", "1..2", "1.-2", "1:2", "1/2", "1.2 a", "1e", "N", "1.2\u00e9"]
)
def test_what_is_no_number_is_told(text):
    """A text that is no number is never read as one, alone or among numbers."""
    assert parsed([text]) is None
    assert parsed(["0.25", text, "3"]) is None
