"""A study in a notebook: `autoloop.Study.load`."""

from __future__ import annotations

import pytest

import autoloop
from autoloop.errors import ConfigError, JournalError
from autoloop.views.frames import LoadedStudy
from tests.helpers.places import DATA

pytest.importorskip("pandas", reason="the extra 'frames' is not installed")

PLAIN = DATA / "studies" / "plain"


def test_a_study_is_loaded_as_frames():
    study = autoloop.Study.load(PLAIN)
    assert isinstance(study, LoadedStudy)
    trials = study.trials()
    assert list(trials.index) == [0, 1, 2, 3, 4, 5]
    assert trials.loc[1, "name"] == "faster"
    assert trials["config.optimizer.lr"].nunique() > 1
    decisions = study.decisions()
    assert {"round", "rule", "trial", "fired", "reason", "refused"} <= set(decisions.columns)
    assert len(decisions)
    assert "best" in repr(study)


def test_curves_are_a_column_for_each_job():
    study = autoloop.Study.load(PLAIN)
    metric = next(name[: -len(".last")] for name in study.trials().columns if name.endswith(".last"))
    curves = study.curves(metric)
    assert curves.index.name == "step"
    assert "baseline" in curves.columns
    assert curves["baseline"].dropna().iloc[-1] == pytest.approx(study.trials().loc[0, f"{metric}.last"])
    with pytest.raises(ConfigError, match="has logged 'no/such'"):
        study.curves("no/such")


def test_a_notebook_shows_the_headline_and_no_markup_of_others():
    shown = autoloop.Study.load(PLAIN)._repr_html_()
    assert "Best trial" in shown
    assert "<script" not in shown


def test_no_study_is_said(tmp_path):
    with pytest.raises(JournalError, match="no study in"):
        autoloop.Study.load(tmp_path)
    assert not hasattr(autoloop, "Studdy")
