"""Stop rules, each as a table of curves and verdicts."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from autoloop.config.settings import load_group
from autoloop.errors import ConfigError
from autoloop.history.series import History, Series
from autoloop.stopping import (
    Behind,
    Explosion,
    Live,
    MetricAtStep,
    NotFinite,
    Rungs,
    StopDecision,
    StopRule,
    build_stop_rules,
    first_stop,
    protected,
)

NAN, INF = math.nan, math.inf
L1 = "eval/l1"


def history(every: int = 100, **metrics: list[float]) -> History:
    """Curves logged every so many steps, the first at ``every``."""
    return History(
        {
            name.replace("__", "/"): Series.of(values, [every * (n + 1) for n in range(len(values))])
            for name, values in metrics.items()
        }
    )


def live(own: History, **fields: Any) -> Live:
    return Live("job", own, **{"objective": L1, **fields})


def of_l1(values: list[float], every: int = 100) -> History:
    return history(every, eval__l1=values)


@pytest.mark.parametrize(
    ("values", "stops"),
    [
        ([1.0, NAN, NAN], True),
        ([1.0, INF, NAN], True),
        ([1.0, NAN], False),  # one may come from a skipped step
        ([NAN, NAN, 1.0], False),  # it came back
        ([1.0, 0.9], False),
        ([], False),
    ],
)
def test_a_loss_that_is_not_finite_ends_a_job(values: list[float], stops: bool) -> None:
    found = NotFinite(name="x").judge(live(history(train__loss=values)))
    assert (found is not None) == stops


def test_only_watched_metrics_have_to_be_finite() -> None:
    assert NotFinite(name="x").judge(live(history(train__extra=[NAN, NAN]))) is None
    assert NotFinite(name="x", metrics="train/*").judge(live(history(train__extra=[NAN, NAN])))


@pytest.mark.parametrize(
    ("values", "stops"),
    [
        ([1e-7] * 4, True),
        ([1e-7] * 3, False),  # one value at step 300 is not enough
        ([0.1, 0.1, 0.1, 1e-9], False),
        ([1e-9, 1e-9, 0.1, 0.1], False),
        ([1e-9, 1e-9, 1e-9, NAN], False),
        ([0.0] * 4, True),
        ([1e-6] * 4, False),  # the limit itself is allowed
    ],
)
def test_the_users_own_rule_ends_a_plan_without_mass_at_step_300(values: list[float], stops: bool) -> None:
    rule = MetricAtStep(name="no_mass", metric="train/ot_pi_sum", step=300, below=1e-6)
    found = rule.judge(live(history(train__ot_pi_sum=values)))
    assert (found is not None) == stops
    if found:
        assert found.reason == f"train/ot_pi_sum is {values[-1]:.3g} at step 400, below 1e-06"
        assert found.evidence["step"] == 400


def test_a_metric_that_is_not_logged_ends_nothing() -> None:
    assert MetricAtStep(name="x", metric="train/other", step=0, above=1).judge(live(of_l1([1.0] * 9))) is None


def test_too_much_ends_a_job_as_well() -> None:
    rule = MetricAtStep(name="x", metric="m", step=100, above=2.0)
    assert rule.judge(live(history(m=[1.0, 3.0, 3.0])))
    assert rule.judge(live(history(m=[1.0, 3.0, 1.0]))) is None


@pytest.mark.parametrize(
    ("values", "stops"),
    [
        ([1.0] * 5 + [200.0] * 3, True),
        ([1.0] * 5 + [INF] * 3, True),
        ([1.0] * 5 + [200.0] * 2, False),
        ([1.0] * 5 + [200.0, 200.0, 50.0], False),
        ([500.0] * 5 + [900.0] * 3, False),  # it started high
        ([0.0] * 5 + [200.0] * 3, False),  # no level to compare with
        ([1.0] * 5 + [NAN] * 3, False),  # another rule's
    ],
)
def test_gradients_that_leave_all_measure_end_a_job(values: list[float], stops: bool) -> None:
    assert (Explosion(name="x").judge(live(history(train__grad_norm=values))) is not None) == stops


PARENT = of_l1([1.0, 0.8, 0.6, 0.5, 0.45, 0.4, 0.38, 0.36, 0.35, 0.35])


@pytest.mark.parametrize(
    ("values", "stops"),
    [
        ([1.0, 1.0, 0.9, 0.8], True),  # 50 % and 60 % behind
        ([1.0, 1.0, 0.9], False),  # one late point is not enough
        ([1.0, 1.0], False),  # too early
        ([1.0, 1.0, 0.63, 0.53], False),  # within 10 %
        ([1.0, 1.0, 1.2, 0.7], False),  # behind, but it catches up: 100 % and 40 %
        ([0.9, 0.7, 0.5, 0.4], False),
        ([1.0, 1.0, NAN, 0.9], False),
    ],
)
def test_a_job_clearly_behind_its_parent_is_ended(values: list[float], stops: bool) -> None:
    found = Behind(name="x").judge(live(of_l1(values), parent=PARENT))
    assert (found is not None) == stops
    if found:
        assert "behind its parent at step 400" in found.reason


def test_the_noise_floor_widens_the_margin() -> None:
    own = of_l1([1.0, 1.0, 0.72, 0.61])  # 20 % and 22 % behind
    rule = Behind(name="x")
    assert rule.judge(live(own, parent=PARENT, margin_pct=3.0))
    assert rule.judge(live(own, parent=PARENT, margin_pct=15.0)) is None


@pytest.mark.parametrize(
    ("parent", "own", "stops"),
    [
        (
            [0.0, 0.008, 0.0, 0.016, 0.008, 0.016, 0.0, 0.008],
            [0.0] * 7,
            False,
        ),  # chance level: 1 of 128 is right
        ([0.1, 0.3, 0.5, 0.6, 0.7, 0.75, 0.78, 0.8], [0.1] * 7, True),
        ([0.1, 0.3, 0.52, 0.6, 0.58, 0.64, 0.61, 0.66], [0.1] * 7, True),  # it jumps, but by far less
    ],
)
def test_a_reference_that_jumps_as_far_as_the_gap_is_ahead_of_nobody(
    parent: list[float], own: list[float], stops: bool
) -> None:
    """An accuracy of a few examples jumps by 100 % between evaluations; so far behind is noise."""
    found = first_stop([Behind(name="x")], live(of_l1(own), parent=of_l1(parent), maximize=True))
    assert (found is not None) == stops


def test_only_steps_that_both_have_are_compared() -> None:
    own = of_l1([1.0] * 20, every=50)
    found = Behind(name="x").judge(live(own, parent=PARENT))
    assert found is not None
    assert found.evidence["step"] == 1000
    assert Behind(name="x").judge(live(of_l1([1.0] * 9, every=37), parent=PARENT)) is None


def test_where_more_is_better_less_is_behind() -> None:
    parent = of_l1([0.2, 0.4, 0.6, 0.8])
    own = of_l1([0.2, 0.3, 0.3, 0.3])
    assert Behind(name="x").judge(live(own, parent=parent, maximize=True))
    assert Behind(name="x").judge(live(parent, parent=own, maximize=True)) is None


def test_a_reference_of_0_is_behind_nobody_and_may_be_far_ahead() -> None:
    """Percent are of the reference's typical size there, and the difference itself is told."""
    parent = of_l1([1.0, 0.5, 0.0, 0.0])
    found = Behind(name="x").judge(live(of_l1([1.0, 1.0, 0.4, 0.4]), parent=parent))
    assert found is not None
    assert found.reason == f"{L1} is 0.4 behind its parent at step 400"
    assert found.evidence["behind"] == "0.4"
    assert Behind(name="x").judge(live(of_l1([1.0, 1.0, 0.01, 0.01]), parent=parent)) is None


