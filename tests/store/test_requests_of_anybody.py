"""A request with a wrong value in any field is refused or carried out, and never ends the study."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autoloop.loop.controls import ACTIONS, Standing, bounds_of, ignored_of, jobs_at_once, judge, limits_of
from autoloop.loop.steps import Limits
from autoloop.store.requests import FOLDER, pending
from autoloop.study.events import UserControl, read_event
from autoloop.study.record import Study
from tests.helpers.studies import job_event, replay, round_event, study_event, variant_entry

FIELDS = [name for name in UserControl.__slots__ if name not in ("kind", "action")]
ODD: list[Any] = [
    *(None, True, -1, 10**30, float("nan"), "x" * 9000, "\ud800\0\x1b[31m"),
    *([[1]], {"a": {"b": [None]}}, ["lr@mul=1e999"]),
]
STANDING = Standing(Limits(rounds=3, max_jobs=9), n_jobs=2, slots=2, config=lambda: {"lr": 0.1, "seed": 1})


def _study() -> Study:
    entries = variant_entry(0, "baseline"), variant_entry(1, "a", parent="baseline")
    return replay([study_event(settings={}), round_event(1, *entries), job_event(0)])


@pytest.mark.parametrize("action", ACTIONS)
def test_any_value_in_any_field_is_answered(tmp_path: Path, action: str) -> None:
    """And what is carried out can be written, read again, and asked for its effect."""
    (tmp_path / FOLDER).mkdir()
    study, answered = _study(), 0
    for field in FIELDS:
        for value in ODD:
            (tmp_path / FOLDER / "1.json").write_text(json.dumps({"action": action, field: value}))
            (request,) = pending(tmp_path)
            if request.control is None:
                assert request.problem
                continue
            told = judge(request.control, study, STANDING)
            line = json.dumps({"v": 1, **told.as_record(), "time": 1.0})
            after = study.copy()
            after.record(read_event(json.loads(line)))
            assert limits_of(after, STANDING.limits).rounds > 0
            assert bounds_of(after, {}) is not None
            assert ignored_of(after, ()) is not None
            assert jobs_at_once(after, 4) in range(1, 5)
            answered += 1
    assert answered
