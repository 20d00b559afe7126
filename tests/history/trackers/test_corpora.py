"""Files written by real libraries, compared with what was logged."""

from __future__ import annotations

import json
import lzma
from functools import cache

import numpy as np
import pytest

from autoloop.history import HistoryReader, read_history
from autoloop.history.find import TRACKERS, sources
from tests.helpers.corpora import unpacked
from tests.helpers.places import DATA

CORPORA = DATA / "trackers"
CASES = sorted(path.parent for path in CORPORA.glob("*/*/*/expected.json.xz"))
IDS = ["-".join(case.relative_to(CORPORA).parts) for case in CASES]


@cache
def expected(case):
    return json.loads(lzma.decompress((case / "expected.json.xz").read_bytes()))["runs"]


def is_float32(case):
    return case.parent.name in ("torch", "tensorboardx", "tensorflow", "lightning")


def runs_of(folder):
    """Run's id and name -> its history, every source read for itself and joined."""
    found = {}
    for source in reversed(sources(folder)):
        tail = next(tracker for tracker in TRACKERS if tracker.name == source.tracker).tail(source, None)
        tail.read()
        history = tail.history()
        for name in {history.run.run_id, history.run.name}:
            found[name] = found[name].then(history) if name in found else history
    return found


def check(series, logged, as_float32, whole):
    """Compare a series with the points that were logged."""
    steps, values = (np.array(column) for column in zip(*logged, strict=True))
    values = values.astype(np.float32).astype(np.float64) if as_float32 else values.astype(np.float64)
    size = len(series)
    assert size == len(logged) if whole else 20 < size <= len(logged) or len(logged) < 20
    np.testing.assert_array_equal(series.steps, steps[:size])
    np.testing.assert_array_equal(series.values, values[:size])


def test_there_are_cases():
    """There are corpora of each library at two versions, TensorFlow's at one; killed and resumed ones."""
    versions = {case.parent.name: set() for case in CASES}
    for case in CASES:
        versions[case.parent.name].add(case.parent.parent.name)
    assert {library: len(found) for library, found in versions.items()} == {
        "torch": 2, "tensorboardx": 2, "lightning": 2, "tensorflow": 1, "mlflow": 2, "trackio": 2
    }  # fmt: skip
    for kind in ("killed", "resumed"):
        assert {case.parent.name for case in CASES if kind in case.name} >= {"torch", "mlflow", "trackio"}


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_values_are_as_logged(case, tmp_path):
    """Every number of every metric of every run is read exactly as it was logged, at its step."""
    found = runs_of(unpacked(case, tmp_path))
    for run, metrics in expected(case).items():
        history, killed = found[run], "killed" in case.name
        assert set(history) == set(metrics)
        for name, logged in metrics.items():
            check(history[name], logged, is_float32(case), not killed)
        assert killed or not history.problem


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_one_key_is_read_alone(case, tmp_path):
    """Asked for one metric, the reader returns that metric and nothing else."""
    folder = unpacked(case, tmp_path)
    whole, alone = read_history(folder), read_history(folder, keys=["train/loss"])
    assert (list(alone), alone["train/loss"]) == (["train/loss"], whole["train/loss"])


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_newest_run_counts_read_at_once_and_followed(case, tmp_path):
    """Of several runs in one place the newest is read, by whoever follows it too."""
    folder = unpacked(case, tmp_path)
    history, followed = read_history(folder), HistoryReader(folder).update()
    assert list(expected(case))[-1] in (history.run.run_id, history.run.name)
    assert dict(followed) == dict(history)


RESUMED = [case for case in CASES if case.name == "resumed" and is_float32(case)]


@pytest.mark.parametrize("case", RESUMED, ids=lambda case: f"{case.parent.name}-{case.parent.parent.name}")
def test_steps_that_go_back_are_said(case, tmp_path):
    """Where a run was begun again at a lower step, the later values count, and the history says so."""
    history = read_history(unpacked(case, tmp_path))
    assert " go back from " in history.note and " to 40: " in history.note
