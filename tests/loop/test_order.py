"""Whatever ends first, fails once or is killed: what a study decides follows from its results alone."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from autoloop.config.settings import Settings
from autoloop.curves.metrics import Metrics
from autoloop.edits import change
from autoloop.edits.variants import Variant, signature
from autoloop.history.series import History, Series
from autoloop.loop.due import Decide, Limits, PlanRound, Requeue, Run, Stop, next_step
from autoloop.loop.filling import Derived, Round, add_repeats
from autoloop.rules import BackToParent, Fallback, MetricChange, NonFinite, judge
from autoloop.runner.plan import Points
from autoloop.runner.planning import Planner
from autoloop.store.journal import recorded
from autoloop.strategies import Strategy
from autoloop.strategies.mixed import MixedStrategy
from autoloop.strategies.rules import RulesStrategy
from autoloop.study.events import read_event
from autoloop.study.record import Job, Plan, Study
from autoloop.study.schedule import job_numbers

SLOTS = 3
LIMITS = Limits(rounds=4, max_jobs=17, retries=1)
START: dict[str, Any] = {"x": 2.0, "steps": 100, "seed": 0}
NAMED = ("x@mul=2", "x@mul=0.5", "steps@mul=4", "x@set=-1")
RULES = (
    NonFinite(name="non_finite", edits=["x@set=0.1"]),
    BackToParent(name="back", worse_by_pct=1.0),
    MetricChange(
        name="slow",
        metric="loss",
        fell_less_than_pct=70,
        span="first_last",
        min_points=3,
        edits=["steps@mul=2"],
    ),
    Fallback(name="step", edits=["x@mul=0.9"]),
)


class JsonComposer:
    """Composes a config from one override: its JSON."""

    def config(self, overrides: Sequence[str]) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(overrides[0])
        return loaded

    def derive(self, parent: Variant, edits: Sequence[str]) -> Derived:
        changed = change(list(edits), parent.config)
        overrides = (json.dumps(changed.config),)
        return Derived(changed.config, overrides, signature(changed.config), changed.changes, changed.notes)


def train(config: Mapping[str, Any]) -> History:
    """Curves of a job; several configs have equal results, and x below 0 diverges."""
    end = math.nan if config["x"] < 0 else round(abs(config["x"] - 1), 1) + 0.1
    curve = Series([0, 1, 2], [3.0, 2.0, end])
    return History({"loss": curve})


class Machine:
    """Runs a study in memory, on a machine that ends jobs in any order and spares none."""

    def __init__(self, strategy: Strategy, seed: int | None) -> None:
        self.chance = random.Random(seed)
        self.disturbed = seed is not None
        self.clock = 0.0
        self.study = Study()
        settings = Settings(LIMITS, RULES, strategy, Metrics(objective="loss"), {})
        self.planner = Planner(settings, JsonComposer(), Path(), lambda: SLOTS)

    def run(self) -> Study:
        """Run the study to its end."""
        self.record("study", objective={"metric": "loss", "goal": "min", "stat": "last"})
        while not isinstance(step := next_step(self.study, LIMITS), Stop):
            if isinstance(step, Run):
                self.start(step.jobs[0])
            elif isinstance(step, Requeue):
                self.record("requeue", job=self.study.next_job, of=step.job.job)
            elif isinstance(step, Decide):
                self.decide(step.round)
            elif isinstance(step, PlanRound) and not self.plan(step.round):
                break
            while self.study.running() and not self.has_room():
                self.end_one()
        return self.study

    def has_room(self) -> bool:
        """Whether another job is to start before one ends."""
        return len(self.study.running()) < SLOTS and isinstance(next_step(self.study, LIMITS), Run | Requeue)

    def first(self) -> Round:
        start = Variant(
            "baseline", (), None, "baseline", "start", {}, "", (json.dumps(START),), START, signature(START)
        )
        named = [replace(start, name=f"v{n}", edits=(edit,), rule="variants") for n, edit in enumerate(NAMED)]
        planned = self.planner.first(Points((), (start,), tuple(named)))
        add_repeats(planned, start, "seed", [1, 2], "noise", JsonComposer().derive)
        return planned

    def plan(self, number: int) -> bool:
        planned = self.first() if number == 1 else self.planner.next(self.study, number)
        jobs = job_numbers(self.study, planned.variants)
        entries = [
            {"job": jobs[one.name], **{name: getattr(one, name) for name in Plan.__dataclass_fields__}}
            for one in planned.variants
        ]
        refused = [asdict(refusal) for refusal in planned.refused]
        self.record("round", round=number, variants=entries, refused=refused)
        return bool(entries)

    def start(self, job: Job) -> None:
        self.record("job", job=job.job, run_dir=str(job.job), slot=0)

    def end_one(self) -> None:
        """End any running job; or, of a machine that disturbs, one before its time, or all of them."""
        job = self.chance.choice(self.study.running()) if self.disturbed else self.study.running()[0]
        fate = self.chance.random() if self.disturbed else 1.0
        failed_before = any(other.state for other in self.study.jobs.values() if other.name == job.name)
        if fate < 0.1 and not failed_before:
            self.end(job, "FAILED")
        elif fate < 0.3:
            self.record("resume")
            for running in self.study.running():
                self.end(running, "INTERRUPTED")
        else:
            self.end(job, "COMPLETE")

    def end(self, job: Job, state: str) -> None:
        history = train(json.loads(job.plan.overrides[0]))
        value = float(history["loss"].values[-1]) if state == "COMPLETE" else math.nan
        if state == "COMPLETE" and math.isnan(value):
            state = "INFEASIBLE"
        summary = {"loss": {"last": value}} if state == "COMPLETE" else {}
        fields = {"state": state, "objective": value, "summary": summary, "steps": 2, "error": ""}
        self.record("trial", job=job.job, run_dir=job.run_dir, **fields)

    def decide(self, number: int) -> None:
        known = {
            job.name: replace(self.planner.trial(job), history=train(json.loads(job.plan.overrides[0])))
            for job in self.study.counted()
            if job.state is not None
        }
        judged = self.study.unjudged()
        said = [asdict(one) for one in judge(RULES, [known[job.name] for job in judged], known)]
        self.record("decisions", round=number, decisions=said, judged=[job.job for job in judged])

    def record(self, kind: str, **fields: Any) -> None:
        self.clock += self.chance.uniform(0.1, 100.0)
        self.study.record(read_event({"event": kind, "v": 1, "time": self.clock, **recorded(fields)}))


def course(study: Study) -> list[Any]:
    """What a study planned, refused, decided and found."""
    plans = [(job.round, job.plan) for job in study.counted()]
    best = study.best()
    return [plans, study.refused, study.decisions, best and best.name]


@pytest.mark.parametrize(
    "strategy", [RulesStrategy(variants_per_run=2), RulesStrategy(parents=2), MixedStrategy(sampler="random")]
)
def test_decisions_follow_from_results_and_from_nothing_else(strategy: Strategy) -> None:
    """On machines where jobs take any time, fail once and are killed, plans and decisions are equal."""
    undisturbed = Machine(strategy, seed=None).run()
    assert len(undisturbed.rounds) > 2
    assert len({decision.rule for decision in undisturbed.decisions[1] if decision.edits}) > 1
    retried = 0
    for seed in range(25):
        study = Machine(strategy, seed).run()
        assert course(study) == course(undisturbed), seed
        retried += len(study.jobs) - len(study.counted())
    assert retried > 50


def test_a_retried_job_stands_where_its_first_try_stood() -> None:
    """The first place belongs to the baseline, whichever number its last try has."""
    machine = Machine(RulesStrategy(), seed=None)
    machine.record("study")
    machine.plan(1)
    baseline = machine.study.jobs[0]
    machine.start(baseline)
    machine.end(baseline, "INTERRUPTED")
    machine.record("requeue", job=machine.study.next_job, of=0)
    assert next(job.name for job in machine.study.counted()) == "baseline"
    assert machine.study.waiting()[-1].name == "baseline"
