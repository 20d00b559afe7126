"""Whole studies in memory: the loop, rules and strategies of autoloop around a task of `strategy_tasks`.

Nothing is simulated but the launcher and the files: rounds are planned by `autoloop.planning.Planner`,
children derived by `autoloop.edits`, runs judged by the shipped rules.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from strategy_tasks import Task

from autoloop.edits import change
from autoloop.history.series import History, Series
from autoloop.judging import Judging
from autoloop.filling import Derived, Round
from autoloop.loop import Limits
from autoloop.metrics import Metrics
from autoloop.plan import Points
from autoloop.planning import Planner
from autoloop.rules import build_rules, judge
from autoloop.settings import Settings, load_group
from autoloop.strategies import Strategy
from autoloop.study import Job, Plan, Study
from autoloop.summary import summarize
from autoloop.trials import Trial
from autoloop.variants import Variant, signature

SLOTS = 4
Watch = Callable[["MemoryStudy", Job, History], int]
"""(study, job, its whole history) -> the step at which a stop rule ends it, or its last step."""


class JsonComposer:
    """Composes a config from one override: its JSON."""

    def __init__(self, bounds: Mapping[str, tuple[float | None, float | None]]) -> None:
        self.bounds = bounds

    def config(self, overrides: Sequence[str]) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(overrides[0])
        return loaded

    def derive(self, parent: Variant, edits: Sequence[str]) -> Derived:
        changed = change(list(edits), parent.config, self.bounds)
        overrides = (json.dumps(changed.config),)
        return Derived(changed.config, overrides, signature(changed.config), changed.changes, changed.notes)


@dataclass
class MemoryStudy:
    """One study of one task.

    Attributes:
        task: The task.
        strategy: The strategy.
        seed: Seed of the study and of the baseline's training.
        jobs: Jobs in all, in rounds of four.
        paired: Whether children train with their parent's seed, as autoloop does; else each with its own.
        watch: Decides when a job is stopped; None lets all run to their end.
        judging: How score is kept.
        study: The record.
        steps: Steps trained so far.
    """

    task: Task
    strategy: Strategy
    seed: int
    jobs: int
    paired: bool = True
    watch: Watch | None = None
    judging: Judging = field(default_factory=Judging)
    study: Study = field(default_factory=Study)
    steps: int = 0

    def __post_init__(self) -> None:
        self.histories: dict[str, History] = {}
        self.rules = build_rules(load_group("rules", self.task.rules))
        self._seeds = count(1000 * (self.seed + 1))
        self._clock = count(1)
        settings = Settings(
            limits=Limits(rounds=10**6, max_jobs=self.jobs),
            rules=tuple(self.rules),
            strategy=self.strategy,
            metrics=Metrics(objective=self.task.objective),
            bounds=self.task.bounds,
            seed=self.seed,
            judging=self.judging,
        )
        self.planner = Planner(settings, JsonComposer(self.task.bounds), Path(), lambda: SLOTS)

    def run(self) -> MemoryStudy:
        """Run the study to its end."""
        config = {**self.task.config, "seed": self.seed}
        about = ("baseline", (), None, "baseline", "start", {}, "")
        start = Variant(*about, (json.dumps(config),), config, signature(config))
        self._record("study", objective={"metric": self.task.objective, "goal": "min", "stat": "last"})
        planned = self.planner.first(Points((), (start,), ()))
        number = 1
        while planned.variants and len(self.study.jobs) < self.jobs:
            self._run_round(planned)
            number += 1
            if len(self.study.jobs) < self.jobs:
                planned = self.planner.next(self.study, number)
        return self

    def _run_round(self, planned: Round) -> None:
        room = self.jobs - len(self.study.jobs)
        first = self.study.next_job
        entries = [
            {"job": first + place, **{name: getattr(variant, name) for name in Plan.__dataclass_fields__}}
            for place, variant in enumerate(planned.variants[:room])
        ]
        self._record("round", round=planned.number, variants=entries, refused=[])
        for entry in entries:
            self._train(self.study.jobs[entry["job"]])
        self._decide(planned.number)

    def _train(self, job: Job) -> None:
        config = json.loads(job.plan.overrides[0])
        if not self.paired:
            config = {**config, "seed": next(self._seeds)}
        history = self.task.train(config)
        last = self.watch(self, job, history) if self.watch else self.task.steps
        stopped = last < self.task.steps
        if stopped:
            history = cut(history, last)
        self.steps += min(last, self.task.steps)
        self.histories[job.name] = history
        series = history[self.task.objective]
        value = float(series.values[-1]) if len(series) else math.nan
        diverged = not math.isfinite(value)
        state = "INFEASIBLE" if diverged else "STOPPED" if stopped else "COMPLETE"
        summary = {name: metric.as_dict() for name, metric in summarize(history).items()}
        fields = {"round": job.round, "name": job.name, "steps": last, "error": "", "summary": summary}
        self._record("trial", job=job.job, state=state, objective=None if diverged else value, **fields)

    def _decide(self, number: int) -> None:
        trials = {job.name: self.trial(job) for job in self.study.counted() if job.state is not None}
        finished = [trials[job.name] for job in self.study.of_round(number)]
        said = judge(self.rules, finished, trials)
        self._record("decisions", round=number, decisions=[asdict(decision) for decision in said])

    def trial(self, job: Job) -> Trial:
        """A trial with its curves."""
        history = self.histories[job.name]
        return replace(self.planner.trial(job), history=history, summary=summarize(history))

    def _record(self, kind: str, **fields: Any) -> None:
        self.study.record({"event": kind, "v": 1, "time": float(next(self._clock)), **fields})

    def best_config(self, jobs: int | None = None) -> dict[str, Any]:
        """The config of the best of the first so many jobs."""
        done = [job for job in self.study.counted()[:jobs] if job.known]
        best = min(done, key=lambda job: job.objective)
        loaded: dict[str, Any] = json.loads(best.plan.overrides[0])
        return loaded


def cut(history: History, last: int) -> History:
    """The history up to a step."""
    parts = {}
    for name, series in history.items():
        keep = series.steps <= last
        parts[name] = Series(series.steps[keep], series.values[keep])
    return History(parts)
