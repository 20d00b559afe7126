"""Damaged files: nothing raises, nothing changes silently, everything else is still read."""

from __future__ import annotations

import lzma
import os
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoloop.history import HistoryReader, read_history
from tests.helpers import wandb_file as w
from tests.helpers.places import DATA

pytestmark = pytest.mark.usefixtures("both_ways")

REAL = DATA / "wandb"
ROWS = 700  # about four blocks


@pytest.fixture(scope="module")
def whole():
    """A file of several blocks: rows of four metrics, some of them long enough to span blocks."""
    rng = random.Random(5)
    records = [w.run()]
    for step in range(ROWS):
        values = {name: rng.random() for name in ("loss", "train/l1", "eval/acc")}
        records.append(w.row(step, {**values, "step2": step * 2, "text": "x" * rng.choice([5, 60, 2000])}))
    return w.frame([*records, w.exit_record()])


def points(history):
    return {
        (name, step, value)
        for name, s in history.items()
        for step, value in zip(s.steps, s.values, strict=True)
    }


def read_bytes(folder, data):
    path = folder / "run-abc123.wandb"
    path.write_bytes(data)
    return read_history(path)


def rows_touching(data, block):
    """Return the steps of the rows that have a byte in a block."""
    steps, offset, start, step = set(), 7, 7, -1
    while offset < len(data):
        room = w.BLOCK - offset % w.BLOCK
        if room < 7:
            offset += room
            continue
        length, kind = int.from_bytes(data[offset + 4 : offset + 6], "little"), data[offset + 6]
        start = offset if kind in (1, 2) else start
        offset += 7 + length
        if kind in (1, 4):
            if start // w.BLOCK <= block <= (offset - 1) // w.BLOCK:
                steps.add(step)
            step += 1
    return steps


@pytest.fixture(scope="module")
def undamaged(whole, tmp_path_factory):
    return points(read_bytes(tmp_path_factory.mktemp("whole"), whole))


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_one_changed_byte_loses_at_most_its_block(whole, undamaged, tmp_path_factory, data):
    """A changed byte costs at most the rows of its block, changes no value, and the loss is told."""
    where = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != whole[where]))
    damaged = whole[:where] + bytes([byte]) + whole[where + 1 :]
    history = read_bytes(tmp_path_factory.mktemp("one"), damaged)
    found = points(history)
    assert found <= undamaged
    lost = {step for _, step, _ in undamaged - found}
    assert lost <= rows_touching(whole, where // w.BLOCK)
    assert not lost or history.problem
    if where < 7:
        assert "the header is" in history.problem


def test_every_header_and_block_edge_byte(whole, undamaged, tmp_path):
    """The bytes that hold lengths and kinds around a block's edge are as harmless as all others."""
    for where in [*range(16), *range(w.BLOCK - 12, w.BLOCK + 12)]:
        damaged = bytearray(whole)
        damaged[where] ^= 0xFF
        found = points(read_bytes(tmp_path, bytes(damaged)))
        assert found <= undamaged
        assert {s for _, s, _ in undamaged - found} <= rows_touching(whole, where // w.BLOCK)


@settings(max_examples=40, deadline=None)
@given(size=st.integers(0, 120_000))
def test_cut_short_anywhere(whole, undamaged, tmp_path_factory, size):
    """A file cut at any byte gives all whole rows before the cut."""
    size = min(size, len(whole))
    history = read_bytes(tmp_path_factory.mktemp("cut"), whole[:size])
    found = points(history)
    assert found <= undamaged
    steps = {step for _, step, _ in found}
    assert steps == set(range(len(steps)))
    if size < len(whole):
        assert not history.finished


@pytest.mark.parametrize("size", [w.BLOCK, 3 * w.BLOCK, 100])
def test_hole(whole, undamaged, tmp_path, size):
    """A stretch of zeros loses what it covers; rows before and after it are read, and its place is told."""
    start = w.BLOCK
    history = read_bytes(tmp_path, whole[:start] + bytes(size) + whole[start + size :])
    found = points(history)
    lost = set().union(*(rows_touching(whole, b) for b in range(1, 1 + -(-size // w.BLOCK))))
    assert {s for _, s, _ in undamaged} - {s for _, s, _ in found} <= lost
    assert "zeros" in history.problem or "checksum" in history.problem
    assert history.finished


@pytest.mark.parametrize("garbage", [b"\xff" * 50, bytes(range(256)) * 200, bytes(40_000)])
def test_garbage_at_the_end(whole, undamaged, tmp_path, garbage):
    """What comes after the last record costs nothing but a word in the problem."""
    history = read_bytes(tmp_path, whole + garbage)
    assert points(history) == undamaged
    assert history.problem


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "is empty"), (b":W&", "ends inside its header"), (b"\0" * 5000, "the header is"),
     (b"PK\x03\x04" + b"\x55" * 100_000, "the header is"), (w.HEADER, "the run has logged nothing")],
)  # fmt: skip
def test_no_history_in_the_file(tmp_path, data, said):
    """A file without a record gives no metrics and says what it found instead."""
    history = read_bytes(tmp_path, data)
    assert len(history) == 0
    assert said in history.problem


def test_absurd_lengths_inside_a_record(tmp_path):
    """Records with right checksums but nonsense inside are counted, and the rest is read."""
    absurd = b"\x12" + w.varint(1 << 40) + b"\n\x02"
    nested = w.field(2, b"\n" + w.varint(1 << 62) + b"\x12\x01m")
    item = w.field(2, w.field(1, b"\x12\xff\xff\x7fm") + w.field(2, w.field(1, 3)))
    endless = w.field(2, b"\n" + b"\xff" * 11)
    path = w.log(
        tmp_path, [w.row(0, {"m": 1}), absurd, nested, item, endless, b"\xff" * 30, w.row(9, {"m": 2})]
    )
    history = read_history(path)
    assert history["m"].values.tolist() == [1, 2]
    assert "not in W&B's format" in history.problem


KINDS, CONTENT = st.sampled_from([1, 2, 3, 5, 12, 17, 18]), st.binary(max_size=60) | st.integers(0, 2**64 - 1)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=80) | st.builds(w.field, KINDS, CONTENT)))
def test_nonsense_records_never_raise(tmp_path_factory, records):
    """Records of arbitrary bytes, well framed, never raise, and never hide the rows beside them."""
    folder = tmp_path_factory.mktemp("any")
    path = w.log(folder, [w.row(10**6, {"sure": 1.5}), *records, w.row(10**6 + 1, {"sure": 2.5})])
    assert set(read_history(path)["sure"].values.tolist()) >= {1.5, 2.5}


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(st.text(max_size=30), min_size=1, max_size=8),
    number=st.floats(),
    step=st.integers(0, 2**40),
)
def test_any_value_text_and_any_float(tmp_path_factory, values, number, step):
    """A float comes out bit for bit whatever texts stand beside it in the row."""
    row = {f"t{i}": text for i, text in enumerate(values)} | {"m": number}
    history = read_history(w.log(tmp_path_factory.mktemp("f"), [w.row(step, row)]))
    assert history["m"].steps.tolist() == [step]
    np.testing.assert_array_equal(history["m"].values, [number])


