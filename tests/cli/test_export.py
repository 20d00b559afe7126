"""`autoloop export`: a study for other tools."""

import csv
import io
import os
from pathlib import Path

import pytest

from tests.cli.app import loss


def test_csv_has_one_row_per_job_with_knobs_and_metrics(cli, study):
    """Place in the study, knobs also where the lineage did not touch them, metrics; the failed job too."""
    done = cli("export", "csv", study, "--out", "-")
    baseline, fast, child = csv.DictReader(io.StringIO(done.stdout))
    assert [row["name"] for row in (baseline, fast, child)] == ["baseline", "fast", "r2_still_improving"]
    assert [row["config.lr"] for row in (baseline, fast, child)] == ["0.001", "0.003", "0.002"]
    assert (child["parent"], child["rule"], child["round"]) == ("baseline", "still_improving", "2")
    assert float(child["train/loss.last"]) == loss(0.002, 40)
    assert (fast["state"], fast["objective"], fast["error"]) == ("FAILED", "", "RuntimeError: no luck today")


def test_curves_have_one_row_per_logged_value(cli, study):
    """--curves: job, name, metric, step, value."""
    rows = list(csv.DictReader(io.StringIO(cli("export", "csv", study, "--curves", "--out", "-").stdout)))
    assert len(rows) == 2 * 3 * 40
    seven = {"job": "2", "name": "r2_still_improving", "metric": "train/loss", "step": "7"}
    (row,) = (row for row in rows if seven.items() <= row.items())
    assert float(row["value"]) == loss(0.002, 7)


def test_parquet_keeps_types(cli, study):
    """Whole numbers, floats and texts have columns of their own type."""
    parquet = pytest.importorskip("pyarrow.parquet")
    path = cli("export", "parquet", study).stdout.strip()
    table = parquet.read_table(path)
    types = {field.name: str(field.type) for field in table.schema}
    assert (types["job"], types["config.lr"], types["name"]) == ("int64", "double", "string")
    assert table.column("config.lr").to_pylist() == [0.001, 0.003, 0.002]


def test_optuna_study_has_trials_parameters_and_curves(cli, study, tmp_path):
    """What optuna-dashboard shows: values, parameters, intermediate values, lineage."""
    optuna = pytest.importorskip("optuna")
    storage = f"sqlite:///{tmp_path}/o.db"
    done = cli("export", "optuna", study, "--storage", storage)
    assert done.stdout == f"3 trials in the study 'study' of {storage}\n"
    assert not [link for link in map(os.path.realpath, Path("/proc/self/fd").iterdir()) if "o.db" in link]
    database = optuna.storages.RDBStorage(storage)
    found = optuna.load_study(study_name="study", storage=database)
    baseline, fast, child = found.trials
    assert (found.best_trial.number, found.direction.name) == (2, "MINIMIZE")
    assert child.params == {"lr": 0.002} and child.user_attrs["parent"] == "baseline"
    assert child.intermediate_values[40] == pytest.approx(1.1 * loss(0.002, 40))
    assert (fast.state.name, baseline.state.name) == ("FAIL", "COMPLETE")
    assert child.datetime_complete >= child.datetime_start
    database.remove_session()
    database.engine.dispose()


def test_optuna_study_is_never_added_to(cli, study, tmp_path):
    """A second export needs another name."""
    pytest.importorskip("optuna")
    words = ("export", "optuna", study, "--storage", f"sqlite:///{tmp_path}/o.db")
    assert cli(*words).exit_code == 0
    again = cli(*words)
    assert again.exit_code == 2 and "choose another --name" in again.stderr
    assert cli(*words, "--name", "other").exit_code == 0


def test_storage_that_cannot_be_used_is_one_line(cli, study):
    """A wrong URL: exit code 1."""
    pytest.importorskip("optuna")
    done = cli("export", "optuna", study, "--storage", "sqlite:////no/such/dir/o.db")
    assert done.exit_code == 1 and len(done.stderr.splitlines()) == 1
