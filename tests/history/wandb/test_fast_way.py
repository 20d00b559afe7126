"""The fast way through a batch of rows and the plain one give the same."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoloop.history.bytearrays import ByteArray
from autoloop.history.values import as_number, leaves
from autoloop.history.wandb import records
from autoloop.history.wandb.items import decode, latest
from autoloop.history.wandb.keys import KeyTable
from autoloop.history.wandb.walk import chain, scan
from autoloop.history.wanted import Wanted
from autoloop.history.wire import WireError
from tests.helpers import wandb_file as w

pytestmark = pytest.mark.usefixtures("both_ways")

flat_names = st.sampled_from([
    "m", "train/loss", "train/loss_2", "a.b", "x" * 140, "\u00e9",
    "eval/very_long_name_of_a_metric_of_some_kind_1", "eval/very_long_name_of_a_metric_of_some_kind_2",
])  # fmt: skip
nested_names = st.lists(st.sampled_from(["p", "q", "r" * 50]), min_size=2, max_size=7).map(tuple)
MANY = 48  # times any rows are enough to be walked side by side

names = flat_names | nested_names
plain_values = st.one_of(
    st.floats(), st.integers(-(2**70), 2**70), st.booleans(), st.none(), st.text(max_size=20),
    st.sampled_from(["NaN", "Infinity", "-Infinity", "x" * 130]), st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=3), st.floats(), max_size=3), st.just({"_type": "x", "size": 3}),
)  # fmt: skip
typed_values = st.one_of(
    st.floats().map(lambda v: w.field(6, v)), st.integers(0, 2**64 - 1).map(lambda v: w.field(5, v)),
    st.booleans().map(lambda v: w.field(4, int(v))), st.text(max_size=9).map(lambda v: w.field(7, v)),
    st.floats().map(lambda v: w.field(6, v) + w.field(16, str(v))), st.binary(max_size=12),
    st.tuples(st.floats(), st.binary(max_size=4)).map(lambda v: w.field(6, v[0]) + w.field(16, "1") + v[1]),
)  # fmt: skip


@st.composite
def items(draw):
    """Draw an item as bytes, in a usual or an unusual form."""
    key, nested = draw(names), draw(st.booleans())
    parts = b"".join(w.field(2 if nested else 1, part) for part in ((key,) if isinstance(key, str) else key))
    if draw(st.integers(0, 4)):
        return w.item(key, draw(plain_values), nested)
    return parts + draw(typed_values) if draw(st.booleans()) else draw(typed_values) + parts


steps = st.one_of(
    st.integers(0, 2**40).map(lambda s: w.field(2, w.field(1, s) if s else b"")),
    st.just(b""), st.binary(max_size=6), st.just(w.field(200, b"x")),
)  # fmt: skip
messages = st.lists(st.tuples(st.lists(items(), max_size=5), steps), min_size=1, max_size=12)


def one_by_one(data, wanted):
    """Decode rows with :mod:`autoloop.history.wandb.records` alone."""
    numbers, skipped, found_steps = Counter(), Counter(), []
    for index, message in enumerate(data):
        try:
            step, pairs, _ = records.row(message)
        except WireError:
            found_steps.append(-1)
            continue
        found_steps.append(-1 if step is None else step)
        for name, value in pairs:
            for leaf, inner in leaves(name, value):
                number = as_number(inner)
                if not wanted.name(leaf):
                    continue
                if number is None:
                    skipped[leaf] += 1
                else:
                    numbers[index, leaf, repr(number)] += 1
    return numbers, skipped, found_steps


@settings(max_examples=150, deadline=None)
@given(
    messages,
    st.sampled_from([None, ["train/loss", "a.b", "m"], ["a.*"], ["*o*"], ["eval/very*_1"]]),
    st.sampled_from([1, MANY]),
)
def test_a_batch_decodes_like_its_rows(rows, keys, times):
    """Numbers, counts of other values and steps are those of decoding row by row, whatever is asked for."""
    data = [b"".join(w.field(1, item) for item in row) + step for row, step in rows] * times
    wanted = Wanted(keys)
    table = KeyTable(wanted)
    for _ in range(2):  # the second time with names known
        got = decode(ByteArray.joined(data), table)
        places = zip(got.rows.tolist(), got.names.tolist(), got.values.tolist(), strict=True)
        numbers = Counter((row, table.names[name], repr(value)) for row, name, value in places)
        skipped = Counter(table.names[name] for name in got.skipped)
        assert (numbers, skipped, got.steps.tolist()) == one_by_one(data, wanted)


@pytest.mark.parametrize("text", [b"inf", b"1", b"", b"1" * 300], ids=len)
@pytest.mark.parametrize("value", [float("inf"), float("nan"), 2.5])
def test_a_typed_value_counts_before_its_json_text(value, text):
    """Both ways take the typed number of an item that holds the value twice, whatever the text says."""
    data = [w.field(1, w.field(1, "m") + w.field(6, value) + w.field(16, text)) + w.field(2, w.field(1, 3))]
    table = KeyTable(Wanted(None))
    for _ in range(2):
        assert [repr(v) for v in decode(ByteArray.joined(data), table).values.tolist()] == [repr(value)]
    assert one_by_one(data, Wanted(None))[0] == Counter({(0, "m", repr(value)): 1})


def all_in_chain(batch):
    """Walk all records side by side, in the form of ``scan``."""
    found = chain(batch, np.arange(len(batch)), None)
    return found.items, found.second, np.flatnonzero(found.odd)


@settings(max_examples=80, deadline=None)
@given(messages, st.sampled_from([1, MANY]))
def test_reduced_summaries_have_the_same_effect(rows, times):
    """Summary records reduced to what still counts make the same summary."""
    data = [b"".join(w.field(1, item) for item in row) for row, _ in rows] * times
    whole, reduced = {}, {}
    for target, part in ((whole, data), (reduced, latest(ByteArray.joined(data), KeyTable(Wanted(None))))):
        for message in part:
            records.update(message, target)
    assert json.dumps(reduced, sort_keys=True) == json.dumps(whole, sort_keys=True)


@pytest.mark.parametrize("way", [scan, all_in_chain])
def test_both_ways_serve_usual_rows(way):
    """Rows of the usual form are all taken by either way: its speed is not lost unnoticed."""
    data = [records.split(w.row(step, {"train/loss": 0.5, ("a", "b"): 1}))[1] for step in range(20)]
    found, second, rest = way(ByteArray.joined(data))
    assert (found.row.size, second.row.size, rest.size) == (40, 20, 0)


def test_many_names_with_equal_ends():
    """Names that differ in the middle only are told apart, also when there are thousands."""
    data = [records.split(w.row(1, {f"group/{i:05}/the_same_end_of_all_names": i for i in range(5000)}))[1]]
    table = KeyTable(Wanted(None))
    got = decode(ByteArray.joined(data), table)
    assert {table.names[n]: v for n, v in zip(got.names.tolist(), got.values.tolist(), strict=True)} == {
        f"group/{i:05}/the_same_end_of_all_names": i for i in range(5000)
    }


def test_a_long_name_does_not_lead_out_of_the_batch():
    """A name that is asked for and longer than all that follows a short one is not looked for behind it."""
    data = [records.split(w.row(step, {"x" * 10: 1}))[1] for step in range(MANY)]
    long = "x" * (128 * 39 + 10)  # its length begins with the byte that is the short one's length
    assert decode(ByteArray.joined(data), KeyTable(Wanted([long]))).values.size == 0
