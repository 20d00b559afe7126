"""Damaged text files: nothing raises, no value changes, every loss is told."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoloop.history import read_history
from tests.helpers.places import DATA

pytestmark = pytest.mark.usefixtures("both_ways")

ROWS = range(40)
TABLE = "step,loss,acc\n" + "".join(f"{s},{1 / (s + 1)!r},{'' if s % 4 else s}\n" for s in ROWS)
OBJECTS = "".join(json.dumps({"step": s, "loss": 1 / (s + 1), "acc": s}) + "\n" for s in ROWS)
STATE = (DATA / "text/transformers-5.24.0/checkpoints/out/checkpoint-40/trainer_state.json").read_text()
FILES = {
    "metrics.csv": TABLE.encode(),
    "metrics.jsonl": OBJECTS.encode(),
    "trainer_state.json": STATE.encode(),
}
GARBAGE = st.binary(min_size=1, max_size=80).map(lambda data: b"\xff" + data.replace(b"\n", b"\r\xfe"))


def points(history):
    return {
        (name, step, value)
        for name, s in history.items()
        for step, value in zip(s.steps, s.values, strict=True)
    }


@pytest.fixture(scope="module", params=FILES)
def file(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("damaged") / request.param
    path.write_bytes(FILES[request.param])
    return path, points(read_history(path.parent))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_cut_anywhere(file, data):
    """All whole rows before the cut, and a word about what is half."""
    path, whole = file
    size = data.draw(st.integers(0, len(FILES[path.name]) - 1))
    path.write_bytes(FILES[path.name][:size])
    history = read_history(path.parent)
    assert points(history) <= whole
    ends_with_row = size and FILES[path.name][size - 1 : size + 1].count(b"\n") and path.suffix != ".json"
    assert history.problem or ends_with_row or points(history) == whole


@settings(max_examples=60, deadline=None)
@given(data=st.data(), garbage=GARBAGE)
def test_garbage_anywhere(file, data, garbage):
    """Bytes that are no text, in the middle of a line or as lines of their own."""
    path, whole = file
    content = FILES[path.name]
    where = data.draw(st.integers(content.index(b"\n") + 1, len(content)))
    path.write_bytes(content[:where] + garbage + content[where:])
    history = read_history(path.parent)
    found = points(history)
    assert found <= whole
    assert found == whole or history.problem or history.skipped


@settings(max_examples=40, deadline=None)
@given(
    content=st.binary(max_size=400), head=st.sampled_from([b"", b"step,loss\n", b'{"step": 1, "loss": 2}\n'])
)
@pytest.mark.parametrize("name", FILES)
def test_any_bytes(name, content, head, tmp_path_factory):
    """Whatever a file holds, reading it does not raise, and what it does not hold is not found."""
    folder = tmp_path_factory.mktemp("any")
    (folder / name).write_bytes(head + content)
    read_history(folder)
