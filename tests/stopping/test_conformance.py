"""Every shipped stop rule keeps what `check_stop_rule` promises, and the check finds rules that do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import yaml

from autoloop.history.series import History, Series
from autoloop.stopping import Live, NotFinite, StopDecision, StopRule, build_stop_rules
from autoloop.testing import check_stop_rule
from tests.helpers.places import CONF
from tests.helpers.reference import shipped_files

SHIPPED = [
    pytest.param(rule, id=f"{choice}-{rule.name}")
    for choice in shipped_files("stop_rules")
    for rule in build_stop_rules(yaml.safe_load((CONF / "stop_rules" / f"{choice}.yaml").read_text()))
]


@pytest.mark.parametrize("rule", SHIPPED)
def test_shipped_stop_rules_are_total_pure_and_steady(rule: StopRule) -> None:
    check_stop_rule(rule)


class OverTen(StopRule):
    """Ends a job whose loss is over ten."""

    name = "over_ten"

    def judge(self, live: Live) -> StopDecision | None:
        series = live.history.get("train/loss")
        if series is None or not len(series) or not series.values[-1] > 10:
            return None
        return StopDecision(self.name, "the loss is over ten", int(series.steps[-1]))


class Fails(OverTen):
    def judge(self, live: Live) -> StopDecision | None:
        return StopDecision("fails", "x", int(live.history["train/loss"].steps[-1]))


class EndsSilentJobs(OverTen):
    def judge(self, live: Live) -> StopDecision | None:
        return StopDecision("silent", "nothing was logged", 0)


class SignsForAnother(OverTen):
    def judge(self, live: Live) -> StopDecision | None:
        found = super().judge(live)
        return StopDecision("another", found.reason, found.step) if found else None


class Forgets(OverTen):
    def moments(self, live: Live) -> np.ndarray[Any, Any]:
        return super().moments(live)[:0]


class LooksAhead(OverTen):
    def moments(self, live: Live) -> np.ndarray[Any, Any]:
        return super().moments(live)[-1:]


class Unwritable(OverTen):
    def judge(self, live: Live) -> StopDecision | None:
        found = super().judge(live)
        return StopDecision(self.name, found.reason, found.step, {"loss": float("nan")}) if found else None


class Changes(OverTen):
    def judge(self, live: Live) -> StopDecision | None:
        for series in live.history.values():
            series.values.flags.writeable = True
            series.values[:] = 0
        return None


@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        (Fails(), "fails on 'silent'"),
        (EndsSilentJobs(), "ends a job that has logged nothing"),
        (SignsForAnother(), "signs its decision as 'another'"),
        (Forgets(), "which is none of its moments"),
        (LooksAhead(), "other moments up to step"),
        (Unwritable(), "evidence that JSON cannot hold"),
        (Changes(), "changes the curves it is shown"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, StopRule) else "",
)
def test_a_broken_promise_is_named(rule: StopRule, broken: str) -> None:
    with pytest.raises(AssertionError, match=broken):
        check_stop_rule(rule)


def test_a_rule_of_ones_own_is_checked_on_ones_own_jobs() -> None:
    """A promise that the hard curves do not touch is looked for in the jobs that are given."""
    check_stop_rule(OverTen())
    history = History({"x": Series.of([1.0, 2.0, 3.0], [0, 1, 2])})

    class OnX(OverTen):
        def judge(self, live: Live) -> StopDecision | None:
            return StopDecision(self.name, "", 0) if "x" in live.history else None

    with pytest.raises(AssertionError, match="gives no reason"):
        check_stop_rule(OnX(), [Live("mine", history)])
    check_stop_rule(NotFinite(name="n"), [Live("mine", history)])