def test_json_nested_too_deep_is_no_number(tmp_path):
    """A value nested beyond what JSON readers take is counted as unreadable text, not raised."""
    deep = w.field(2, w.field(1, w.field(2, "deep") + w.field(16, '{"a":' * 5000)) + w.field(2, b""))
    history = read_history(w.log(tmp_path, [deep, w.row(1, {"m": 1})]))
    assert (list(history), dict(history.skipped)) == (["m"], {"deep": 1})


def test_unreadable_file_is_a_problem(tmp_path):
    """A file that may not be opened is told, not raised."""
    path = w.log(tmp_path, [w.row(0, {"m": 1})])
    path.unlink()
    path.mkdir()
    history = read_history(tmp_path)
    assert len(history) == 0 and history.problem


def values_of(history):
    return {(name, value) for name, _, value in points(history)}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["processes", "metric"])
def test_every_byte_of_a_real_file(tmp_path, kind):
    """For every byte of a file by wandb 0.31: no exception, no changed value, the loss is told.

    Of ``metric`` records name an axis: what the steps are does not depend on which rows are left.
    """
    packed = next(REAL.glob(f"0.31.0/{kind}/**/*.wandb.xz"))
    data = lzma.decompress(packed.read_bytes())
    whole = read_bytes(tmp_path, data)
    right, values = points(whole), values_of(whole)
    for where in range(len(data)):
        damaged = bytearray(data)
        damaged[where] ^= 1 << where % 8
        history = read_bytes(tmp_path, bytes(damaged))
        found = points(history)
        assert values_of(history) <= values, where
        assert found == right or history.problem, where
        assert found <= right, where


def test_damage_while_following(whole, undamaged, tmp_path):
    """A damaged block in a growing file is waited for while it is the last, then skipped and told."""
    damaged = bytearray(whole)
    damaged[w.BLOCK + 5000] ^= 1
    path = tmp_path / "run-abc123.wandb"
    path.write_bytes(b"")
    reader, seen = HistoryReader(path), set()
    with path.open("ab") as file:
        for start in range(0, len(damaged), 5000):
            file.write(damaged[start : start + 5000])
            file.flush()
            os.fsync(file.fileno())
            seen |= points(reader.update())
    assert seen <= undamaged
    assert {s for _, s, _ in undamaged - seen} <= rows_touching(whole, 1)
    assert "checksum" in reader.history().problem
