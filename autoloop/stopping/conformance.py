"""What a study builds on in a stop rule, checked for its author; see `autoloop.testing.check_stop_rule`."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable

import numpy as np

from autoloop.history.series import History
from autoloop.stopping.base import Live, StopDecision, StopRule


def check(rule: StopRule, jobs: Iterable[Live]) -> None:
    """Check a stop rule on running jobs.

    Raises:
        AssertionError: It breaks a promise; the message says which, and on which job.
    """
    if not rule.condition().strip():
        raise AssertionError(f"{rule.name!r}: it does not say which jobs it ends")
    if _judged(rule, Live("silent", History({}))) is not None:
        raise AssertionError(f"{rule.name!r}: it ends a job that has logged nothing")
    for live in jobs:
        before = _picture(live)
        _check_moments(rule, live)
        _promise(before == _picture(live), rule, live, "changes the curves it is shown")


def _check_moments(rule: StopRule, live: Live) -> None:
    """Look at the job as it was at each step it logged at."""
    logged = {int(step) for series in live.history.values() for step in series.steps}
    moments = [int(step) for step in rule.moments(live)]
    _promise(moments == sorted(set(moments)), rule, live, "gives moments that do not ascend")
    _promise(logged.issuperset(moments), rule, live, "gives a moment at which nothing was logged")
    for step in sorted(logged):
        at = live.until(step)
        now = [int(one) for one in rule.moments(at)]
        past = [one for one in moments if one <= step]
        _promise(now == past, rule, live, f"gives other moments up to step {step} once the job has gone on")
        decision = _judged(rule, at)
        if decision is not None:
            _check_decision(rule, at, decision, moments)
        _promise(decision == _judged(rule, at), rule, live, "decides otherwise when it is asked again")


def _judged(rule: StopRule, live: Live) -> StopDecision | None:
    try:
        return rule.judge(live)
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        raise AssertionError(f"{rule.name!r} fails on {live.name!r}: {message}") from error


def _check_decision(rule: StopRule, live: Live, decision: StopDecision, moments: Collection[int]) -> None:
    _promise(isinstance(decision, StopDecision), rule, live, f"returns {type(decision).__name__}")
    _promise(decision.rule == rule.name, rule, live, f"signs its decision as {decision.rule!r}")
    _promise(bool(decision.reason.strip()), rule, live, "gives no reason")
    known = decision.step in moments
    _promise(known, rule, live, f"ends it at step {decision.step}, which is none of its moments")
    try:
        json.dumps(decision.evidence, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AssertionError(
            f"{rule.name!r} on {live.name!r}: evidence that JSON cannot hold: {error}"
        ) from error


def _picture(live: Live) -> list[tuple[str, bytes, bytes]]:
    """A copy of everything a rule could change."""
    histories = (live.history, live.parent, live.best)
    series = [(name, one) for history in histories for name, one in history.items()]
    series += [("", one) for one in live.ended]
    return [(name, np.asarray(one.steps).tobytes(), np.asarray(one.values).tobytes()) for name, one in series]


def _promise(kept: bool, rule: StopRule, live: Live, broken: str) -> None:
    if not kept:
        raise AssertionError(f"{rule.name!r} on {live.name!r}: it {broken}")
