"""The compiled walker tells what its twins in Python tell, of damaged files too, and keeps to its buffers."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoloop.history import History, compiled, read_history
from autoloop.history.text.table import cells_compiled, cells_of
from autoloop.history.wandb.framing import full_chunks
from tests.helpers import wandb_file as w
from tests.history.conftest import BUILT

pytestmark = pytest.mark.skipif(BUILT is None, reason="the compiled walker was not built")


def both(path, **asked) -> list[History]:
    """Read a file by Python alone, then with the compiled walker."""
    found = []
    try:
        for compiled.WALKER in (None, BUILT):
            found.append(read_history(path, **asked))
    finally:
        compiled.WALKER = BUILT
    return found


def told(history):
    series = {name: (s.steps.tolist(), s.values.tobytes()) for name, s in history.items()}
    return series, history.problem, dict(history.skipped), history.rows, history.finished


@pytest.fixture(scope="module")
def log():
    """Rows of floats, texts, typed values and nested names, some of them long, and summaries between them."""
    rng, records = random.Random(3), [w.run()]
    for step in range(300):
        values = {
            "loss": rng.gauss(0, 1e-3),
            "lr": 10.0 ** -rng.randint(0, 30),
            ("a", "b"): rng.randint(0, 9),
        }
        values |= {"text": "x" * rng.choice([3, 700]), f"once/{step}": rng.random(), "nan": float("nan")}
        typed = w.field(1, w.field(2, "typed") + w.field(6, rng.random()))
        records += [w.row(step, values), w.summary(values), w.field(2, typed + w.field(2, w.field(1, step)))]
    return w.frame([*records, w.exit_record()])


@settings(max_examples=40, deadline=None)
@given(data=st.data(), keys=st.sampled_from([None, ["loss", "typed"], ["once/*", "a.b"]]))
def test_both_tell_the_same_of_a_damaged_log(log, tmp_path_factory, data, keys):
    """Series, skipped values, rows and every loss are those of the twin, wherever bytes were changed."""
    damaged = bytearray(log)
    for _ in range(data.draw(st.integers(0, 4))):
        damaged[data.draw(st.integers(0, len(log) - 1))] ^= data.draw(st.integers(1, 255))
    damaged = damaged[: data.draw(st.sampled_from([len(log), len(log) // 3, len(log) // 2]))]
    path = tmp_path_factory.mktemp("both") / "run-abc123.wandb"
    path.write_bytes(damaged)
    python, walker = both(path, keys=keys)
    assert told(walker) == told(python)
    assert walker.summary == python.summary


@settings(max_examples=60, deadline=None)
@given(
    records=st.lists(
        st.binary(max_size=60) | st.builds(w.field, st.sampled_from([1, 2]), st.binary(max_size=40))
    )
)
def test_both_tell_the_same_of_any_records(tmp_path_factory, records):
    """Messages of arbitrary bytes in history records give what the twin gives."""
    rows = [w.field(2, record + w.field(2, w.field(1, step))) for step, record in enumerate(records)]
    path = w.log(tmp_path_factory.mktemp("any"), [w.row(0, {"m": 1.5}), *rows])
    python, walker = both(path)
    assert told(walker) == told(python)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([*'0123456789.e-,\n\r _"\0', "0.123456789", ",7", "1,2,3\n"]), max_size=60).map(
        "".join
    ),
    st.sampled_from([[0], [1], [2, 0]]),
)
def test_cells_are_the_same(text, columns):
    """A table's cells lie where the twin finds them, and their numbers are Python's."""
    data = f"{text}\n".encode()
    python, walker = cells_of(data, ",", 3, columns), cells_compiled(BUILT, data, ",", 3, columns)
    assert (python is None) == (walker is None)
    if python is not None:
        assert [one.tolist() for one in python[:2]] == [one.tolist() for one in walker[:2]]
        if walker[2] is not None:
            cells = [data[a:b] for a, b in zip(walker[0].ravel(), walker[1].ravel(), strict=True)]
            assert walker[2].ravel().tolist() == [float(cell) for cell in cells]


@given(st.integers(0, 60), st.binary(max_size=60))
@settings(max_examples=40, deadline=None)
def test_chunks_are_the_same(start, noise):
    """Whole chunks are found as by the twin, up to what is none."""
    data = w.frame([b"first", b"", b"x" * 40, noise])[7:] + noise
    assert BUILT.full_chunks(data, start, len(data)) == full_chunks(memoryview(data), start, len(data))


@pytest.mark.parametrize(("start", "stop"), [(-1, 2), (0, 9), (3, 2), (2**62, 2**62 + 1)])
def test_it_never_looks_outside(start, stop):
    """Places that are not in the buffer raise, before anything is looked at."""
    starts, stops = np.array([0, start]), np.array([1, stop])
    with pytest.raises(ValueError, match="outside"):
        BUILT.decimals(b"12345678", starts, stops)
    with pytest.raises(ValueError, match="outside"):
        BUILT.asked_fields(b"12345678", starts, stops, {}, len, None)
    with pytest.raises(ValueError, match="outside"):
        BUILT.decimals(b"12345678", starts, stops[:1])
    with pytest.raises(ValueError, match="outside"):
        BUILT.full_chunks(b"12345678", 0, 9)


def test_an_error_while_learning_a_name_comes_through():
    """What the caller's function raises is raised, and nothing is lost of it."""

    def learn(key: bytes) -> int:
        raise LookupError(key.decode())

    record = w.field(1, w.item("m", 1))
    with pytest.raises(LookupError, match="m"):
        BUILT.asked_fields(record, np.array([0]), np.array([len(record)]), {}, learn, None)


@pytest.mark.parametrize(("value", "is_pure"), [("1", True), ("0", False), ("", False)])
def test_the_environment_may_ask_for_python_alone(value, is_pure):
    """AUTOLOOP_PURE=1 leaves the compiled walker unused."""
    code = "from autoloop.history import compiled; print(compiled.WALKER is None)"
    env = {**os.environ, "AUTOLOOP_PURE": value}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(is_pure)
