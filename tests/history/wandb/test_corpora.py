"""Runs written by real wandb versions, compared with what was logged."""

from __future__ import annotations

import json
import lzma
from functools import cache

import numpy as np
import pytest

from autoloop.history import HistoryReader, find_runs, read_history
from tests.helpers.corpora import unpacked
from tests.helpers.places import DATA

pytestmark = pytest.mark.usefixtures("usual_way")

CORPORA = DATA / "wandb"
CASES = sorted(path.parent for path in CORPORA.glob("*/*/expected.json.xz"))


@cache
def expected(case):
    return json.loads(lzma.decompress((case / "expected.json.xz").read_bytes()))


def check_series(history, metrics, whole=True):
    """Compare every metric with the points that were logged; return how many points there are."""
    assert set(history) == set(metrics)
    points = 0
    for name, logged in metrics.items():
        steps, values = (np.array(column) for column in zip(*logged, strict=True))
        size = len(history[name])
        assert size == len(logged) if whole else size <= len(logged)
        np.testing.assert_array_equal(history[name].steps, steps[:size])
        np.testing.assert_array_equal(history[name].values, values[:size])
        points += size
    return points


def test_there_are_cases():
    """The corpora of at least eleven wandb versions are there."""
    assert len({case.parent.name for case in CASES}) >= 11


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_values_are_as_logged(case, tmp_path):
    """Every number of every metric is read exactly as it was logged, at its step."""
    folder, wanted = unpacked(case, tmp_path), expected(case)
    for run_id, metrics in wanted["runs"].items():
        runs = [run for run in find_runs(folder) if run.name.endswith(run_id)]
        history = read_history(runs[0] if len(wanted["runs"]) > 1 else folder)
        if "killed" in case.name:
            assert check_series(history, metrics, whole=False) > 1000
            assert not history.finished
            continue
        check_series(history, metrics)
        assert (history.problem, history.finished, history.exit_code) == ("", True, 0)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_one_key_is_read_alone(case, tmp_path):
    """Asked for one metric, the reader returns that metric and nothing else."""
    folder = unpacked(case, tmp_path)
    whole = read_history(folder)
    name = max(whole, key=lambda n: (len(whole[n]), n))
    alone = read_history(folder, keys=[name])
    assert (list(alone), alone[name]) == ([name], whole[name])


@pytest.mark.parametrize("case", [c for c in CASES if c.name == "plain"], ids=lambda case: case.parent.name)
def test_run_record_of_every_version(case, tmp_path):
    """Name, group, tags, notes and config come out as they were given to wandb.init."""
    run = read_history(unpacked(case, tmp_path)).run
    if case.parent.name.startswith("0.9."):  # these files do not hold entity, group, tags
        assert (run.project, run.name, run.notes) == ("corpus", "a run", "two\nlines")
    else:
        assert (run.entity, run.project, run.name, run.group) == ("team", "corpus", "a run", "g1")
        assert (run.job_type, run.tags, run.notes) == ("train", ("a", "b c"), "two\nlines")
        assert run.url == f"https://wandb.ai/team/corpus/runs/{run.run_id}"
        assert run.start_time > 1.7e9
    config = {"lr": 1e-3, "steps": 2000, "ot": {"reg": 0.1, "tau": [0.5, 1.0]}, "name": "x", "none": None}
    assert run.config == config


@pytest.mark.parametrize("case", [c for c in CASES if c.name == "forked"], ids=lambda case: case.parent.name)
def test_forks_of_every_version(case, tmp_path):
    """A fork tells which run it leaves, and where (0.18 does not write it); its own rows begin there."""
    history = read_history(unpacked(case, tmp_path))
    assert history.run.forked_from == ("" if case.parent.name == "0.18.7" else "parent1?_step=9")
    assert history["loss"].steps[0] == 10


@pytest.mark.parametrize("case", [c for c in CASES if c.name == "online"], ids=lambda case: case.parent.name)
def test_online_runs_of_every_version(case, tmp_path):
    """The file of a run that logged to a server is as whole as that of an offline run."""
    history = read_history(unpacked(case, tmp_path))
    assert history.path.endswith(f"-{history.run.run_id}/run-{history.run.run_id}.wandb")
    assert "offline" not in history.path
    assert (history.run.entity, history.run.group, history.finished) == ("team", "g1", True)
    assert history.summary["count"] == 59


@pytest.mark.parametrize("case", [c for c in CASES if c.name == "metric"], ids=lambda case: case.parent.name)
def test_step_metrics_of_every_version(case, tmp_path):
    """What define_metric declared is read."""
    assert dict(read_history(unpacked(case, tmp_path)).step_metrics).get("eval/*") == "epoch"


@pytest.mark.parametrize("case", [c for c in CASES if c.name == "plain"], ids=lambda case: case.parent.name)
def test_summary_of_every_version(case, tmp_path):
    """W&B's own summary holds the last values and what was set by hand."""
    summary = read_history(unpacked(case, tmp_path)).summary
    assert summary["note"] == "set by hand"
    assert summary["count"] == 119
    assert summary["nested"]["a"]["b"] == 59.5


@pytest.mark.parametrize("case", [c for c in CASES if c.name == "core"], ids=lambda case: case.parent.name)
def test_following_a_file_with_late_blocks(case, tmp_path):
    """The late blocks of early wandb-core are found while the file grows, too."""
    folder = unpacked(case, tmp_path)
    path = next(folder.rglob("*.wandb"))
    whole, reader, points = path.read_bytes(), HistoryReader(path), 0
    for size in [*range(100, len(whole), 1500), len(whole)]:
        path.write_bytes(whole[:size])
        points += len(reader.update().get("train/loss", ()))
    assert points == len(read_history(path)["train/loss"]) == 120
