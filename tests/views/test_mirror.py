"""A study kept as an Optuna study while it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoloop.views.export.mirror import OptunaMirror
from tests.helpers.studies import study_of


def test_a_job_has_no_parameter_for_a_knob_that_does_not_count_there(tmp_path: Path):
    """The depth is a knob of the big model alone; the config of the small one lacks it."""
    optuna = pytest.importorskip("optuna")
    big = {"name": "big", "objective": 0.1, "parent": "base", "changes": [["model", "small", "big"]]}
    study = study_of({"name": "base", "objective": 0.2}, big)
    storage = f"sqlite:///{tmp_path / 'a.db'}"
    OptunaMirror(
        storage,
        "it",
        choices={"model": ("small", "big")},
        starts={"model": "small", "depth": 3},
        conditions={"depth": {"model": ("big",)}},
    ).update(study)
    found = optuna.load_study(study_name="it", storage=storage).trials
    assert [trial.params for trial in found] == [{"model": "small"}, {"model": "big", "depth": 3.0}]
