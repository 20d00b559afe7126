"""Damaged files of TensorBoard, MLflow and trackio: nothing raises, nothing waits, losses are told."""

from __future__ import annotations

import lzma
import os
import random
import sqlite3
import struct
import threading
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoloop.history import HistoryReader, read_history
from tests.helpers import event_file as e
from tests.helpers.places import DATA

REAL = DATA / "trackers"
EVENTS = next((REAL / "tensorboard-2.21.0/torch/several").rglob("*tfevents*.xz"))
MLFLOW = REAL / "mlflow-3.17.2/mlflow/plain/mlflow.db.xz"
STORE = REAL / "mlflow-2.22.5/mlflow/store"
TRACKIO = next((REAL / "trackio-0.43.0/trackio/plain").rglob("*.db.xz"))
DAMAGES = ("byte", "cut", "zeros", "insert", "delete", "swap", "garbage")


def points(history):
    """Metric, step and value of every point; NaN is equal to itself here."""
    pairs = (
        (name, s) for name, series in history.items() for s in zip(series.steps, series.values, strict=True)
    )
    return {(name, int(step), repr(float(value))) for name, (step, value) in pairs}


def damaged(data, kind, at, seed):
    """Return data damaged in one of the ways."""
    rng, found = random.Random(seed), bytearray(data)
    other = rng.randrange(len(data))
    if kind == "byte":
        found[at] ^= 1 << rng.randrange(8)
    elif kind == "cut":
        del found[at:]
    elif kind == "zeros":
        found[at : at + 200] = bytes(len(found[at : at + 200]))
    elif kind == "insert":
        found[at:at] = rng.randbytes(rng.randrange(1, 50))
    elif kind == "delete":
        del found[at : at + rng.randrange(1, 50)]
    elif kind == "swap":
        found[at : at + 100], found[other : other + 100] = found[other : other + 100], found[at : at + 100]
    else:
        found += rng.randbytes(rng.randrange(1, 7000))
    return bytes(found)


def run_id(history):
    return history.run.run_id if history.run else ""


class Kind:
    """A real file, and what is read of it."""

    def __init__(self, packed, name, folder):
        self.data, self.name = lzma.decompress(packed.read_bytes()), name
        self.places = [at for at, byte in enumerate(self.data) if byte]  # most of a database is zeros
        self.folder = folder
        whole = self.read(self.data)
        self.right, self.run_id = points(whole), run_id(whole)

    def is_told(self, history):
        """Whether all is there or the loss told; a run whose start is damaged may no longer be the newest."""
        is_other = bool(run_id(history)) and run_id(history) != self.run_id
        return points(history) == self.right or history.problem or is_other

    def read(self, data):
        for file in self.folder.iterdir():
            file.unlink()
        (self.folder / self.name).write_bytes(data)
        return read_history(self.folder)


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    files = {"tensorboard": (EVENTS, "events.out.tfevents.1.h"), "mlflow": (MLFLOW, "mlflow.db"),
             "trackio": (TRACKIO, "corpus.db")}  # fmt: skip
    return {kind: Kind(*file, tmp_path_factory.mktemp(kind)) for kind, file in files.items()}


def test_a_run_whose_row_was_wiped_is_told(kinds):
    """Zeros over exactly one row leave a table that SQLite reads: a run without an id."""
    one = kinds["mlflow"]
    row = one.data.index(b"a runUNKNOWN") - 51  # its header and its id come before its name
    wiped = bytearray(one.data)
    wiped[row : row + 200] = bytes(200)
    assert one.read(bytes(wiped)).problem.endswith("is damaged: its runs cannot be listed")


@pytest.mark.parametrize("kind", ["tensorboard", "mlflow"])
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damage_changes_no_value_and_is_told(kinds, kind, data):
    """No damage makes another value, and a loss is told; but a cut may fall between two records."""
    one = kinds[kind]
    how, seed = data.draw(st.sampled_from(DAMAGES)), data.draw(st.integers(0, 2**32))
    at = one.places[data.draw(st.integers(0, len(one.places) - 1))]
    history = one.read(damaged(one.data, how, at, seed))
    found = points(history)
    assert found <= one.right
    assert one.is_told(history) or how == "cut"


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_damage_to_trackios_files_never_raises(kinds, data):
    """A JSON text of trackio's has no checksum and no second copy: a digit may change, but nothing raises."""
    one = kinds["trackio"]
    how, seed = data.draw(st.sampled_from(DAMAGES)), data.draw(st.integers(0, 2**32))
    one.read(damaged(one.data, how, one.places[data.draw(st.integers(0, len(one.places) - 1))], seed))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tensorboard", "mlflow"])
def test_every_byte(kinds, kind):
    """For every byte of a real file that is not zero: no exception, no changed value, the loss is told."""
    one = kinds[kind]
    for where in one.places[:: 1 if kind == "tensorboard" else 7]:
        changed = bytearray(one.data)
        changed[where] ^= 1 << where % 8
        history = one.read(bytes(changed))
        found = points(history)
        assert found <= one.right, where
        assert one.is_told(history), where


def test_one_lost_length_loses_one_record(tmp_path):
    """After a damaged length, reading goes on at the next record; the place of the loss is told."""
    path = e.events(tmp_path, *(e.event(s, e.simple("m", float(s))) for s in range(2000)))
    data = bytearray(path.read_bytes())
    size = len(e.record(e.event(1000, e.simple("m", 1.0))))
    start = data.index(e.record(e.event(1000, e.simple("m", 1000.0))))
    data[start + 1] ^= 1
    path.write_bytes(data)
    history = read_history(tmp_path)
    assert set(range(2000)) - set(history["m"].steps.tolist()) == {1000}
    assert f"bytes {start} to {start + size}: no record begins here" in history.problem