def test_a_reward_of_either_sign_is_behind_by_the_size_it_typically_has() -> None:
    parent = of_l1([-200.0, -100.0, 1.0, 150.0])
    rule = Behind(name="x", points=1)
    assert rule.judge(live(of_l1([-200.0, -150.0, -5.0]), parent=parent, maximize=True)) is None
    assert rule.judge(live(of_l1([-200.0, -150.0, -90.0]), parent=parent, maximize=True))


def test_the_best_trial_is_a_reference_too() -> None:
    own = of_l1([1.0, 1.0, 0.9, 0.8])
    rule = Behind(name="x", against="best")
    assert rule.judge(live(own, parent=PARENT)) is None
    found = rule.judge(live(own, best=PARENT))
    assert found is not None
    assert "behind the best trial" in found.reason


LEVELS = [n / 10 for n in range(1, 9)]
FIELD = [of_l1([level] * 10)[L1] for level in LEVELS]  # of 9 with the job itself the best 3 go on


def among(values: list[float], ended: Sequence[Series] = FIELD, **fields: Any) -> Live:
    """A job beside eight that ended, of which the first is the best; each has ten evaluations."""
    return live(of_l1(values), best=History({L1: FIELD[0]}), ended=ended, **fields)


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ([0.25] * 10, None),  # third
        ([0.35] * 10, 200),  # fourth
        ([0.35], None),
        ([0.9, 0.15, 0.9, 0.9, 0.35, 0.9], 500),  # behind at the second rung
        ([0.9, 0.15, 0.9, 0.9, 0.15, 0.9], None),  # behind between the rungs only
        ([0.3] * 10, None),  # of equals both go on
        ([INF, NAN, INF, 0.1, 0.1, NAN], None),  # another rule's
        ([], None),
    ],
)
def test_at_a_rung_only_the_best_third_goes_on(values: list[float], step: int | None) -> None:
    found = first_stop([Rungs(name="x")], among(values))
    assert (found.step if found else None) == step
    if found:
        assert found.evidence["kept"] == 3
        assert found.reason.startswith(f"{L1} is number {found.evidence['place']} of 9 at step {step}")


