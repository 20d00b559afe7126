"""The loop itself at 10,000 and 100,000 trials: what a trial costs, and how long slots stand idle.

    python benchmarks/scale.py loop 10000               # decide, journal, report; the jobs are made up
    python benchmarks/scale.py loop 2000 --after 98000  # the last of 100,000 trials
    python benchmarks/scale.py report 10000             # replaying and drawing a study
    python benchmarks/scale.py plan 10000               # a round of strategy=mixed, and a free place
    python benchmarks/scale.py beside OLD report 1000   # the same, in turn with the script of the folder OLD
    python benchmarks/scale.py idle                     # slots with and without a barrier; a pure simulation

``loop`` runs whole studies of rounds as wide as there are slots; every finished run has one child. All of it
is the product's own code: what is due, the planner, rules, score, the journal on disk, the reporter. Only the
jobs are made up, their curves are a summary, configs are composed from JSON (Hydra takes a tenth of a second
for each child), and fsync is off (about 4 ms a line on a disk). Costs are CPU time of this process
for each trial, told for each tenth of the study.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autoloop.config.settings import Settings
from autoloop.curves.metrics import Metrics
from autoloop.curves.objective import Objective
from autoloop.curves.summary import MetricSummary
from autoloop.edits import change
from autoloop.edits.variants import Variant, signature
from autoloop.loop.due import Decide, Flow, Limits, PlanRound, Run, Stop, next_step
from autoloop.loop.filling import Derived, Round
from autoloop.loop.steps import Close
from autoloop.rules import Fallback, judge
from autoloop.rules.base import Decision
from autoloop.runner.plan import Points
from autoloop.runner.planning import Planner
from autoloop.store.journal import FILE_NAME, Journal, read_study
from autoloop.strategies import MixedStrategy, RulesStrategy
from autoloop.study.events import (
    Details,
    Event,
    JobEnded,
    JobStarted,
    Planned,
    RoundPlanned,
    RulesAsked,
    StudyBegun,
)
from autoloop.study.record import Job, Plan
from autoloop.study.schedule import job_numbers
from autoloop.study.settled import Lazy
from autoloop.study.trials import Trial, TrialState
from autoloop.views.report import Reporter

BETTER = 0.99  # a child's objective over its parent's
HEAD = StudyBegun(objective=Objective(metric="loss"), task="scale")


class JsonComposer:
    """Composes a config from one override, its JSON."""

    bounds: Mapping[str, tuple[float | None, float | None]] = {}

    def config(self, overrides: Sequence[str]) -> dict[str, Any]:
        """The config of a job."""
        loaded: dict[str, Any] = json.loads(overrides[0])
        return loaded

    def derive(self, parent: Variant, edits: Sequence[str]) -> Derived:
        """The child of a variant."""
        changed = change(list(edits), parent.config, self.bounds)
        overrides = (json.dumps(changed.config),)
        return Derived(changed.config, overrides, signature(changed.config), changed.changes, changed.notes)


class Loop:
    """One study with made-up jobs."""

    def __init__(self, study_dir: Path, trials: int, slots: int, report: bool) -> None:
        self.trials, self.slots = trials, slots
        self.journal = Journal(study_dir)
        self.study = self.journal.study
        self.rules = [Fallback(name="step", edits=["lr@mul=0.99"])]
        self.limits = Limits(rounds=10**6, max_jobs=trials)
        self.flow = Flow(slots=slots)
        self.metrics = Metrics(objective="loss")
        settings = Settings(self.limits, tuple(self.rules), RulesStrategy(), self.metrics, {})
        self.planner = Planner(settings, JsonComposer(), study_dir, lambda: slots)  # type: ignore[arg-type]
        self.reporter = Reporter(study_dir, lambda run_dir: {}) if report else None
        self.cpu_s: Counter[str] = Counter()
        self.ended = 0
        self.places: deque[Job] = deque()

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Count CPU time towards a phase."""
        began = time.process_time()
        yield
        self.cpu_s[phase] += time.process_time() - began

    def run(self) -> Iterator[int]:
        """Run the study, or go on with it; yields the number of trials after each that ended."""
        if not self.study.jobs:
            self.open()
        while True:
            with self.timed("next step"):
                step = next_step(self.study, self.limits, self.flow)
            if isinstance(step, Close | Stop):  # the search is over; what measures its winner is left out
                return
            if isinstance(step, Run) and len(self.places) < self.slots:
                self.start(step.jobs[0])
            elif isinstance(step, Decide):
                self.decide(step)
            elif isinstance(step, PlanRound):
                with self.timed("plan"):
                    planned = self.planner.next(self.study, step.round, step.places)
                if not planned.variants:
                    return
                self.plan(planned)
            else:
                self.end(self.places.popleft())
                yield self.ended

    def open(self) -> None:
        """Write the head of the study and its first round."""
        config = {"lr": 1.0, "seed": 1}
        self.append(HEAD)
        about = ("baseline", (), None, "baseline", "start", {}, "")
        start = Variant(*about, (json.dumps(config),), config, signature(config))
        named = tuple(_named(number) for number in range(1, self.slots))
        self.plan(self.planner.first(Points((), (start,), named)))

    def plan(self, planned: Round) -> None:
        """Write down a round."""
        with self.timed("plan"):
            jobs = job_numbers(self.study, planned.variants)
        variants = tuple(Planned(jobs[one.name], Plan.of(one)) for one in planned.variants)
        self.append(RoundPlanned(round=planned.number, variants=variants, refused=tuple(planned.refused)))
        self.planner.remember(self.study, planned.variants)

    def start(self, job: Job) -> None:
        """Start a job."""
        self.append(JobStarted(job=job.job, name=job.name, round=job.round, run_dir=str(job.job)))
        self.places.append(job)

    def end(self, job: Job) -> None:
        """End a job."""
        self.append(_trial(job.job, job.name, job.round, self.slots))
        self.ended += 1
        self.report(final=False)

    def decide(self, step: Decide) -> None:
        """Ask the rules about what ended, as the runner does."""
        with self.timed("decide"):
            numbers = {job.name: job.job for job in self.study.counted() if job.state is not None}
            known = Lazy(numbers, lambda name: self.trial(self.study.jobs[numbers[name]]))
            judged = self.study.unjudged()
            decisions = judge(self.rules, [known[job.name] for job in judged], known)
        numbers = tuple(job.job for job in judged)
        self.append(RulesAsked(round=step.round, decisions=tuple(decisions), judged=numbers))
        self.report(final=True)

    def trial(self, job: Job) -> Trial:
        """A trial, with a summary in place of curves."""
        trial = self.planner.trial(job)
        one = MetricSummary(**job.summary["loss"])
        return Trial(
            trial.variant, job.job, job.round, job.run_dir, trial.state, job.objective, {"loss": one}
        )

    def report(self, final: bool) -> None:
        """Draw the report as the runner does: at the end of a round, and of a job where one is due."""
        if self.reporter:
            with self.timed("report"):
                (self.reporter.write if final else self.reporter.keep_up)(self.study)

    def append(self, event: Event) -> None:
        """Write one line of the journal."""
        with self.timed("journal"):
            self.journal.append(event)


