"""Of a very long study a decision looks at no more than of a shorter one, and at what tells the most."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from autoloop.config.settings import Settings
from autoloop.curves.metrics import Metrics
from autoloop.edits import change
from autoloop.edits.variants import Variant, signature
from autoloop.loop import telling as module
from autoloop.loop.filling import Derived
from autoloop.loop.steps import Limits
from autoloop.loop.telling import telling
from autoloop.rules import Fallback
from autoloop.runner.planning import Planner
from autoloop.strategies import MixedStrategy
from autoloop.study.events import read_event
from autoloop.study.record import Job, Study
from tests.helpers.studies import replay, round_event, study_event, trial_event, variant_entry

WIDTH = 20


def _job(number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A job of a study that goes down and up again, every seventh of which fails, and its end."""
    lr = 1e-3 * 1.02 ** ((number * 37) % 100)
    config = {"lr": lr, "wd": 0.1 if number % 50 else 0.2, "seed": 1}
    entry = variant_entry(
        number,
        f"v{number}",
        reason="drawn",
        rule="sample" if number else "baseline",
        parent="v0" if number else None,
        edits=[f"lr@set={lr}"] if number % 50 else ["wd@set=0.2"] if number else [],
        overrides=[json.dumps(config)],
        signature=signature(config),
        changes=[["lr", 1e-3, lr]] if number else [],
    )
    fails = number % 7 == 6
    return entry, trial_event(number, "FAILED" if fails else "COMPLETE", abs(lr - 0.002))


def _study(rounds: int) -> Study:
    events = [study_event()]
    for number in range(1, rounds + 1):
        jobs = [_job(job) for job in range((number - 1) * WIDTH, number * WIDTH)]
        events += [round_event(number, *(entry for entry, _ in jobs)), *(ended for _, ended in jobs)]
    return replay(events)


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Studies are very long with 100 jobs."""
    for name, value in {"OPEN": 100, "BEST": 24, "OTHERS": 24, "LATEST": 12}.items():
        monkeypatch.setattr(module, name, value)


def _told(study: Study) -> list[Job]:
    ended = [job for job in study.counted() if job.state is not None]
    return telling(ended, {}, {}, maximize=False)


@pytest.mark.usefixtures("_short")
def test_all_of_a_short_study_and_of_a_long_one_what_tells_the_most() -> None:
    assert len(_told(_study(5))) == 100
    study = _study(20)
    found = {job.job for job in _told(study)}
    known = sorted((job for job in study.counted() if job.known), key=lambda job: job.objective)
    failed = [job.job for job in study.counted() if not job.known]
    assert len(found) <= 100
    assert {job.job for job in known[:24]} <= found, "the best"
    assert {*failed[-12:], *range(388, 400)} <= found, "what failed last, what ended last"
    assert {0, 1, 50} <= found, "the baseline, and the first that edited each knob"
    assert any(job.job in found for job in known[-20:]), "some of the worst"


class _Composer:
    """Composes a config from one override, its JSON, and counts how often."""

    def __init__(self) -> None:
        self.bounds: dict[str, Any] = {}
        self.composed: Counter[str] = Counter()

    def config(self, overrides: Sequence[str]) -> dict[str, Any]:
        self.composed[overrides[0]] += 1
        loaded: dict[str, Any] = json.loads(overrides[0])
        return loaded

    def derive(self, parent: Variant, edits: Sequence[str]) -> Derived:
        changed = change(list(edits), parent.config, self.bounds)
        overrides = (json.dumps(changed.config),)
        return Derived(changed.config, overrides, signature(changed.config), changed.changes, changed.notes)


def _planner(tmp_path: Path) -> Planner:
    rules = (Fallback(name="step", edits=["lr@mul=0.99"]),)
    strategy = MixedStrategy(size=4, space={"lr": [1e-5, 1.0], "wd": [0.0, 1.0]})
    settings = Settings(Limits(rounds=99), rules, strategy, Metrics(objective="loss"), {})
    return Planner(settings, _Composer(), tmp_path)  # type: ignore[arg-type]


@pytest.mark.parametrize("rounds", [4, 20])
@pytest.mark.usefixtures("_short")
def test_a_trial_is_composed_once_however_often_rounds_are_filled(rounds: int, tmp_path: Path) -> None:
    """The first plan looks at each trial that tells something; the next, for a free place, at none."""
    study, planner = _study(rounds), _planner(tmp_path)
    composed: Counter[str] = planner._composer.composed  # type: ignore[attr-defined]
    assert planner.next(study, rounds + 1, 4).variants
    start = next(iter(study.counted())).plan.overrides[0]
    looked_at = composed.total() - composed[start]
    assert looked_at <= 3 * min(100, len(study.jobs)), "a few values of each trial, once"
    composed.clear()
    assert planner.next(study, rounds + 1, 1).variants
    assert composed.keys() <= {start}


@pytest.mark.usefixtures("_short")
def test_a_very_long_study_gets_new_points_with_every_trial(tmp_path: Path) -> None:
    """The sampler goes on behind all trials, not behind those that it is shown."""
    planner = _planner(tmp_path)
    found = [
        tuple(variant.edits for variant in planner.next(_study(rounds), rounds + 1, 4).variants)
        for rounds in (10, 11, 12)
    ]
    assert len({edits for round_ in found for edits in round_}) == sum(map(len, found))


def test_a_study_keeps_answers_only_until_something_happens() -> None:
    study = _study(1)
    assert study.once("jobs", lambda: len(study.jobs)) == WIDTH
    before = study.copy()
    entry, ended = _job(WIDTH)
    for event in (round_event(2, entry), ended):
        study.record(read_event(event))
    assert study.once("jobs", lambda: len(study.jobs)) == WIDTH + 1
    assert before.once("jobs", lambda: len(before.jobs)) == WIDTH
