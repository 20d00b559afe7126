"""What the first results show a study to be judged by."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autoloop.curves.metrics import Metrics
from autoloop.loop.objective import seen
from autoloop.study.events import Details
from autoloop.study.record import Study
from tests.helpers.studies import study_of

LOSSES = {"MSE": {"last": 0.3, "best": 0.2}}
RATES = {"MSE": {"last": 0.3, "best": 0.2}, "eval/success": {"last": 0.0, "best": 0.0}}


def returning(*values: float, summary: dict[str, Any]) -> Study:
    """A study whose jobs returned these numbers and all logged the same."""
    study = study_of(*({"name": f"job{place}"} for place in range(len(values))))
    for place, value in enumerate(values):
        details = Details(return_value=value)
        study.jobs[place] = replace(study.jobs[place], details=details, summary=summary)
    return study


@pytest.mark.parametrize(
    ("values", "summary", "judged_by"),
    [
        ((0.0, 0.0), LOSSES, ("MSE", "min")),  # `return 0`, as a program does that went well
        ((0.0,), LOSSES, None),  # one job does not tell; it stays open
        ((0.0, 0.1), LOSSES, ("", "min")),
        ((1.0, 1.0), LOSSES, ("", "min")),
        ((0.0, 0.0), RATES, ("", "max")),  # a success rate of 0, which was logged too
        ((0.0, 0.0), {}, ("", "min")),  # there is nothing else
    ],
)
def test_a_0_that_every_job_returns_is_no_result_where_curves_tell_more(
    values: tuple[float, ...], summary: dict[str, Any], judged_by: tuple[str, str] | None
) -> None:
    """Many tasks end with `return 0`; a study of them is judged by what they logged."""
    aim = seen(returning(*values, summary=summary), Metrics.read({}))
    assert (aim and (aim.metric, aim.goal)) == judged_by


def test_a_0_counts_where_the_user_says_which_way_or_the_config_names_it() -> None:
    """Both say that the number is a result."""
    study = returning(0.0, 0.0, summary=LOSSES)
    told, named = seen(study, Metrics.read({}, "min")), seen(study, Metrics.read({}), "val/acc")
    assert told and named
    assert (told.metric, named.metric, named.goal) == ("", "", "max")
