"""Judging probes: which of the rates is best at the step at which they are compared."""

from __future__ import annotations

import math

import pytest

from autoloop.history.series import Series
from autoloop.stopping.probes import Runner, compared, ended_at

NAMES = {0: "baseline", 1: "four", 2: "quarter"}


def runner(*values: float, ended: bool = False, completed: bool = False) -> Runner:
    """Return a job evaluated every ten steps."""
    return Runner(Series.of(values, [10 * (place + 1) for place in range(len(values))]), ended, completed)


@pytest.mark.parametrize(
    ("baseline", "four", "quarter", "best", "gone"),
    [
        ((2.0, 1.0), (2.0, 0.9), (2.0, 1.5), 1, {2}),
        ((2.0, 1.0), (2.0, 1.1), (2.0, 1.5), None, {1, 2}),
        ((2.0, 1.0), (2.0, 1.0), (2.0, 1.5), None, {1, 2}),  # as good is not better
        ((2.0, 1.0), (2.0, 0.9), (2.0, 0.9), None, {1, 2}),  # two are, and neither is better than the other
        ((2.0, 1.0), (2.0, math.nan), (2.0, 0.9), 2, {1}),
        ((2.0, math.nan), (2.0, 3.0), (2.0, 4.0), 1, {2}),
        ((2.0, 1.0), (0.1,), (2.0, 1.5), None, {2}),  # one is still to come
    ],
)
def test_one_goes_on_that_is_better_than_all_others(
    baseline: tuple[float, ...],
    four: tuple[float, ...],
    quarter: tuple[float, ...],
    best: int | None,
    gone: set[int],
) -> None:
    found = compared(0, {0: runner(*baseline), 1: runner(*four), 2: runner(*quarter)}, until=20)
    assert found.best == best
    assert {job for job in (1, 2) if ended_at(job, found, NAMES)} == gone


def test_a_larger_objective_may_be_better() -> None:
    found = compared(0, {0: runner(0.0, 0.0), 1: runner(0.0, 0.3)}, until=20, maximize=True)
    assert (found.best, ended_at(1, found, NAMES, maximize=True)) == (1, None)


def test_what_was_logged_later_changes_nothing() -> None:
    """It depends on the curves up to the step, never on when somebody looked."""
    early = compared(0, {0: runner(2.0, 1.0), 1: runner(2.0, 0.9)}, until=15)
    late = compared(0, {0: runner(2.0, 1.0, 0.2), 1: runner(2.0, 0.9, 0.8, 0.7)}, until=15)
    assert early == late
    assert early.steps == {0: 20, 1: 20}


def test_a_job_that_failed_before_counts_as_worst_and_one_that_completed_with_its_end() -> None:
    failed = compared(0, {0: runner(2.0, 1.0), 1: runner(0.5, ended=True)}, until=20)
    assert (failed.best, failed.open) == (None, False)
    short = compared(0, {0: runner(2.0, 1.0), 1: runner(0.5, ended=True, completed=True)}, until=20)
    assert short.best == 1