@pytest.mark.parametrize("share", [0.5, 0.7, 1.0])
def test_a_rung_decides_the_same_whenever_the_job_is_looked_at(share: float) -> None:
    values = [0.05, 0.15] + [0.9] * 8
    found = first_stop([Rungs(name="x")], among(values[: int(10 * share)]))
    assert found is not None
    assert found.step == 500


def test_a_stopped_trial_counts_at_the_rungs_it_came_to() -> None:
    stopped = [series.until(200) for series in FIELD[1:]]
    ended = [FIELD[0], *stopped]
    assert first_stop([Rungs(name="x")], among([0.35] * 10, ended)).step == 200  # type: ignore[union-attr]
    assert first_stop([Rungs(name="x")], among([0.05, 0.15] + [0.9] * 8, ended)) is None  # one other at 500


def test_two_evaluations_are_due_to_any_job() -> None:
    assert first_stop([Rungs(name="x", at=0.1)], among([0.9])) is None
    assert first_stop([Rungs(name="x", at=0.1)], among([0.9, 0.9])).step == 200  # type: ignore[union-attr]


def test_with_few_others_no_rung_decides() -> None:
    assert first_stop([Rungs(name="x", least=3)], among([0.95] * 10, FIELD[:3])) is not None
    assert first_stop([Rungs(name="x", least=3)], among([0.95] * 10, FIELD[:2])) is None
    assert first_stop([Rungs(name="x")], live(of_l1([0.95] * 10), ended=FIELD)) is None  # none completed


