"""What a study's jobs amount to, worked out once for every report: lineage, gains, knobs, commands, time."""

from __future__ import annotations

import math
import shlex
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from autoloop.config.rerun import rerun_command, shell_line
from autoloop.loop.score import Verdict, front, judge_of, pairs, schedule, winner
from autoloop.loop.score.averages import Averages, averages, result_of
from autoloop.loop.score.front_words import broken, describe_mean, describe_numbers, no_feasible
from autoloop.study.events import StudyStopped
from autoloop.study.record import ANEW, MEASURING, POPULATION, Job, Study
from autoloop.study.trials import TrialState
from autoloop.views.report import text
from autoloop.views.report.gains import Gain, Gains
from autoloop.views.report.knobs import Knobs
from autoloop.views.report.scores import Score, score_of

MOST_SHOWN = 2000  # trials of a longer study that a report shows one by one
OBJECTIVE = "objective"  # its name where the study names no metric
KEY_METRICS = {
    "eval_l1": "eval/offline_eval/avg_l1",
    "train_l1": "train/l1_loss",
    "ot_pi_sum": "train/ot_pi_sum",
    "ot_loss": "train/ot_loss",
    "grad_norm": "train/grad_norm",
}  # column title -> metric, shown where a study has them


_TOGETHER = {
    Verdict.BETTER: "better than its parent: in one objective at least, and worse in none",
    Verdict.WORSE: "worse than its parent: in one objective at least, and better in none",
    Verdict.UNCLEAR: "neither better nor worse than its parent: a trade-off, or within the noise",
}


class ByName(Mapping[str, Job]):
    """Name -> job, its latest try: the study's own table, of which no other is made."""

    def __init__(self, study: Study) -> None:
        self._study = study

    def __getitem__(self, name: str) -> Job:
        job = self._study.by_name(name)
        if job is None:
            raise KeyError(name)
        return job

    def __iter__(self) -> Iterator[str]:
        return iter(self._study.names)

    def __len__(self) -> int:
        return len(self._study.tally.named)