def _trial(job: int, name: str, number: int, slots: int) -> JobEnded:
    """The end of a job that is a little better than its parent."""
    loss = BETTER**number + job % slots * 1e-6
    summary = MetricSummary(1.0, loss, loss, 100, loss - 1.0, 100 * (loss - 1.0), 100).as_dict()
    many = dict.fromkeys(("loss", "eval/loss", "train/loss", "lr", "grad_norm"), summary)
    return JobEnded(
        objective=loss,
        state=TrialState.COMPLETE,
        summary=many,
        steps=100,
        error="",
        details=Details(started_at=float(job), ended_at=job + 60.0, slot=job % slots),
        job=job,
        name=name,
        round=number,
    )


def prefill(study_dir: Path, trials: int, slots: int) -> None:
    """Write the journal of a study of so many trials, as the loop would have written it."""
    with (study_dir / FILE_NAME).open("w") as file:

        def write(event: Event) -> None:
            file.write(json.dumps({**event.as_record(), "time": 0.0}) + "\n")

        write(HEAD)
        for number in range(1, trials // slots + 1):
            names = {(number - 1) * slots + place: f"n{number}_{place}" for place in range(slots)}
            variants = tuple(_grown(job, name, number, slots) for job, name in names.items())
            write(RoundPlanned(round=number, variants=variants, refused=()))
            for job, name in names.items():
                write(JobStarted(job=job, name=name, round=number, run_dir=str(job)))
                write(_trial(job, name, number, slots))
            said = tuple(
                Decision("step", name, "no other rule fired", {}, ("lr@mul=0.99",)) for name in names.values()
            )
            write(RulesAsked(round=number, decisions=said, judged=tuple(names)))


def _grown(job: int, name: str, number: int, slots: int) -> Planned:
    """A variant that descends from the one in the same place of the round before."""
    place, factor = job % slots, BETTER ** (number - 1)
    config = {"lr": (1 + place / 1000) * factor, "seed": 1}
    parent = f"n{number - 1}_{place}" if number > 1 else None
    changes = (("lr", config["lr"] / BETTER, config["lr"]),) if parent else ()
    about = (("lr@mul=0.99",) if parent else (), parent, "step" if parent else "baseline", "grown", {}, "")
    variant = Variant(name, *about, (json.dumps(config),), config, signature(config), changes)
    return Planned(job, Plan.of(variant))


def _named(number: int) -> Variant:
    edits = (f"lr@set={1 + number / 1000}",)
    return Variant(f"v{number}", edits, None, "variants", "a guess", {}, "", (), {}, "")


PHASES = ("next step", "decide", "plan", "journal", "report")


def loop(trials: int, slots: int, report: bool, after: int) -> None:
    """Run one study, ``after`` trials of which are there already, and print what the others cost."""
    os.fsync = lambda fd: None  # type: ignore[assignment]
    print(f"{trials} trials after {after} on {slots} slots; ms of CPU time for each trial")
    print("     trials " + "".join(f"{phase:>11}" for phase in (*PHASES, "all")))
    with tempfile.TemporaryDirectory() as directory:
        study_dir = Path(directory)
        if after:
            prefill(study_dir, after, slots)
        began = time.process_time()
        study = Loop(study_dir, after + trials, slots, report)
        print(f"opened {after} trials in {time.process_time() - began:.1f} s", flush=True)
        before: Counter[str] = Counter()
        for ended in study.run():
            if ended % max(slots, trials // 10) == 0:
                spent = [1000 * (study.cpu_s[phase] - before[phase]) for phase in PHASES]
                each = [one / max(slots, trials // 10) for one in (*spent, sum(spent))]
                print(f"{after + ended:11d} " + "".join(f"{one:11.3f}" for one in each), flush=True)
                before = study.cpu_s.copy()
        print(f"peak memory {_peak_mib()} MiB")
        print(f"journal {(study_dir / FILE_NAME).stat().st_size / 2**20:.1f} MiB", end="; ")
        began = time.process_time()
        study.journal.snapshot()
        print(f"a snapshot for onlookers {1000 * (time.process_time() - began):.1f} ms", end="; ")
        began = time.process_time()
        read_study(study_dir)
        print(f"replay {time.process_time() - began:.1f} s")
        if report:
            began = time.process_time()
            study.reporter.write(study.study)  # type: ignore[union-attr]
            print(f"the last report {time.process_time() - began:.1f} s", end="; ")
            print(f"peak memory {_peak_mib()} MiB", end="; ")
            print(f"report.html {(study_dir / 'reports' / 'report.html').stat().st_size / 2**20:.1f} MiB")


def report(trials: int, slots: int) -> None:
    """Print what replaying and drawing a study of so many trials costs."""
    with tempfile.TemporaryDirectory() as directory:
        study_dir = Path(directory)
        prefill(study_dir, trials, slots)
        began = time.process_time()
        study = read_study(study_dir)
        replayed = time.process_time()
        study.copy()
        copied = time.process_time()
        Reporter(study_dir, lambda run_dir: {}).write(study)
        drawn = time.process_time()
        page = (study_dir / "reports" / "report.html").stat().st_size / 2**20
        print(f"{trials} trials: journal {(study_dir / FILE_NAME).stat().st_size / 2**20:.1f} MiB", end="; ")
        print(f"replay {replayed - began:.2f} s; snapshot {1000 * (copied - replayed):.1f} ms", end="; ")
        print(f"report {drawn - copied:.2f} s, page {page:.1f} MiB; peak memory {_peak_mib()} MiB")


class CountingComposer(JsonComposer):
    """The same, and counts how many configs it composes, of which none is kept."""

    composed = 0

    def config(self, overrides: Sequence[str]) -> dict[str, Any]:
        """The config of a job."""
        self.composed += 1
        return super().config(overrides)


def plan(trials: int, slots: int) -> None:
    """Print what a round of ``strategy=mixed`` costs after so many trials, and then a free place."""
    with tempfile.TemporaryDirectory() as directory:
        study_dir = Path(directory)
        prefill(study_dir, trials, slots)
        study, composer = read_study(study_dir), CountingComposer()
        rules = (Fallback(name="step", edits=["lr@mul=0.99"]),)
        settings = Settings(
            Limits(rounds=10**6), rules, MixedStrategy(size=slots), Metrics(objective="loss"), {}
        )
        planner = Planner(settings, composer, study_dir, lambda: slots)  # type: ignore[arg-type]
        print(f"{trials} trials:", end=" ")
        for places, what in ((slots, f"a round of {slots}"), (1, "a free place")):
            composer.composed, began = 0, time.process_time()
            planner.next(study, study.rounds[-1] + 1, places)
            spent = time.process_time() - began
            print(f"{what} {spent:.2f} s, {composer.composed} configs looked at;", end=" ", flush=True)
        print(f"peak memory {_peak_mib()} MiB")


def beside(earlier: Path, what: str, sizes: Sequence[int], slots: int) -> None:
    """Run a benchmark with an earlier state of the project and with this one in turn, each by its own script.

    Args:
        earlier: A folder with the files of ``git archive COMMIT autoloop hydra_plugins benchmarks``.
        what: ``report`` or ``plan``.
        sizes: Trials.
        slots: Slots.
    """
    here = Path(__file__).resolve().parent.parent
    for trials in sizes:
        for name, folder in (("before", earlier.resolve()), ("now", here)):
            words = [sys.executable, str(folder / "benchmarks" / "scale.py"), what, str(trials)]
            ran = subprocess.run(
                [*words, "--slots", str(slots)],
                env={**os.environ, "PYTHONPATH": str(folder)},
                cwd=folder,
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
            print(f"{name:7s} {ran.stdout.strip()}", flush=True)


def _peak_mib() -> str:
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}"


def idle() -> None:
    """Print how long slots stand idle for job lengths of a lognormal distribution."""
    print(
        "idle share of the slots in %, 40 rounds, mean of 5 seeds; sigma is that of the log of a job's length"
    )
    print("  slots  jobs/round  sigma     barrier  quorum 0.9  no barrier")
    for slots in (8, 1000):
        for width in (1, 3):
            for sigma in (0.25, 0.5, 1.0):
                cells = [_mean_idle(slots, width * slots, sigma, quorum) for quorum in (1.0, 0.9, 0.0)]
                shown = "".join(f"{100 * cell:12.1f}" for cell in cells)
                print(f"{slots:7d}{width * slots:12d}{sigma:7.2f}{shown}", flush=True)


def _mean_idle(slots: int, jobs: int, sigma: float, quorum: float) -> float:
    return sum(idle_share(slots, jobs, sigma, quorum, random.Random(seed)) for seed in range(5)) / 5


def idle_share(slots: int, jobs: int, sigma: float, quorum: float, draw: random.Random) -> float:
    """Share of the slots' time, up to the end of the last round, in which no job ran in them.

    Args:
        slots: Places.
        jobs: Jobs of a round; the longest start first where a round has more jobs than there are slots.
        sigma: Of the logarithm of a job's length; its median is 1.
        quorum: Share of a round that must have ended before the next is planned; 0: no barrier at all.
        draw: Draws the lengths.
    """
    free = [0.0] * slots  # when each slot is free, a heap
    planned_at, busy = 0.0, 0.0
    for _ in range(40):
        lengths = sorted((draw.lognormvariate(0, sigma) for _ in range(jobs)), reverse=jobs > slots)
        if jobs <= slots:
            draw.shuffle(lengths)
        ends = []
        for length in lengths:
            began = max(heapq.heappop(free), planned_at)
            heapq.heappush(free, began + length)
            ends.append(began + length)
            busy += length
        planned_at = sorted(ends)[int(quorum * jobs) - 1] if quorum else 0.0
    until = max(free) if quorum == 1.0 else min(free)
    over = sum(max(0.0, end - until) for end in free)
    return max(0.0, 1 - (busy - over) / (slots * until))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    looped = commands.add_parser("loop")
    looped.add_argument("trials", type=int)
    looped.add_argument("--slots", type=int, default=1000)
    looped.add_argument("--after", type=int, default=0, help="so many trials are there already")
    looped.add_argument("--no-report", action="store_true")
    drawn = commands.add_parser("report")
    drawn.add_argument("trials", type=int)
    drawn.add_argument("--slots", type=int, default=1000)
    planned = commands.add_parser("plan")
    planned.add_argument("trials", type=int)
    planned.add_argument("--slots", type=int, default=100)
    compared = commands.add_parser("beside")
    compared.add_argument("earlier", type=Path)
    compared.add_argument("what", choices=("report", "plan"))
    compared.add_argument("trials", type=int, nargs="+")
    compared.add_argument("--slots", type=int, default=1000)
    commands.add_parser("idle")
    given = parser.parse_args()
    if given.command == "idle":
        idle()
    elif given.command == "beside":
        beside(given.earlier, given.what, given.trials, given.slots)
    elif given.command == "plan":
        plan(given.trials, given.slots)
    elif given.command == "report":
        report(given.trials, given.slots)
    else:
        loop(given.trials, given.slots, not given.no_report, given.after)


if __name__ == "__main__":
    main()