def test_row_that_its_index_does_not_confirm_is_left_out(tmp_path):
    """A value that MLflow's table and its index have differently is not believed, whichever is damaged."""
    path = tmp_path / "mlflow.db"
    path.write_bytes(lzma.decompress(MLFLOW.read_bytes()))
    whole, data = read_history(tmp_path), path.read_bytes()
    value = whole["train/loss"].at(25)  # the other run in the file ends before
    parts = data.split(struct.pack(">d", value))
    assert len(parts) == 3
    for at in range(2):
        changed = [struct.pack(">d", value + (place == at)) for place in range(2)]
        path.write_bytes(parts[0] + changed[0] + parts[1] + changed[1] + parts[2])
        history = read_history(tmp_path)
        assert points(whole) - points(history) == {("train/loss", 25, repr(value))}
        assert points(history) < points(whole)
        assert "table and index do not agree" in history.problem


NAMES = {"tensorboard": "events.out.tfevents.1.h", "mlflow": "mlflow.db", "trackio": "corpus.db"}


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("place", ["fifo", "circle", "device", "directory", "nothing"])
def test_nothing_in_the_place_of_a_file_waits(tmp_path, kind, place):
    """A FIFO, a link to nothing, to itself or to a device, a directory: none is read, none is waited for."""
    path = tmp_path / NAMES[kind]
    make = {
        "fifo": lambda: os.mkfifo(path),
        "circle": lambda: path.symlink_to(path),
        "directory": path.mkdir,
        "device": lambda: path.symlink_to("/dev/zero"),
        "nothing": lambda: path.symlink_to("gone"),
    }
    make[place]()
    assert len(read_history(tmp_path)) == 0
    reader = HistoryReader(tmp_path)
    assert len(reader.update()) == 0 and len(reader.history()) == 0


def test_fifo_among_a_stores_metrics(tmp_path):
    """A FIFO beside the files of MLflow's metrics is told, and they are read."""
    run = next(STORE.rglob("meta.yaml.xz")).parent
    for packed in run.rglob("*.xz"):
        file = tmp_path / packed.relative_to(run).with_suffix("")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(lzma.decompress(packed.read_bytes()))
    os.mkfifo(tmp_path / "metrics" / "pipe")
    history = read_history(tmp_path)
    assert "train/loss" in history and "pipe" in history.problem


def test_database_that_is_written_neither_waits_nor_makes_wait(tmp_path):
    """While a writer holds MLflow's file locked, a look gives what is known; its commits are not held up."""
    path = tmp_path / "mlflow.db"
    path.write_bytes(lzma.decompress(MLFLOW.read_bytes()))
    reader = HistoryReader(tmp_path, keys=["train/loss"])
    known = len(reader.update()["train/loss"])
    with closing(sqlite3.connect(path, timeout=0, check_same_thread=False)) as writer:
        (run,) = writer.execute("SELECT run_uuid FROM runs ORDER BY start_time DESC").fetchone()
        writer.execute("COMMIT") if writer.in_transaction else None
        writer.execute("BEGIN EXCLUSIVE")
        writer.execute("INSERT INTO metrics VALUES ('train/loss', 7.5, 1, ?, 1000, 0)", (run,))
        assert len(reader.update()) == 0
        assert len(reader.history()["train/loss"]) == known and not reader.history().problem
        writer.commit()
        stop = threading.Event()
        looking = threading.Thread(target=lambda: [reader.update() for _ in iter(stop.is_set, True)])
        looking.start()
        try:
            for step in range(1001, 1031):
                writer.execute("PRAGMA busy_timeout = 2000")
                writer.execute("INSERT INTO metrics VALUES ('train/loss', 7.5, 1, ?, ?, 0)", (run, step))
                writer.commit()
        finally:
            stop.set()
            looking.join()
    reader.update()
    assert reader.history()["train/loss"].steps[-31:].tolist() == list(range(1000, 1031))


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_what_a_killed_writer_left_is_read_and_not_touched(tmp_path, journal):
    """A write-ahead log is read with its file, a half-done change undone in a copy; no file is changed."""
    live, left = tmp_path / "live", tmp_path / "left"
    live.mkdir()
    left.mkdir()
    path = live / "mlflow.db"
    path.write_bytes(lzma.decompress(MLFLOW.read_bytes()))
    whole = points(read_history(live))
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute(f"PRAGMA journal_mode = {journal}")
        writer.execute("PRAGMA cache_size = 2")  # what does not fit goes to the file before the commit
        writer.execute("BEGIN")
        (run,) = writer.execute("SELECT run_uuid FROM runs ORDER BY start_time DESC").fetchone()
        rows = [(f"new/{i}", i, run, i) for i in range(3000)]
        writer.executemany("INSERT INTO metrics VALUES (?, 1.5, ?, ?, ?, 0)", rows)
        if journal == "wal":
            writer.execute("COMMIT")
        for file in live.iterdir():
            (left / file.name).write_bytes(file.read_bytes())
        writer.execute("ROLLBACK") if journal == "delete" else None
    before = {file.name: file.read_bytes() for file in left.iterdir()}
    history = read_history(left)
    assert len(before) >= 2
    assert not history.problem
    assert points(history) == whole | ({(n, s, "1.5") for n, _, _, s in rows} if journal == "wal" else set())
    assert {f.name: f.read_bytes() for f in left.iterdir() if not f.name.endswith("-shm")} == {
        name: data for name, data in before.items() if not name.endswith("-shm")
    }