class Facts:
    """A study, indexed so that every look-up a report needs takes constant time.

    Attributes:
        study: The study.
        jobs: Its jobs in the order they were planned, each by its latest try.
        by_name: Name -> job; each has one of its own (`Study.record`).
        tries: Number of a job -> its earlier tries.
        rounds: Round -> its jobs.
        baseline: The first job without a parent; None in an empty study.
        best: What the study found (`autoloop.loop.score.winner`); None while no job has completed, while none
            keeps the constraints, and where a front takes its place.
        front: The front of several objectives (`autoloop.loop.score.front`); empty where there is one.
        metric: Name of the objective.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self.jobs = sorted(study.counted(), key=lambda job: min(study.tally.tries_of(job.place)))
        self.tries = {job.job: study.tries(job)[:-1] for job in self.jobs if job.retry_of is not None}
        self.by_name = ByName(study)
        self.rounds: dict[int, list[Job]] = {}
        for job in self.jobs:
            self.rounds.setdefault(job.round, []).append(job)
        self.baseline = next((job for job in self.jobs if job.plan.parent is None), None)
        self.best = winner(study)
        self.front: list[Job] = front(study)
        self.metric = study.aim.metric or OBJECTIVE

    @cached_property
    def shown(self) -> list[Job]:
        """The jobs that a report shows one by one; of very many the best one's lineage and the latest."""
        if len(self.jobs) <= MOST_SHOWN:
            return self.jobs
        ends = (self.baseline, self.best, *self.front)
        first = {job.job for job in ends if job is not None} | self.winning
        latest = {job.job for job in self.jobs[len(first) - MOST_SHOWN :]}
        return [job for job in self.jobs if job.job in first | latest]

    @cached_property
    def is_shown(self) -> frozenset[int]:
        """Numbers of the jobs of `shown`."""
        return frozenset(job.job for job in self.shown)

    @cached_property
    def is_drawn(self) -> frozenset[int]:
        """The same with those of their earlier tries."""
        return self.is_shown | {one.job for job in self.shown for one in self.tries.get(job.job, ())}

    @cached_property
    def shown_rounds(self) -> dict[int, list[Job]]:
        """Round -> those of its jobs that are shown, of the rounds that have some."""
        if len(self.shown) == len(self.jobs):
            return self.rounds
        found: dict[int, list[Job]] = {}
        for job in self.shown:
            found.setdefault(job.round, []).append(job)
        return found

    def children(self, jobs: Iterable[Job]) -> dict[int, list[Job]]:
        """Number of a parent -> its children among these jobs, in their order."""
        found: dict[int, list[Job]] = {}
        for job in jobs:
            parent = self.parent(job)
            if parent is not None:
                found.setdefault(parent.job, []).append(job)
        return found

    @property
    def cut(self) -> str:
        """That not all jobs are shown, and where all are, as a sentence; empty where all are."""
        if len(self.shown) == len(self.jobs):
            return ""
        return (
            f"Shown are {len(self.shown)} of {len(self.jobs)} trials: the best one with all it descends "
            "from, and the latest. `autoloop export csv` writes a table of all."
        )

    def parent(self, job: Job) -> Job | None:
        """The job it was derived from, always one planned before it; None for a root."""
        return self.study.parent(job)

    def lineage(self, job: Job) -> list[Job]:
        """The job and all it descends from, the root first."""
        line = [job]
        while (parent := self.parent(line[-1])) is not None:
            line.append(parent)
        return line[::-1]

    def kind(self, job: Job) -> str:
        """Mark of a job: running, stopped, failed, root, or what it is against its parent (`Gain.verdict`).

        One that breaks a constraint is worse.
        """
        if job.state is None:
            return "running"
        if job.state is TrialState.STOPPED:
            return "stopped"
        if not math.isfinite(job.objective):
            return "failed"
        if not job.feasible:
            return "worse"
        if self.study.aims.several:
            return self._judged[job.place].value if job.place in self._judged else "root"
        change = self.change(job, self.parent(job))
        return change.verdict if change else "same" if job.rule == POPULATION else "root"

    def hint(self, job: Job) -> str:
        """A job in one line: name, result and verdict."""
        return f"{job.name}: {self.numbers(job)}, {self.verdict(job)}"

    def numbers(self, job: Job) -> str:
        """The result of a job in words: of several objectives each with its name."""
        if self.study.aims.several and job.known:
            return describe_numbers(self.study, job, self.averages)
        return text.number(self.result(job)) + describe_mean(job, self.averages)

    @cached_property
    def averages(self) -> Averages:
        """Results over several seeds, by place of the job; empty unless the study asks for them."""
        return averages(self.study)

    def seeds(self, job: Job) -> int:
        """How many seeds a job's result is the mean of."""
        return self.averages[job.place].seeds if job.place in self.averages else 1

    def result(self, job: Job) -> float:
        """The first or only objective of a job, the mean over its seeds where it has several."""
        return result_of(job, self.averages)

    @property
    def limits(self) -> str:
        """The study's constraints in words; empty without any."""
        return " and ".join(one.description for one in self.study.aims.constraints)

    @cached_property
    def further_names(self) -> list[str]:
        """Names of the numbers that the study is judged by beside its first objective."""
        return [name for name in self.study.aims.names if name != self.metric]

    @cached_property
    def limited_names(self) -> list[str]:
        """Names of the numbers of constraints that are no objectives."""
        own = [one.name for one in self.study.aims.objectives]
        return [name for name in self.further_names if name not in own]

    def further(self, job: Job) -> list[float | None]:
        """A job's value of each of these."""
        return [job.details.values.get(name) for name in self.further_names]

    @cached_property
    def _judged(self) -> dict[int, Verdict]:
        judged = judge_of(self.study)
        return {pair.child.place: judged(pair) for pair in pairs(self.study)}

    def is_best(self, job: Job) -> bool:
        """Whether a job is what the study found, or a point of the front."""
        return job is self.best or job in self.front

    @property
    def nothing_found(self) -> str:
        """Why there is no best job, as a sentence without its full stop."""
        return no_feasible(self.study) or f"no trial has completed with a value of {self.metric}"

    @cached_property
    def winning(self) -> frozenset[int]:
        """Numbers of the best job and of all it descends from."""
        return frozenset(job.job for job in self.lineage(self.best)) if self.best else frozenset()

    @cached_property
    def gains(self) -> Gains:
        """Results against each other, and the noise."""
        return Gains(self.study)

    def change(self, job: Job, reference: Job | None) -> Gain | None:
        """How ``job`` did against ``reference``; None where they cannot be compared, see `Gains.change`."""
        return self.gains.change(job, reference)

    def verdict(self, job: Job) -> str:
        """What came out of a job, in words, against its parent."""
        if job.state is None:
            return "still running" if job.running else "not started yet"
        if job.state is not TrialState.COMPLETE:
            return f"{job.state.value.lower()}: {job.error}" if job.error else job.state.value.lower()
        if not math.isfinite(job.objective):
            return f"no value of {self.metric}"
        if limits := broken(self.study, job):
            return f"breaks a constraint: {limits}"
        if job.plan.parent is None:
            return "the baseline" if job is self.baseline else "no parent to compare with"
        if job.is_repeat or job.rule == POPULATION:
            return (
                f"{job.plan.parent} with another seed" if job.is_repeat else f"{job.plan.parent}, trained on"
            )
        if self.study.aims.several and job.place in self._judged:
            return _TOGETHER[self._judged[job.place]]
        change = self.change(job, self.parent(job))
        long = " at the same length" if self.study.generation(job) > 1 else ""
        if change is None:
            return f"its parent {job.plan.parent} has no value of {self.metric}{long}"
        return f"{change.than('its parent')}{long} ({change.shown('parent')})"

    @cached_property
    def columns(self) -> dict[str, str]:
        """Title -> metric of the key metrics that this study has; the objective is not among them."""
        present = self._histories[0]
        wanted = ((title, metric) for title, metric in KEY_METRICS.items() if metric != self.metric)
        return {title: metric for title, metric in wanted if metric in present}

    @property
    def drawable(self) -> list[Job]:
        """Jobs that have left a history."""
        return self._histories[1]

    @cached_property
    def _histories(self) -> tuple[set[str], list[Job]]:
        """Metrics that jobs have, and the jobs that have some: what a job left is looked at once."""
        present: set[str] = set()
        left = []
        for job in self.jobs:
            if summary := job.summary:
                present.update(summary)
                left.append(job)
        return present, left

    @cached_property
    def knobs(self) -> Knobs:
        """Job number -> value of every path that its lineage changed."""
        return Knobs(self)

    @cached_property
    def base_values(self) -> dict[str, Any]:
        """Path -> its value before any variant changed it; the seed of repeats is none that was tried."""
        base: dict[str, Any] = {}
        for job in self.jobs:
            parent = self.parent(job)
            inherited = self.knobs.get(parent.job, {}) if parent else {}
            for path, old, _ in () if job.is_repeat else job.plan.changes:
                if path not in inherited:
                    base.setdefault(path, old)
            self.knobs.keep(job)  # its changes are at hand
        return base

    @cached_property
    def scores(self) -> list[Score]:
        """The scorecard of rules, most wins first; variants given by the user count under no rule."""
        counts = Counter(
            (decision.rule, decision.fired) for group in self.study.decisions.values() for decision in group
        )
        names = dict.fromkeys(
            [*(rule for rule, _ in counts), *(job.rule for job in self.jobs if self.parent(job))]
        )
        of_rule: dict[str, list[Job]] = {}
        for job in self.jobs:
            of_rule.setdefault(job.rule, []).append(job)
        scores = [
            score_of(
                name, (counts[name, True], counts[name, False]), of_rule.get(name, []), self._beside_parent
            )
            for name in names
            if name and name not in (ANEW, POPULATION, *MEASURING)
        ]
        return sorted(scores, key=lambda score: (-score.wins, -score.tries, -score.fired, score.rule))

    def command(self, job: Job) -> str:
        """The shell line that trains this job's configuration once more."""
        if job.details.command:
            return shell_line(job.details.command)
        return shlex.join(rerun_command(self.study.header, job.plan.overrides))

    def again(self, job: Job) -> str:
        """The same of what a job came to; of a population a command for each part of its run, in turn."""
        return " && ".join(map(self.command, [part.job for part in schedule(self.study, job)] or [job]))

    def beside(self, job: Job) -> Job | None:
        """The baseline; of a population what it came to in a job's generation."""
        return self.gains.generations.beside(job, self.baseline)

    @property
    def study_command(self) -> str:
        """The command line of the study; empty where the journal does not have it."""
        return shell_line(self.study.header.command)

    @property
    def spent_unit(self) -> str:
        """``GPU-hours`` where jobs had GPUs, ``slot-hours`` otherwise."""
        return "GPU-hours" if any(job.gpus for job in self.jobs) else "slot-hours"

    @cached_property
    def pauses(self) -> list[tuple[float, float]]:
        """Spans of time without a process: from a last sign of life to the resume that followed it."""
        found = []
        for event in self.study.resumes:
            earlier = self._signs[: bisect_left(self._signs, event.time)]
            if earlier:
                found.append((earlier[-1], event.time))
        return found

    def ended_at(self, job: Job) -> float:
        """When a job ended, NaN if it has not.

        The journal learns of an interrupted job's end only when the study is taken up again; it ended no
        later than the pause before that began.
        """
        if job.state is not TrialState.INTERRUPTED:
            return job.ended_at
        cut = (start for start, resumed in self.pauses if job.started_at <= start and job.ended_at >= resumed)
        return next(cut, job.ended_at)

    def spent_hours(self, job: Job) -> float:
        """Hours of a job times its GPUs (at least one); 0 while its end is unknown."""
        hours = max(0.0, (self.ended_at(job) - job.started_at) / 3600.0)  # the clock may have been set back
        return hours * max(1, len(job.gpus)) if math.isfinite(hours) else 0.0

    def _beside_parent(self, job: Job) -> Gain | None:
        return self.change(job, self.parent(job))

    @cached_property
    def _signs(self) -> list[float]:
        """Times at which a process is known to have run the study, ascending."""
        jobs = self.study.jobs.values()
        ends = [job.ended_at for job in jobs if job.state is not TrialState.INTERRUPTED]
        return sorted(time for time in [*(job.started_at for job in jobs), *ends] if math.isfinite(time))


def stop_reason(stop: StudyStopped) -> str:
    """Why a study stopped, in words."""
    return (stop.reason or "no reason given").rstrip(".")


def noise_note(facts: Facts) -> str:
    """How large a gain must be to be more than noise, and how that is known, in words."""
    floor, scale = facts.gains.noise, facts.gains.scale
    margin = f"{text.number(floor.margin_pct(), 2)} %"
    if facts.baseline is not None and facts.baseline.known and not scale.is_percent(facts.baseline.objective):
        margin = scale.amount(floor.margin_pct(), facts.baseline.objective, digits=2)
    return f"a gain of up to {margin} may be noise ({floor.source})"
