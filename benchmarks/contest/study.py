"""Whole studies in memory: the loop, rules and strategies of autoloop around a task.

Nothing is simulated but the launcher and the files: rounds are planned by `autoloop.runner.planning.Planner`,
children derived by `autoloop.edits`, runs judged by the shipped rules and running jobs by the shipped stop
rules.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

from autoloop.config.climbing import Climbing
from autoloop.config.judging import Judging
from autoloop.config.probe import ProbeSetting
from autoloop.config.settings import Settings, load_group
from autoloop.curves.metrics import Metrics
from autoloop.curves.summary import MetricSummary, summarize
from autoloop.edits import change
from autoloop.edits.variants import Variant, signature
from autoloop.history.series import History
from autoloop.loop.closing import race
from autoloop.loop.filling import Derived, Round
from autoloop.loop.probing import baseline_of, probe_step
from autoloop.loop.score import noise
from autoloop.loop.steps import Limits, Measure, PlanRound
from autoloop.rules import build_rules, judge
from autoloop.runner.memory import NOTHING, Memory
from autoloop.runner.plan import Points
from autoloop.runner.planning import Planner
from autoloop.stopping import Live, StopDecision, build_stop_rules, first_stop, protected
from autoloop.stopping.probes import Runner, compared, ended_at
from autoloop.strategies import MixedStrategy, Opening, Strategy
from autoloop.study.events import read_event
from autoloop.study.identity import exact
from autoloop.study.record import Job, Plan, Study
from autoloop.study.trials import Trial, TrialState
from contest.task import Task

SLOTS = 4
NO_PROBE = ProbeSetting(against="probe=false")


class JsonComposer:
    """Composes a config from one override: its JSON."""

    def __init__(self, bounds: Mapping[str, tuple[float | None, float | None]]) -> None:
        self.bounds = bounds

    def config(self, overrides: Sequence[str]) -> dict[str, Any]:
        return _loaded(overrides[0])

    def derive(self, parent: Variant, edits: Sequence[str]) -> Derived:
        changed = change(list(edits), parent.config, self.bounds)
        overrides = (json.dumps(changed.config),)
        return Derived(changed.config, overrides, signature(changed.config), changed.changes, changed.notes)


@lru_cache(maxsize=1000)
def _loaded(text: str) -> dict[str, Any]:
    """A config of its JSON, which nobody changes."""
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@dataclass
class MemoryStudy:
    """One study of one task.

    Attributes:
        task: The task.
        strategy: The strategy.
        seed: Seed of the study and of the baseline's training.
        jobs: Jobs in all, in rounds of four.
        max_steps: Steps in all; the job that would exceed them is the last.
        paired: Whether children train with their parent's seed, as autoloop does; else each with its own.
        stop_rules: Name of the shipped set of stop rules by which running jobs are watched.
        racing: How often leaders that cannot be told apart run with one more seed after a round; these jobs
            count.
        guesses: Whether round 1 has, as the user's variants, the points that `MixedStrategy` opens with: for
            a strategy that needs variants to fill its rounds.
        judging: How score is kept.
        probe: Whether the study opens with a probe of the learning rate.
        memory: What earlier studies tell.
        climbing: How a job goes on from another, where the strategy wants that.
        study: The record.
        steps: Steps trained so far.
    """

    task: Task
    strategy: Strategy
    seed: int
    jobs: int
    max_steps: float = math.inf
    paired: bool = True
    stop_rules: str = "none"
    racing: int = 0
    guesses: bool = False
    judging: Judging = field(default_factory=Judging)
    probe: bool = True
    memory: Memory = NOTHING
    climbing: Climbing = field(default_factory=Climbing)
    study: Study = field(default_factory=Study)
    steps: int = 0

    def __post_init__(self) -> None:
        self.histories: dict[str, History] = {}
        self._summaries: dict[str, dict[str, MetricSummary]] = {}
        self.rules = build_rules(load_group("rules", self.task.rules))
        self._watching = build_stop_rules(load_group("stop_rules", self.stop_rules))
        self._seeds = count(1000 * (self.seed + 1))
        self._clock = count(1)
        self.limits = Limits(rounds=10**6, max_jobs=self.jobs, racing=self.racing)
        settings = Settings(
            limits=self.limits,
            rules=tuple(self.rules),
            strategy=self.strategy,
            metrics=Metrics(
                objective=self.task.objective,
                goals={self.task.objective: "max"} if self.task.maximize else {},
            ),
            bounds=self.task.bounds,
            seed=self.seed,
            judging=self.judging,
            climbing=self.climbing,
            probe=ProbeSetting(self.task.steps, self.task.first_result) if self.probe else NO_PROBE,
        )
        self.planner = Planner(
            settings, JsonComposer(self.task.bounds), Path(), lambda: SLOTS, self.memory, True
        )
        self.planner.curve_of = lambda job: self.histories[job.name].get(self.task.objective)  # type: ignore[method-assign]

    def run(self) -> MemoryStudy:
        """Run the study to its end."""
        planned = self.begin()
        number = 1
        while planned.variants and self.study.searched <= self.jobs - 1 and self.steps < self.max_steps:
            self._run_jobs(planned)
            if (step := probe_step(self.study, self.limits)) and isinstance(step, PlanRound):
                self._run_jobs(self.planner.after_probe(self.study, step.places or 0), aim=step.aim)
            self._decide(planned.number)
            while raced := race(self.study, self.limits):
                self.measure(raced)
            number += 1
            if self.study.searched <= self.jobs - 1:
                planned = self.planner.next(self.study, number, SLOTS)
        return self

    def begin(self) -> Round:
        """Begin the study, and plan its first round."""
        config = {**self.task.config, "seed": self.seed}
        about = ("baseline", (), None, "baseline", "start", {}, "")
        start = Variant(*about, (json.dumps(config),), config, signature(config))
        goal = "max" if self.task.maximize else "min"
        objective = {"metric": self.task.objective, "goal": goal, "stat": "last"}
        self._record("study", objective=objective, config=exact(config))
        return self.planner.first(Points((), (start,), self._guessed(start)))

    def _guessed(self, start: Variant) -> tuple[Variant, ...]:
        """The user's variants."""
        opening = Opening(start, 1, self.seed, SLOTS, self.task.bounds)
        points = MixedStrategy().open(opening) if self.guesses else []
        return tuple(
            Variant(f"guess_{place}", point.edits, None, "variants", point.reason, {}, "", (), {}, "")
            for place, point in enumerate(points)
        )

    def close(self, limits: Limits) -> None:
        """End the search; what is measured then is due by these limits."""
        self._record("closing", reason="the benchmark", limits=limits.recorded())

    def measure(self, step: Measure) -> None:
        """Run what is to be measured, as a further part of the latest round."""
        self._run_jobs(self.planner.measure(self.study, step), aim=step.aim)

    def _run_jobs(self, planned: Round, **fields: str) -> None:
        first = self.study.next_job
        entries = [
            {"job": first + place, **{name: getattr(variant, name) for name in Plan.__dataclass_fields__}}
            for place, variant in enumerate(planned.variants)
        ]
        self._record("round", round=planned.number, variants=entries, refused=[], **fields)
        jobs = [self.study.jobs[entry["job"]] for entry in entries]
        whole = {job.name: self._train(job) for job in jobs}
        probed = self._probed(jobs, whole) if any(job.probes for job in jobs) else {}
        stops = {job.name: probed.get(job.name) or self._stop(job, whole) for job in jobs}
        for job in jobs:
            self._finish(job, whole[job.name], stops[job.name])

    def _probed(self, jobs: Sequence[Job], whole: Mapping[str, History]) -> dict[str, StopDecision | None]:
        """Judge the probes of the learning rate; what ends each of them."""
        start, probes = baseline_of(self.study), [job for job in jobs if job.probes]
        until, metric = probes[0].plan.evidence["until"], self.task.objective
        runners = {job.job: Runner(whole[job.name].get(metric), True, True) for job in (start, *probes)}
        for job in (start, *probes):  # one that diverged has no value there
            curve = whole[job.name].get(metric)
            if curve is None or not len(curve) or curve.steps[-1] < until:
                runners[job.job] = Runner(None, True, False)
        found = compared(start.job, runners, until, self.task.maximize)
        self._record(
            "probed",
            step=until,
            values={str(job): value for job, value in found.values.items()},
            best=found.best,
        )
        names = {job.job: job.name for job in (start, *probes)}
        return {job.name: ended_at(job.job, found, names, self.task.maximize) for job in probes}

    def _train(self, job: Job) -> History:
        config = json.loads(job.plan.overrides[0])
        if not self.paired:
            config = {**config, "seed": next(self._seeds)}
        return self.task.train(config)

    def _stop(self, job: Job, running: Mapping[str, History]) -> StopDecision | None:
        """What a stop rule says of a job: what it is compared with ended before it was planned."""
        known, metric = self.study.when_planned(job), self.task.objective
        if not self._watching or job.plan.parent is None:
            return None
        told = [one for one in known.counted() if one.state in (TrialState.COMPLETE, TrialState.STOPPED)]
        others = [self.histories[other.name][metric] for other in told if other.known]
        live = Live(
            job.name,
            running[job.name],
            metric,
            self.task.maximize,
            parent=self._complete(known.by_name(job.plan.parent)),
            best=self._complete(known.best()),
            ended=[self.histories[other.name][metric] for other in told],
            margin_pct=noise(known).margin_pct(),
        )

        def safe(step: int) -> bool:
            return protected(running[job.name][metric].until(step), others, 1, maximize=self.task.maximize)

        return first_stop(self._watching, live, safe)

    def _complete(self, job: Job | None) -> History:
        return self.histories[job.name] if job is not None and job.known else History({})

    def _finish(self, job: Job, history: History, stop: StopDecision | None) -> None:
        end = self.task.steps if stop is None else stop.step
        if stop is not None:
            self._record("stopping", job=job.job, name=job.name, **asdict(stop))
        stopped = end < self.task.steps
        history = history.until(end)
        self.histories[job.name] = history
        series = history.get(self.task.objective)
        value = float(series.values[-1]) if series is not None else math.nan
        steps = min(end, int(series.steps[-1])) if series is not None else end
        self.steps += steps
        diverged = not math.isfinite(value)
        state = "INFEASIBLE" if diverged else "STOPPED" if stopped else "COMPLETE"
        self._summaries[job.name] = summarize(history)
        summary = {name: metric.as_dict() for name, metric in self._summaries[job.name].items()}
        fields = {"round": job.round, "name": job.name, "steps": steps, "error": "", "summary": summary}
        self._record("trial", job=job.job, state=state, objective=None if diverged else value, **fields)

    def _decide(self, number: int) -> None:
        trials = {job.name: self.trial(job) for job in self.study.counted() if job.state is not None}
        finished = [trials[job.name] for job in self.study.of_round(number)]
        said = judge(self.rules, finished, trials)
        self._record("decisions", round=number, decisions=[asdict(decision) for decision in said])

    def trial(self, job: Job) -> Trial:
        """A trial with its curves."""
        history = self.histories[job.name]
        return replace(self.planner.trial(job), history=history, summary=self._summaries[job.name])

    def _record(self, kind: str, **fields: Any) -> None:
        self.study.record(read_event({"event": kind, "v": 1, "time": float(next(self._clock)), **fields}))
