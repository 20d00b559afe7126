"""A job that logged to a store outside of its directory is told so, with the setting that changes it."""

from __future__ import annotations

import pytest

from autoloop.history import read_history
from autoloop.history.outside import describe_outside
from autoloop.history.run_notes import note

ELSEWHERE = "hydra.job.env_set.MLFLOW_TRACKING_URI='${hydra:runtime.output_dir}/mlruns' has it in"


@pytest.mark.parametrize(
    ("uri", "said"),
    [("sqlite:////data/mlflow.db", f"MLFLOW_TRACKING_URI leads to /data/mlflow.db: {ELSEWHERE}"),
     ("file:///data/runs", f"MLFLOW_TRACKING_URI leads to /data/runs: {ELSEWHERE}"),
     ("/data/runs", f"MLFLOW_TRACKING_URI leads to /data/runs: {ELSEWHERE}"),
     ("https://me:secret@tracking.example.org", f"MLFLOW_TRACKING_URI leads to a server: {ELSEWHERE}"),
     ("sqlite:///mlflow.db", ""), ("mlruns", ""), ("", "")],
)  # fmt: skip
def test_mlflow_by_its_variable(uri, said, tmp_path):
    """Places outside are named, a server's secrets are not; what may lie inside is left alone."""
    found = describe_outside(tmp_path, {"MLFLOW_TRACKING_URI": uri, "HOME": str(tmp_path)})
    assert found.startswith(said) and bool(found) == bool(said)
    assert "secret" not in found


def test_a_place_in_the_job_s_directory_needs_no_word(tmp_path):
    """An absolute path below the job's directory is where it should be."""
    assert describe_outside(tmp_path, {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"}) == ""


@pytest.mark.parametrize(
    ("config", "said"),
    [("logger: {mlflow: {tracking_uri: '${paths.log_dir}/mlflow/mlruns'}}",
      "logger.mlflow.tracking_uri leads to ${paths.log_dir}/mlflow/mlruns: "
      "logger.mlflow.tracking_uri='${hydra:runtime.output_dir}/mlruns'"),
     ("tb: {log_dir: /data/tb}", "tb.log_dir leads to /data/tb: tb.log_dir='${hydra:runtime.output_dir}/"),
     ("tb: {log_dir: '${hydra:runtime.output_dir}/tb'}", ""), ("log_dir: tb", ""), ("log_dir: null", ""),
     ("paths: {log_dir: '${paths.root_dir}/logs'}", ""), ("lr: 0.1", ""), ("[1", ""), ("- log_dir", "")],
)  # fmt: skip
def test_what_the_job_s_config_names(config, said, tmp_path):
    """A store that the composed config puts elsewhere is told by the key that does."""
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "config.yaml").write_text(config)
    found = describe_outside(tmp_path, {})
    assert found.startswith(said) and bool(found) == bool(said)


@pytest.mark.parametrize(("since", "is_told"), [(1.0, True), (9e9, False)])
def test_trackio_s_own_directory(since, is_told, tmp_path):
    """It is named where a file in it changed since the job began."""
    (tmp_path / "hub" / "trackio").mkdir(parents=True)
    (tmp_path / "hub" / "trackio" / "project.db").write_bytes(b"x")
    (job := tmp_path / "job").mkdir()
    note(job, mark="m", places=[], since=since)
    found = describe_outside(job, {"HF_HOME": str(tmp_path / "hub")})
    assert (f"trackio wrote into {tmp_path}/hub/trackio" in found) == is_told


def test_it_is_part_of_the_problem(tmp_path, monkeypatch):
    """A reader of an empty directory gets the sentence."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "/data/runs")
    assert "leads to /data/runs" in read_history(tmp_path).problem


@pytest.mark.parametrize(
    ("file", "since", "is_told"),
    [("runs/a/events.out.tfevents.1.host", 1.0, True), ("runs/a/events.out.tfevents.1.host", 9e9, False),
     ("outputs/0/tb/events.out.tfevents.1.host", 1.0, False), ("runs/a/metrics.txt", 1.0, False)],
)  # fmt: skip
def test_tensorboard_s_files_in_the_working_directory(file, since, is_told, tmp_path):
    """`SummaryWriter()` writes beside the program; files of an earlier time or of another job say nothing."""
    (tmp_path / "outputs" / "0" / ".hydra").mkdir(parents=True)
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_bytes(b"x")
    (job := tmp_path / "job").mkdir()
    note(job, mark="m", places=[str(tmp_path)], since=since)
    found = describe_outside(job, {})
    assert (f"TensorBoard wrote into {(tmp_path / file).parent}: " in found) == is_told
    assert ("hydra.job.chdir=true" in found) == is_told