def test_places_do_not_depend_on_the_scale_and_more_may_be_better() -> None:
    def scaled(series: Series) -> Series:
        return Series(series.steps, 1e-9 - 5e-12 * series.values)

    best = History({L1: scaled(FIELD[0])})
    for values, stops in (([0.25] * 10, False), ([0.35] * 10, True)):
        own = History({L1: scaled(of_l1(values)[L1])})
        view = live(own, best=best, ended=[scaled(one) for one in FIELD], maximize=True)
        assert (first_stop([Rungs(name="x")], view) is not None) == stops


@pytest.mark.parametrize("count", [1, 2])
def test_an_objective_of_one_or_two_evaluations_ends_no_job_at_a_rung(count: int) -> None:
    ended = [of_l1([level] * count, every=1000 // count)[L1] for level in LEVELS]
    own = of_l1([0.95] * count, every=1000 // count)
    assert first_stop([Rungs(name="x")], live(own, best=History({L1: ended[0]}), ended=ended)) is None


class Anything(StopRule):
    """An outside author's rule, which says nothing of the steps it looks at."""

    name = "anything"

    def judge(self, live: Live) -> StopDecision | None:
        step = max(int(series.steps[-1]) for series in live.history.values())
        return StopDecision(self.name, "no job is worth it", step)


EXPLODED = live(
    history(train__grad_norm=[1.0] * 5 + [1e9] * 3, eval__l1=[9.0] * 8), parent=PARENT, best=PARENT
)


def test_spared_jobs_are_ended_only_by_rules_that_spare_none() -> None:
    rules = [Behind(name="behind"), Explosion(name="exploded")]
    assert _name(first_stop(rules, EXPLODED)) == "behind"
    assert _name(first_stop(rules, EXPLODED, lambda step: True)) == "exploded"
    assert first_stop(rules[:1], EXPLODED, lambda step: True) is None


def test_a_job_that_was_safe_is_ended_once_it_is_so_no_more() -> None:
    found = first_stop([Behind(name="x")], EXPLODED, lambda step: step < 700)
    assert found is not None
    assert found.step == 700


@pytest.mark.parametrize(
    ("rule", "metric", "values", "step"),
    [
        (NotFinite(name="x"), "train__loss", [1.0, NAN, NAN, NAN, NAN], 300),
        (NotFinite(name="x"), "train__loss", [1.0, NAN, NAN, 1.0, 1.0], 300),
        (Explosion(name="x"), "train__grad_norm", [1.0] * 5 + [200.0] * 5, 800),
        (Explosion(name="x"), "train__grad_norm", [1.0] * 5 + [200.0] * 3 + [1.0], 800),
        (MetricAtStep(name="x", metric="m", step=300, below=1e-6), "m", [0.0] * 9, 400),
        (MetricAtStep(name="x", metric="m", step=300, below=1e-6), "m", [0.0] * 4 + [0.1], 400),
        (Behind(name="x"), "eval__l1", [1.0] * 9, 400),
        (Behind(name="x"), "eval__l1", [1.0] * 5 + [0.1], 400),
        (Behind(name="x"), "eval__l1", [1.0, 0.8, 0.6, 0.5], None),
        (Anything(), "eval__l1", [1.0] * 3, 100),
    ],
)
def test_a_job_is_ended_at_the_first_step_whenever_it_is_looked_at(
    rule: StopRule, metric: str, values: list[float], step: int | None
) -> None:
    """The answer is the same for every longer curve: what came after the step does not count."""
    looks = [
        first_stop([rule], live(history(**{metric: values[:count]}), parent=PARENT))
        for count in range(len(values) + 1)
    ]
    found = {look.step for look in looks if look is not None}
    assert found == (set() if step is None else {step})
    assert (looks[-1] is None) == (step is None)
    if step is not None:
        assert [look is not None for look in looks] == [count >= step // 100 for count in range(len(looks))]
        assert len({str(look) for look in looks if look is not None}) == 1


def test_of_two_rules_the_one_that_fires_first_on_the_curve_has_its_way() -> None:
    own = history(train__ot_pi_sum=[0.0] * 9, train__loss=[1.0, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN])
    rules = [
        MetricAtStep(name="no_mass", metric="train/ot_pi_sum", step=300, below=1e-6),
        NotFinite(name="nan"),
    ]
    assert _name(first_stop(rules, live(own))) == "nan"


def _name(found: StopDecision | None) -> str:
    return found.rule if found else ""


def test_a_rule_that_fails_is_told_and_ends_nothing() -> None:
    class Broken(StopRule):
        name = "broken"

        def judge(self, live: Live) -> StopDecision | None:
            raise KeyError("oops")

    told: list[str] = []
    found = first_stop(
        [Broken(), Explosion(name="exploded")],
        EXPLODED,
        failed=lambda rule, error: told.append(f"{rule.name} {error}"),
    )
    assert _name(found) == "exploded"
    assert told == ["broken 'oops'"]


@pytest.mark.parametrize(("top", "expected"), [(0, False), (1, False), (2, True), (3, True)])
def test_the_best_jobs_at_a_step_are_protected(top: int, expected: bool) -> None:
    own = Series.of([1.0, 0.5], [100, 200])
    others = [
        Series.of([1.0, 0.4], [100, 200]),  # better
        Series.of([1.0, 0.9, 0.1], [100, 200, 300]),  # better later, not here
        Series.of([0.1], [500]),  # has no value here yet
    ]
    assert protected(own, others, top, maximize=False) == expected


def test_a_job_without_a_finite_value_is_not_protected() -> None:
    assert not protected(None, [], 3, maximize=False)
    assert not protected(
        Series.of([0.1]), [Series.of([0.5], [9])], 3, maximize=False
    )  # nobody to compare with
    assert not protected(Series.of([NAN]), [], 3, maximize=False)


@pytest.mark.parametrize("name", ["none", "general", "act_ot", "thrifty"])
def test_the_shipped_sets_can_be_built_and_survive_hard_curves(name: str) -> None:
    rules = build_stop_rules(load_group("stop_rules", name))
    assert bool(rules) == (name != "none")
    curves: list[list[float]] = [
        [],
        [0.5],
        [NAN] * 9,
        [INF] * 9,
        [0.0] * 9,
        [1e300] * 9,
        [1e-300] * 9,
        [0.5] * 9,
    ]
    metrics = ("train__loss", "train__grad_norm", "train__ot_pi_sum", "eval__l1")
    for own in curves:
        for other in curves:
            ended = [of_l1(other)[L1]] * 3
            curves_of = {"parent": of_l1(other), "best": of_l1(other), "ended": ended}
            view = live(history(**dict.fromkeys(metrics, own)), **curves_of)
            with np.errstate(all="ignore"):
                for rule in rules:
                    found = rule.judge(view)
                    assert found is None or json.dumps(dict(found.evidence), allow_nan=False)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"x": {"_target_": "autoloop.stopping.Behnd"}}, "did you mean 'Behind'"),
        ({"x": {"_target_": "autoloop.stopping.Behind", "against": "paren"}}, "did you mean 'parent'"),
        (
            {"x": {"_target_": "autoloop.stopping.MetricAtStep", "metric": "m", "step": 1}},
            "one of below and above",
        ),
        ({"x": {"_target_": "autoloop.rules.Fallback", "edits": ["a@set=1"]}}, "not a StopRule class"),
        ({"x": {"_target_": "autoloop.stopping.Rungs", "at": [0.5, 0.2]}}, "ascending shares below 1"),
        ({"x": {"_target_": "autoloop.stopping.Rungs", "at": 1.0}}, "ascending shares below 1"),
        (["x"], "must map"),
    ],
)
def test_a_stop_rule_that_cannot_be_used_is_told(config: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_stop_rules(config)


def test_null_switches_a_rule_off() -> None:
    assert build_stop_rules({"x": None}) == []
