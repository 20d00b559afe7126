"""TensorBoard's event files: every form of a number, several files of a run, what is no number."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from autoloop.history import HistoryReader, read_history
from autoloop.history.bytearrays import ByteArray
from autoloop.history.tensorboard.crc32c import masked, masked_of
from tests.helpers import event_file as e
from tests.helpers.wandb_file import field, varint


def points(series):
    return list(zip(series.steps.tolist(), series.values.tolist(), strict=True))


def test_checksums_side_by_side_and_alone():
    """Data of any length has the checksum that a loop over its bytes finds."""
    sizes = [*range(20), *range(1016, 1034), 2048, 3000]
    messages = [bytes(i * 7 + j & 0xFF for j in range(size)) for i, size in enumerate(sizes)]
    stops = 12 + np.cumsum(sizes)
    batch = ByteArray(bytes(12) + b"".join(messages) + bytes(4096), stops - sizes, stops)
    right = [e.checksum(message) for message in messages]
    assert masked(batch).tolist() == right
    assert list(map(masked_of, messages)) == right
    assert e.checksum(b"123456789") == ((0xE3069283 >> 15 | 0xE3069283 << 17) + 0xA282EAD8) & 0xFFFFFFFF


def scalar(dtype, number, content, shape=b""):
    """Return a value of a summary: a tensor with a shape and its number in some field."""
    return field(1, "m") + field(8, field(1, dtype) + field(2, shape) + field(number, content))


def half_bits(value):
    return varint(*struct.unpack("<H", struct.pack("<e", value)))


FORMS = {
    "float": lambda v: e.simple("m", v),
    "float with metadata": lambda v: e.simple("m", v) + field(9, field(1, field(1, "scalars"))),
    "metadata first": lambda v: field(9, field(1, field(1, "scalars"))) + e.simple("m", v),
    "tensor of TensorFlow": lambda v: e.tensor("m", v),
    "tensor without metadata": lambda v: e.tensor("m", v, plugin=""),
    "tensor of PyTorch": lambda v: field(1, "m") + field(8, field(1, 1) + field(5, struct.pack("<f", v))),
    "listed": lambda v: scalar(1, 5, struct.pack("<f", v)),
    "double": lambda v: scalar(2, 6, struct.pack("<d", v)),
    "half": lambda v: scalar(19, 13, half_bits(v)),
    "one element": lambda v: scalar(1, 4, struct.pack("<f", v), shape=field(2, field(1, 1))),
    "integer": lambda v: scalar(9, 10, varint(int(v))),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_number(tmp_path, form):
    """A number is read in whatever form a library writes it, at steps of any size and sign."""
    steps = [-1, 0, 1, 200, 2**40]
    e.events(tmp_path, *(e.event(step, FORMS[form](2.0 + at)) for at, step in enumerate(steps)))
    history = read_history(tmp_path)
    assert points(history["m"]) == [(step, 2.0 + at) for at, step in enumerate(steps)]
    assert not history.problem


def test_many_values_in_one_event(tmp_path):
    """Summaries of several values, as TensorFlow 1 merges them, are read like others, also long ones."""
    names = [f"layer_{i}/loss" for i in range(150)]
    rows = [e.event(step, *(e.simple(name, step + i) for i, name in enumerate(names))) for step in range(60)]
    e.events(tmp_path, *rows)
    history = read_history(tmp_path)
    assert set(history) == set(names)
    assert points(history["layer_149/loss"]) == [(step, step + 149.0) for step in range(60)]


def test_what_is_no_number_is_counted(tmp_path):
    """Images, histograms and texts are no numbers: they are counted, small and large, and not a problem."""
    image = field(1, "image") + field(4, field(4, b"x" * 100_000))
    small = field(1, "image") + field(4, b"x" * 10)
    histogram = field(1, "weights") + field(5, b"x" * 3000)
    text = scalar(7, 8, "hello").replace(b"m", b"t", 1) + field(9, field(1, field(1, "text")))
    graph = field(1, 1.7e9) + field(4, b"x" * 200_000)
    curve = field(1, "roc") + field(8, field(1, 1) + field(2, field(2, field(1, 2))) + field(4, bytes(8)))
    found = [e.event(1, one) for one in (image, small, histogram, text, curve)]
    e.events(tmp_path, graph, *found, e.event(2, e.simple("m", 1.0)))
    history = read_history(tmp_path)
    assert points(history["m"]) == [(2, 1.0)]
    assert dict(history.skipped) == {"image": 2, "weights": 1, "t": 1, "roc": 1}
    assert not history.problem


def test_damage_in_an_image_is_not_even_looked_at(tmp_path):
    """What nobody wants is skipped unread: damage in it is no loss."""
    image = e.event(1, field(1, "image") + field(4, b"x" * 100_000))
    path = e.events(tmp_path, e.event(0, e.simple("m", 1.0)), image, e.event(2, e.simple("m", 2.0)))
    data = bytearray(path.read_bytes())
    data[50_000] ^= 1
    path.write_bytes(data)
    history = read_history(tmp_path)
    assert (points(history["m"]), history.problem) == ([(0, 1.0), (2, 2.0)], "")


def test_files_of_a_run_are_joined(tmp_path):
    """Later files of a run win where both have a step, and that the steps went back is said."""
    e.events(tmp_path, *(e.event(s, e.simple("m", 1.0)) for s in range(5)))
    again = "events.out.tfevents.1700000900.host.2.0"
    e.events(tmp_path, *(e.event(s, e.simple("m", 2.0)) for s in range(3, 7)), name=again)
    history = read_history(tmp_path)
    assert history["m"].values.tolist() == [1, 1, 1, 2, 2, 2, 2]
    assert history.note == "the steps of m go back from 4 to 3: of two values at one step the later counts"


def test_parts_of_a_curve_are_named_after_it(tmp_path):
    """What add_scalars writes below a run belongs to it; what add_hparams writes does not."""
    e.events(tmp_path, e.event(0, e.simple("m", 1.0)))
    e.events(tmp_path / "Loss_all_train", e.event(0, e.simple("Loss/all", 2.0)))  # PyTorch's
    e.events(tmp_path / "Loss/all/val", e.event(0, e.simple("Loss/all", 3.0)))  # tensorboardX's
    e.events(tmp_path / "1700000000.123", e.event(0, e.simple("m", 9.0)))
    history = read_history(tmp_path, keys=["m", "Loss/*"])
    assert {name: s.values.tolist() for name, s in history.items()} == {
        "m": [1], "Loss/all/train": [2], "Loss/all/val": [3]
    }  # fmt: skip
    assert list(read_history(tmp_path, keys=["Loss/all/val"])) == ["Loss/all/val"]


def test_newest_run_with_the_objective(tmp_path):
    """Of several runs below one directory, the newest that has logged the objective is read."""
    e.events(tmp_path / "a", e.event(0, e.simple("m", 1.0)), name="events.out.tfevents.1700000000.h")
    e.events(tmp_path / "b", e.event(0, e.simple("m", 2.0)), name="events.out.tfevents.1700000100.h")
    e.events(tmp_path / "c", e.event(0, e.simple("other", 3.0)), name="events.out.tfevents.1700000200.h")
    assert read_history(tmp_path, objective=["m"])["m"].values.tolist() == [2]
    assert list(read_history(tmp_path)) == ["other"]


def test_follows_a_file_that_grows(tmp_path):
    """An update returns each point once, when its record is whole; a new file of the run is found."""
    rows = [e.record(e.event(s, e.simple("m", float(s)))) for s in range(300)]
    data, path = b"".join([e.record(e.version()), *rows]), tmp_path / "events.out.tfevents.1700000000.h"
    reader, seen = HistoryReader(tmp_path, keys=["m", "_timestamp"]), []
    for end in range(7, len(data) + 997, 997):
        path.write_bytes(data[:end])
        new = reader.update()
        seen += points(new["m"]) if "m" in new else []
    assert seen == [(s, float(s)) for s in range(300)]
    assert not reader.history().problem
    e.events(tmp_path, e.event(300, e.simple("m", 300.0)), name="events.out.tfevents.1700000900.h")
    assert points(reader.update()["m"]) == [(300, 300.0)]
    assert reader.history().internal["_timestamp"].steps.tolist() == list(range(301))
