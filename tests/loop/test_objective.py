"""What the first results show a study to be judged by."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autoloop.curves.metrics import Metrics
from autoloop.curves.objective import Objective
from autoloop.loop.objective import nothing_to_judge_by, seen
from autoloop.loop.score import conclusion, winner
from autoloop.loop.steps import Limits
from autoloop.study.events import Details
from autoloop.study.record import Study
from tests.helpers.studies import study_of

LOSSES = {"MSE": {"last": 0.3, "best": 0.2}}
RATES = {"MSE": {"last": 0.3, "best": 0.2}, "eval/success": {"last": 0.0, "best": 0.0}}


def returning(*values: float, summary: dict[str, Any]) -> Study:
    """A study whose jobs returned these numbers and all logged the same."""
    study = study_of(*({"name": f"job{place}", "objective": value} for place, value in enumerate(values)))
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
        ((0.0, 0.0), {}, None),  # there is nothing else, and nothing to judge by
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


def test_a_name_that_only_the_jobs_can_read_tells_which_way() -> None:
    """Each says in its own process which metric it returned; two that differ say nothing."""
    study = returning(0.4, 0.5, summary=LOSSES)
    for place, named in enumerate(("val/acc_best", "val/acc_best")):
        job = study.jobs[place]
        study.jobs[place] = replace(job, details=replace(job.details, named=named))
    aim = seen(study, Metrics.read({}))
    assert aim and (aim.goal, aim.why) == ("max", "the config calls it val/acc_best, which is best high")
    study.jobs[0] = replace(study.jobs[0], details=replace(study.jobs[0].details, named="val/loss"))
    doubtful = seen(study, Metrics.read({}))
    assert doubtful and doubtful.goal == "min"


def test_a_search_of_jobs_that_all_return_0_has_nothing_to_judge_by() -> None:
    """It ends as one whose tasks return nothing does, and calls no job the best; a result changes that."""
    study = replace(returning(0.0, 0.0, summary={}), open=True, aim=Objective(why="unsaid"))
    said = nothing_to_judge_by(study, Limits(rounds=2))
    assert said.startswith("there is nothing to judge by: the task returned 0 in each of 2 jobs; nothing was")
    assert not nothing_to_judge_by(study, Limits(rounds=1))  # the jobs were wanted for themselves
    assert winner(study) is None
    assert "none with a result: done; the task returned 0 in each of 2 jobs" in conclusion(study, "done")
    settled = replace(study, open=False)  # the user or a name says that 0 is a result
    assert winner(settled) and not nothing_to_judge_by(settled, Limits(rounds=2))


def test_what_every_job_failed_with_is_read_before_why_the_search_ends() -> None:
    """Not only that rules have no idea."""
    jobs = [{"name": name, "state": "FAILED", "objective": None, "error": "KeyError: 'x'"} for name in "ab"]
    dry = "no rule has anything new to propose after round 1"
    assert conclusion(study_of(*jobs), dry) == (
        f"the study ends after 2 jobs, none with a result: each failed with KeyError: 'x'; {dry}"
    )
    others = study_of(jobs[0], {**jobs[1], "error": "ValueError: y"})
    assert "failed with" not in conclusion(others, dry)
