"""Checks and builders for authors of rules, stop rules, strategies and launchers.

    def test_my_rule():
        check_rule(MyRule(name="mine"))

`check_rule`, `check_stop_rule`, `check_strategy`, `check_sampler` and `check_launcher` raise AssertionError
with a sentence that says what was promised and not kept. `trial` makes a finished trial in one line;
`hard_trials` are the ones that real studies contain and that rules stumble over.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from autoloop.curves.summary import MetricSummary
from autoloop.edits import parse_edit
from autoloop.edits.variants import Variant
from autoloop.engine.conformance import check_launcher as check_launcher
from autoloop.errors import AutoloopError
from autoloop.history.series import History
from autoloop.rules import checks
from autoloop.rules.base import Decision, Outlook, Rule
from autoloop.stopping import Live, StopRule, conformance
from autoloop.strategies.base import Foresight, Opening, Situation, Strategy
from autoloop.strategies.conformance import check_sampler as check_sampler
from autoloop.study.trials import Trial, TrialState

METRICS = (
    "train/loss",
    "train/l1_loss",
    "train/grad_norm",
    "train/ot_pi_sum",
    "train/ot_log_pi_sum",
    "train/ot_cost/img_third_person",
    "eval/loss",
    "eval/offline_eval/avg_l1",
)


def trial(
    name: str = "job",
    *,
    history: Mapping[str, Sequence[float]] | None = None,
    config: Mapping[str, Any] | None = None,
    state: str | TrialState = TrialState.COMPLETE,
    objective: float = math.nan,
    error: str = "",
    summary: Mapping[str, MetricSummary] | None = None,
    steps: Sequence[int] | None = None,
    job: int = 0,
    round: int = 1,
    stopping: Mapping[str, Any] | None = None,
    **variant: Any,
) -> Trial:
    """Make a finished trial.

    Args:
        name: Its name.
        history: Metric -> values.
        config: Its resolved config.
        state: How its job ended.
        objective: Value of its objective.
        error: Why it did not complete.
        summary: Metric -> summary, for trials whose curves are gone.
        steps: Steps of all curves; 0, 1, 2 ... unless given.
        job: Number of its job.
        round: Number of its round.
        stopping: What a stop rule said where it ended the job.
        **variant: Further fields of its variant: ``parent``, ``rule``, ``edits``, ``changes`` ...
    """
    about: dict[str, Any] = {
        "name": name,
        "edits": (),
        "parent": None,
        "rule": "",
        "reason": "made for a test",
        "evidence": {},
        "expects": "",
        "overrides": (),
        "config": dict(config or {}),
        "signature": name,
    }
    return Trial(
        variant=Variant(**{**about, **variant}),
        job=job,
        round=round,
        run_dir=str(job),
        state=TrialState(state),
        objective=objective,
        summary=dict(summary or {}),
        history=History.from_values(history or {}, steps),
        error=error,
        stopping=dict(stopping or {}),
    )


def hard_trials(metrics: Sequence[str] = METRICS, config: Mapping[str, Any] | None = None) -> list[Trial]:
    """Return trials that rules stumble over: without curves, one point, NaN, Inf, zeros, failed jobs.

    Args:
        metrics: Metrics to log; name those your rule reads.
        config: Config of the trials.
    """
    curves: dict[str, list[float]] = {
        "no_points": [],
        "one_point": [0.5],
        "two_points": [0.5, 0.4],
        "zeros": [0.0] * 40,
        "constant": [0.5] * 40,
        "falling": [1 / (1 + i) for i in range(40)],
        "rising": [0.1 * 1.3**i for i in range(40)],
        "tiny": [1e-300 * 0.5**i for i in range(40)],
        "huge": [1e300] * 40,
        "negative": [-1.0 - i for i in range(40)],
        "all_nan": [math.nan] * 40,
        "nan_at_the_end": [0.5] * 20 + [math.nan] * 20,
        "inf_at_the_end": [0.5] * 39 + [math.inf],
        "nan_in_the_middle": [0.5] * 20 + [math.nan] + [0.4] * 20,
    }
    trials = [
        trial(name, history=dict.fromkeys(metrics, values), config=config, objective=0.5)
        for name, values in curves.items()
    ]
    trials.append(trial("no_metrics", config=config))
    trials += [
        trial(
            f"ended_{state.value}",
            history={metrics[0]: [0.5]},
            config=config,
            state=state,
            error="out of memory",
        )
        for state in TrialState
        if state is not TrialState.COMPLETE
    ]
    trials.append(trial("no_config", history=dict.fromkeys(metrics, curves["falling"])))
    trials.append(trial("lost_parent", config=config, parent="gone", objective=0.5))
    trials.append(
        trial("worse", config=config, parent="constant", objective=0.9, changes=(("lr", 0.1, 0.2),), round=2)
    )
    return [replace(one, job=number) for number, one in enumerate(trials)]


def check_rule(rule: Rule, trials: Sequence[Trial] = ()) -> None:
    """Check that a rule keeps what the loop builds on.

    For each of `hard_trials` and of ``trials`` it must return a `Decision` of its name about that trial, with
    a reason, edits that can be read, evidence that JSON can hold, and the same one when asked again or when
    the trials stand in another order; and it must change nothing it was shown. What it foresees for a
    config must hold: where it foresees edits, those it makes change no other paths, and only a rule that
    foresees the last word takes it.

    Args:
        rule: The rule, as configured.
        trials: More trials, such as some on which it should fire.

    Raises:
        AssertionError: It breaks one of these promises.
    """
    every = [*hard_trials(), *trials]
    known = {one.name: one for one in every}
    for one in every:
        before = _picture(known)
        decision = _decide(rule, one, known)
        _check_decision(rule, one, decision, known)
        _check_outlook(rule, one, decision)
        again = _decide(rule, one, dict(reversed(known.items())))
        _promise(decision == again, rule.name, one.name, "gives another decision when it is asked again")
        _promise(before == _picture(known), rule.name, one.name, "changes the trials it is shown")


def check_stop_rule(rule: StopRule, jobs: Sequence[Live] = ()) -> None:
    """Check that a stop rule keeps what the loop builds on.

    It is asked about the curves of each of `hard_trials`, alone and beside a parent, a best trial and trials
    that ended, and about each of ``jobs``, at every step that was logged. It must return None or a
    `StopDecision` of its name with a reason and evidence that JSON can hold, and the same one when asked
    again. The step at which it ends a job must be among its ``moments``, which must not change as the job
    goes on. It must let a job run that has logged nothing, say which jobs it ends, and change nothing
    it was shown.

    Args:
        rule: The stop rule, as configured.
        jobs: More running jobs, such as some that it should end.

    Raises:
        AssertionError: It breaks one of these promises.
    """
    curves = {one.name: one.history for one in hard_trials()}
    beside = curves["falling"]
    alone = [Live(name, history, objective=METRICS[-1]) for name, history in curves.items()]
    ended = [beside[METRICS[-1]], curves["constant"][METRICS[-1]]]
    compared = [replace(live, parent=beside, best=beside, ended=ended) for live in alone]
    conformance.check(rule, [*alone, *compared, *jobs])


def check_strategy(strategy: Strategy) -> None:
    """Check that a strategy keeps what the loop builds on.

    In an empty round, one where every job failed, one where no rule fired, one where several did, one where
    variants of the user's wait, and one that has begun and has a single place, it must return decisions with
    edits on finished trials, none twice, the same ones when asked again, with every variant that waits among
    them, and change nothing it was shown.
    What it adds to round 1 must be decisions with edits on the baseline, the same ones when asked again, and
    what it foresees must be a `Foresight`, the same when asked again.

    Raises:
        AssertionError: It breaks one of these promises.
    """
    name = type(strategy).__name__
    for label, situation in _situations().items():
        before = _picture(situation.trials)
        proposals = strategy.propose(situation)
        _check_proposals(proposals, situation.trials, name, label)
        left_out = [one for one in situation.waiting if one not in proposals]
        _promise(not left_out, name, label, "leaves out a variant that waits in the queue")
        _promise(proposals == strategy.propose(situation), name, label, "proposes otherwise when asked again")
        _promise(before == _picture(situation.trials), name, label, "changes the trials it is shown")
    for planned, slots in ((1, None), (3, 4), (5, 4)):
        opening = Opening(_CHECKED.variant, planned, slots=slots, bounds=_BOUNDS)
        label, added = f"round 1 of {planned} jobs on {slots} slots", strategy.open(opening)
        _check_proposals(added, {_CHECKED.name: _CHECKED}, name, label)
        _promise(added == strategy.open(opening), name, label, "proposes otherwise when asked again")
        seen = strategy.foresee(opening)
        _promise(isinstance(seen, Foresight), name, label, f"foresees {type(seen).__name__}")
        _promise(seen == strategy.foresee(opening), name, label, "foresees something else when asked again")


def _check_proposals(proposals: object, trials: Mapping[str, Trial], name: str, label: str) -> None:
    """Check what each call of a strategy must return."""
    if not isinstance(proposals, list):
        raise AssertionError(f"{name!r} on {label!r}: it does not return a list")
    for one in proposals:
        _promise(isinstance(one, Decision), name, label, f"proposes {one!r}, which is no Decision")
        _promise(one.fired, name, label, "proposes a child without edits")
        _promise(one.trial in trials, name, label, f"wants a child of {one.trial!r}")
    keys = [(one.trial, one.edits) for one in proposals]
    _promise(len(keys) == len(set(keys)), name, label, "proposes the same child twice")


_BOUNDS = {"lr": (1e-4, 1.0), "batch_size": (1.0, 64.0)}
_CHECKED = trial("good0", config={"lr": 0.01, "batch_size": 8}, objective=0.0)


def _situations() -> dict[str, Situation]:
    config, curve = _CHECKED.variant.config, {"train/loss": [1.0, 0.5]}
    good = [trial(f"good{i}", history=curve, config=config, objective=0.1 * i, job=i) for i in range(3)]
    bad = [trial(f"bad{i}", config=config, state=TrialState.FAILED, error="exit code 1") for i in range(3)]
    silent = [Decision("quiet", one.name, "nothing to say") for one in good]
    loud = [
        Decision(rule, one.name, "it may help", edits=(f"lr@mul={factor}",))
        for one in good
        for rule, factor in (("a", 2), ("b", 3), ("c", 2))
    ]
    wanted = [Decision("queue", "good0", "asked for", edits=(f"lr@set={value}",)) for value in (0.3, 0.5)]
    rounds: dict[str, tuple[list[Trial], list[Decision], list[Decision]]] = {
        "an empty round": ([], [], []),
        "all failed": (bad, [Decision("quiet", one.name, "it failed") for one in bad], []),
        "no rule fired": (good, silent, []),
        "several fired": (good, loud, []),
        "variants wait": (good, loud, wanted),
    }
    situations = {
        label: Situation(
            finished,
            {one.name: one for one in finished},
            decisions,
            round=2,
            waiting=waiting,
            bounds=_BOUNDS,
            opened=len(finished),
        )
        for label, (finished, decisions, waiting) in rounds.items()
    }
    begun = replace(situations["several fired"], planned=("a", "sample"), begun=2, places=1)
    return {**situations, "one place is free": begun}


def _decide(rule: Rule, one: Trial, known: Mapping[str, Trial]) -> Decision:
    try:
        return rule.decide(one, known)
    except Exception as error:
        raise AssertionError(
            f"{rule.name!r} fails on {one.name!r}: {type(error).__name__}: {error}"
        ) from error


def _check_decision(rule: Rule, one: Trial, decision: Decision, known: Mapping[str, Trial]) -> None:
    _promise(isinstance(decision, Decision), rule.name, one.name, f"returns {type(decision).__name__}")
    _promise(decision.rule == rule.name, rule.name, one.name, f"signs its decision as {decision.rule!r}")
    _promise(decision.judged == one.name, rule.name, one.name, f"speaks of {decision.judged!r}")
    _promise(decision.trial in known, rule.name, one.name, f"wants a child of unknown {decision.trial!r}")
    try:
        json.dumps(decision.evidence, allow_nan=False)
        if decision.fired:
            checks.edits(rule.name, decision.edits)
    except (AutoloopError, TypeError, ValueError) as error:
        raise AssertionError(f"{rule.name!r} on {one.name!r} gives what cannot be used: {error}") from error


def _check_outlook(rule: Rule, one: Trial, decision: Decision) -> None:
    """Compare what the rule decided with what it foresees for the trial's config."""
    config = copy.deepcopy(dict(one.variant.config))
    seen = rule.foresee(config)
    where = (rule.name, one.name)
    _promise(isinstance(seen, Outlook), *where, f"foresees {type(seen).__name__}")
    _promise(seen == rule.foresee(config), *where, "foresees something else when it is asked again")
    _promise(config == one.variant.config, *where, "changes the config it is shown")
    _promise(seen.final or not decision.final, *where, "takes the last word without having foreseen it")
    try:
        foreseen = {parse_edit(edit).path for edit in seen.edits}
        made = {parse_edit(edit).path for edit in decision.edits}
    except AutoloopError as error:
        raise AssertionError(f"{rule.name!r} foresees what cannot be used: {error}") from error
    surprise = ", ".join(sorted(made - foreseen))
    _promise(not foreseen or not surprise, *where, f"changes {surprise}, which it does not foresee")


def _picture(trials: Mapping[str, Trial]) -> list[Any]:
    """Return a copy of everything a rule could change."""
    return [
        (
            copy.deepcopy(one.variant.config),
            {metric: (s.steps.tobytes(), s.values.tobytes()) for metric, s in one.history.items()},
            copy.deepcopy(dict(one.summary)),
        )
        for one in trials.values()
    ]


def _promise(kept: bool, who: str, where: str, broken: str) -> None:
    if not kept:
        raise AssertionError(f"{who!r} on {where!r}: it {broken}")
