"""Running a study: asks the loop what is due, does it, and writes each step into the journal first."""

from __future__ import annotations

import json
import logging
import math
import os
import shlex
import socket
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf

from autoloop import __version__
from autoloop.callbacks import LINEAGE_FILE, RoundCallback
from autoloop.collect import JobEnd, end_in_launcher, trial_fields
from autoloop.compose import Composer
from autoloop.edits import format_literal
from autoloop.errors import JournalError
from autoloop.files import fresh_dir, write_atomic
from autoloop.history import History, read_history
from autoloop.journal import FILE_NAME, Journal, set_aside
from autoloop.loop import (
    Decide,
    Flow,
    PlanRound,
    Requeue,
    Round,
    Run,
    Step,
    Stop,
    Wait,
    next_step,
)
from autoloop.onlookers import onlookers
from autoloop.plan import Points, plan_text, preview, read_points
from autoloop.planning import Planner
from autoloop.redact import logger, redact, reveal
from autoloop.report import Reporter
from autoloop.report.facts import Facts
from autoloop.resume import changes_since, end_of_earlier, is_over
from autoloop.rules.base import Decision
from autoloop.schedule import idle_share, longest_first
from autoloop.score import conclusion
from autoloop.settings import Settings
from autoloop.stopping import StopDecision
from autoloop.study import Job, Plan, Study
from autoloop.trials import TrialState
from autoloop.variants import Variant
from autoloop.wandb_commands import wandb_hints
from autoloop.wandb_env import check_login
from autoloop.watcher import Watcher

log: logging.Logger = logger("autoloop")

Returns = list[Sequence[JobReturn]]

#: States of jobs, not tried again, that make the study's exit code 1.
UNFINISHED = (TrialState.FAILED, TrialState.TIMEOUT, TrialState.INTERRUPTED)


class StudyRunner:
    """Runs one study in one sweep directory, through any Hydra launcher."""

    def __init__(
        self, settings: Settings, context: HydraContext, config: DictConfig, launcher: Launcher
    ) -> None:
        self.settings = settings
        self.context = context
        self.config = config
        self.launcher = launcher
        self.study_dir = Path(str(config.hydra.sweep.dir))
        self.composer = Composer(context.config_loader, config, settings.bounds)
        self.planner = Planner(settings, self.composer, self.study_dir, self._slots)
        self.returns: Returns = []
        self._reporter = Reporter(self.study_dir, self._read_history)
        self._callback = self._add_callback()
        self._first = Round(1, {})
        self._closing = False

    def run(self, arguments: Sequence[str]) -> Returns:
        """Run the study until it stops.

        Args:
            arguments: The overrides of the command line, choice sweeps included.

        Returns:
            What the jobs of each batch returned, in job order.

        Raises:
            AutoloopError: The user's input cannot be used; nothing was launched.
            SystemExit: With code 1 if a job failed for good, 130 if the study was interrupted.
        """
        points = read_points(arguments, self.context.config_loader, self.composer, self.settings)
        planned = self.planner.first(points)
        self.planner.load_scorecard()
        if self.settings.dry_run:
            jobs = [(variant.overrides, job) for job, variant in enumerate(planned.variants)]
            run_dirs = [self.composer.run_dir(*job) for job in jobs]
            previews = [preview(self.composer, *job) for job in jobs]
            print(plan_text(planned, self.settings, run_dirs, previews))
            return []
        self._check_surroundings(points.starts)
        if self.settings.resume == "auto":
            self._set_finished_aside()
        try:
            with Journal(self.study_dir) as journal, onlookers(journal, self.settings, self.launcher):
                self._open(journal, points)
                return self._close(journal, self._until_stop(journal, planned))
        except OSError as error:
            raise JournalError(
                f"the study in {self.study_dir} cannot go on: {error}; what was written before is unharmed. "
                "Put that right, then give the same command again to go on"
            ) from error

    def _check_surroundings(self, starts: Sequence[Variant]) -> None:
        """Find out before anything is written whether jobs can run here.

        Raises:
            ConfigError: The launcher has no slots for these settings, or W&B lacks a key.
        """
        _ = getattr(self.launcher, "pool", None)
        for start in starts:
            preview(self.composer, start.overrides, 0)  # what cannot work ends here, not in every job
            asked = OmegaConf.select(self.composer.compose(start.overrides), "wandb")
            check_login(asked, os.environ)

    def _until_stop(self, journal: Journal, planned: Round) -> Stop:
        """Do what is due until nothing is; an interruption leaves a study that resumes."""
        try:
            return self._loop(journal, planned)
        except (KeyboardInterrupt, SystemExit) as end:
            with suppress(KeyboardInterrupt):
                self._interrupted(journal)
            raise SystemExit(130 if isinstance(end, KeyboardInterrupt) else end.code) from None

    # ------------------------------------------------------------------ opening and closing

    def _open(self, journal: Journal, points: Points) -> None:
        settings = redact(OmegaConf.to_yaml(self.config), os.environ)
        write_atomic(self.study_dir / "multirun.yaml", settings)
        now = self._header(points)
        if not journal.study.header:
            journal.append("study", **now)
            log.info("study %s: %s", self.study_dir, _count(self.settings.limits.rounds, "round"))
            return
        changed = changes_since(journal.study.header, now)
        if self.settings.resume == "false":
            raise JournalError(
                f"{self.study_dir} holds a study already and resume=false; choose another hydra.sweep.dir"
            )
        if changed and self.settings.resume != "force":
            listed = "\n  ".join(changed)
            raise JournalError(
                f"the study in {self.study_dir} was started with other settings:\n  {listed}\n"
                "Choose another hydra.sweep.dir, or go on all the same with resume=force"
            )
        if is_over(journal.study, self.settings.limits):
            return
        journal.append("resume", pid=os.getpid(), host=socket.gethostname(), changed=changed)
        log.info("study %s goes on: %s so far", self.study_dir, _count(len(journal.study.jobs), "job"))
        for job in [job for job in journal.study.jobs.values() if job.running]:
            self._take_over(journal, job)

    def _set_finished_aside(self) -> None:
        """Make room for a new study where a finished one lies."""
        if not (self.study_dir / FILE_NAME).is_file():
            return
        with Journal(self.study_dir) as journal:
            study = journal.study
            if not is_over(study, self.settings.limits):
                return
            aside = set_aside(self.study_dir, study)
        log.info("the finished study that was here is now in %s", aside)

    def _header(self, points: Points) -> dict[str, Any]:
        metrics = self.settings.metrics
        return {
            "autoloop": __version__,
            "task": self.task_name,
            "command": shlex.join([Path(sys.executable).name, *sys.orig_argv[1:]]),
            "cwd": str(Path.cwd()),
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "overrides": list(points.arguments),
            "objective": {"metric": metrics.objective, "goal": metrics.goal, "stat": metrics.objective_stat},
            "limits": asdict(self.settings.limits),
            "starts": [start.name for start in points.starts],
            "config": self.composer.of_job(points.starts[0].config),
            "settings": {
                **self.settings.raw,
                "variants": [[variant.name, *variant.edits] for variant in points.named],
                "starts": [start.signature for start in points.starts],
            },
        }

    def _take_over(self, journal: Journal, job: Job) -> None:
        """Record what became of a job that was running when an earlier process ended."""
        self._record(journal, job, end_of_earlier(self.study_dir / job.run_dir))

    def _close(self, journal: Journal, stop: Stop) -> Returns:
        study = journal.study
        if study.stopped is None:
            best = study.best()
            self.planner.keep_score(study)
            journal.append(
                "stop",
                reason=stop.reason,
                failed=stop.failed,
                best=best.name if best else None,
                limits=asdict(self.settings.limits),
            )
            self._report(study)
        else:
            log.info("nothing is left to do in %s", self.study_dir)
        self._say_end(study, stop)
        failed = [job for job in study.counted() if job.state in UNFINISHED]
        if failed and len(study.jobs) == 1 and self.returns:
            _ = self.returns[0][0].return_value  # the only job: raise its own error, as Hydra's sweeper does
        if stop.failed or failed:
            raise SystemExit(1)
        return self.returns

    def _interrupted(self, journal: Journal) -> None:
        for job in [job for job in journal.study.jobs.values() if job.running]:
            self._take_over(journal, job)
        self._report(journal.study)
        log.warning("interrupted; the same command with hydra.sweep.dir=%s goes on from here", self.study_dir)

    # ------------------------------------------------------------------ the steps

    def _loop(self, journal: Journal, first: Round) -> Stop:
        self._first = first
        while True:
            step = self._next_step(journal.study)
            if isinstance(step, Stop):
                return step
            if isinstance(step, Run):
                self._run(journal, step.jobs)
            stop = self._take(journal, step)
            if stop:
                return stop

    def _next_step(self, study: Study) -> Step:
        return next_step(study, self.settings.limits, self._flow)

    def _take(self, journal: Journal, step: Step) -> Stop | None:
        """Take a step that starts no job; return why the study ends if there is nothing to propose."""
        if isinstance(step, Requeue):
            journal.append("requeue", job=journal.study.next_job, of=step.job.job, name=step.job.name)
        elif isinstance(step, Decide):
            self._decide(journal, step.round)
        elif isinstance(step, PlanRound):
            first = step.round == 1 and not journal.study.jobs
            planned = self._first if first else self.planner.next(journal.study, step.round, step.places)
            return self._plan(journal, planned)
        return None

    @cached_property
    def _flow(self) -> Flow:
        """How rounds follow each other, as far as the launcher tells of each end."""
        if hasattr(self.launcher, "stream"):
            return replace(self.settings.flow, slots=self._slots())
        return Flow()

    def _plan(self, journal: Journal, planned: Round) -> Stop | None:
        if not planned.variants:
            refused = "; ".join(f"{r.rule} on {r.trial}: {r.why}" for r in planned.refused[:5])
            return Stop(
                f"no rule has anything new to propose after round {planned.number - 1}"
                + (f" ({refused})" if refused else "")
            )
        variants = planned.variants
        self.planner.remember(variants)
        if planned.number > 1:
            variants = longest_first(journal.study, variants)
        first_job = journal.study.next_job
        journal.append(
            "round",
            round=planned.number,
            variants=[_planned(variant, first_job + i) for i, variant in enumerate(variants)],
            refused=[asdict(refusal) for refusal in planned.refused],
        )
        log.info("round %d: %s", planned.number, _count(len(planned.variants), "job"))
        for variant in planned.variants:
            log.info("  %s", _told(variant))
        return None

    def _decide(self, journal: Journal, number: int) -> None:
        study = journal.study
        known = {job.name: self.planner.trial(job) for job in study.counted() if job.state is not None}
        judged = study.unjudged()
        decisions: list[Decision] = []
        for callback in self.context.callbacks.callbacks:
            ask: Callable[..., list[Decision] | None] | None = getattr(callback, "on_round_end", None)
            if ask is None:
                continue
            said = ask(
                config=self.config,
                study_dir=self.study_dir,
                round=number,
                trials=[known[job.name] for job in judged],
                known=known,
                rules=self.settings.rules,
                metrics=self.settings.metrics,
            )
            decisions.extend(said or ())
        journal.append(
            "decisions",
            round=number,
            decisions=[asdict(decision) for decision in decisions],
            judged=[job.job for job in judged],
        )
        self._report(study)

    # ------------------------------------------------------------------ running jobs

    def _run(self, journal: Journal, jobs: Sequence[Job]) -> None:
        stream = getattr(self.launcher, "stream", None)
        if stream is not None:
            self._run_streamed(journal, stream)
        else:
            self._run_batches(journal, jobs)

    def _run_streamed(self, journal: Journal, stream: Callable[..., Generator[Any, None, None]]) -> None:
        """Run jobs through a launcher that tells of each end at once, until nothing runs any more."""
        returned: dict[int, JobReturn] = {}
        ended = threading.Condition(journal.lock)
        watcher = self._watcher(journal)
        self._closing = False
        watcher.start()
        try:
            with closing(stream(self._feed(journal, ended))) as outcomes:
                for outcome in outcomes:
                    self._closing = self._closing or outcome.ended_by == "interrupted"
                    self._record(journal, journal.study.jobs[outcome.index], JobEnd.of_outcome(outcome))
                    with ended:
                        ended.notify_all()
                    if isinstance(outcome.value, JobReturn):
                        returned[outcome.index] = outcome.value
        finally:
            watcher.close()
            with ended:
                self._closing = True
                ended.notify_all()
        done = [returned[number] for number in sorted(returned)]
        size = self.settings.max_batch_size or max(1, len(done))
        self.returns.extend(done[i : i + size] for i in range(0, len(done), size))

    def _feed(self, journal: Journal, ended: threading.Condition) -> Iterator[tuple[int, Sequence[str]]]:
        """Hand out a job whenever a slot is free; what is to be decided while jobs run is decided here.

        Ends where nothing runs and nothing is to be started: the rest is done between streams. A slot is free
        before its job's end is written down; that is waited for.
        """
        while True:
            with ended:
                ended.wait_for(lambda: self._closing or self._has_room(journal.study))
                step = Stop("closing") if self._closing else self._next_step(journal.study)
                if isinstance(step, Run):
                    started = (step.jobs[0].job, self._start(journal, step.jobs[0]))
                elif isinstance(step, Stop) or not (journal.study.running() or isinstance(step, Requeue)):
                    return
                elif isinstance(step, Wait) or self._take(journal, step) is not None:
                    ended.wait()
            if isinstance(step, Run):
                yield started

    def _has_room(self, study: Study) -> bool:
        """Whether fewer jobs run than there are slots, as far as the journal knows."""
        slots = self._slots()
        return slots is None or len(study.running()) < slots

    def _watcher(self, journal: Journal) -> Watcher:
        """Watches the running jobs and ends those that a stop rule wants ended."""

        def stop(job: Job, decision: StopDecision) -> None:
            with journal.lock:
                if not journal.study.jobs[job.job].running:
                    return
                journal.append("stopping", job=job.job, name=job.name, **asdict(decision))
            log.warning("job %d is stopped by %s: %s: %s", job.job, decision.rule, job.name, decision.reason)
            self.launcher.stop(job.job)  # type: ignore[attr-defined]  # of a launcher that streams

        return Watcher(self.settings.watching, self.settings.metrics, self.study_dir, journal.snapshot, stop)

    def _run_batches(self, journal: Journal, jobs: Sequence[Job]) -> None:
        """Run jobs through any Hydra launcher, which tells of their ends all at once."""
        for batch in contiguous(jobs, self.settings.max_batch_size):
            if isinstance(next_step(journal.study, self.settings.limits), Stop):
                return
            overrides = [self._start(journal, job) for job in batch]
            returned, broken = self._launch(overrides, batch[0].job)
            for job, job_return in zip(batch, returned, strict=True):
                self._record(journal, job, self._end_of(journal.study.jobs[job.job], job_return, broken))
            self.returns.append([job_return for job_return in returned if job_return is not None])

    def _launch(
        self, overrides: Sequence[list[str]], first: int
    ) -> tuple[list[JobReturn | None], BaseException | None]:
        """Launch a batch; a launcher that raises loses its results, not the study.

        A task that calls ``sys.exit`` ends a launcher that runs it in this process.
        """
        try:
            return list(self.launcher.launch(overrides, initial_job_idx=first)), None
        except (Exception, SystemExit) as error:  # the border of the jobs: recorded as the end of each
            log.warning(
                "the launcher gave up on jobs %d to %d", first, first + len(overrides) - 1, exc_info=True
            )
            return [None] * len(overrides), error

    def _end_of(self, job: Job, job_return: JobReturn | None, broken: BaseException | None) -> JobEnd:
        if job_return is not None:
            failed = job_return.status is not JobStatus.COMPLETED
            return replace(JobEnd.of(job_return._return_value, failed), started_at=job.started_at or None)
        run_dir = self.study_dir / job.run_dir
        return JobEnd.read(run_dir) or end_in_launcher(broken, began=(run_dir / ".hydra").exists())

    def _start(self, journal: Journal, job: Job) -> list[str]:
        """Write down that a job starts and make its directory; return the overrides to launch it with."""
        overrides = [reveal(override, os.environ) for override in job.plan.overrides]
        wanted = self.composer.run_dir(overrides, job.job)
        run_dir = fresh_dir(self.study_dir, wanted, job.job, journal.study)
        if run_dir != wanted:
            overrides.append(f"hydra.sweep.subdir={format_literal(run_dir)}")
        journal.append("job", job=job.job, name=job.name, round=job.round, run_dir=run_dir)
        lineage = {
            "study_dir": str(self.study_dir.resolve()),
            "name": job.name,
            "group": self.group,
            "job_type": f"round_{job.round}",
            "tags": [job.plan.rule] if job.plan.rule else [],
            "notes": job.plan.reason,
            "parent": job.plan.parent,
            "edits": list(job.plan.edits),
            "evidence": dict(job.plan.evidence),
        }
        text = redact(json.dumps(lineage, default=str), os.environ)
        write_atomic(self.study_dir / run_dir / LINEAGE_FILE, text)
        log.info("job %d started: %s", job.job, job.name)
        return overrides

    def _record(self, journal: Journal, job: Job, end: JobEnd) -> None:
        """Write down how a job ended and show it."""
        job = journal.study.jobs[job.job]
        why = job.details.get("stopping")
        if why and end.ended_by == "stopped":
            end = replace(end, error=f"{why['rule']}: {why['reason']}")
        fields = trial_fields(end, self.study_dir / job.run_dir, self.settings.metrics, job.plan.changes)
        fields = {name: value for name, value in fields.items() if value is not None}
        journal.append(
            "trial", **{"objective": None, **fields, "job": job.job, "name": job.name, "round": job.round}
        )
        log.log(*_said(journal.study, job.job, self.study_dir))
        for warning in fields["warnings"]:
            log.warning("job %d: %s", job.job, warning)
        self._report(journal.study)

    # ------------------------------------------------------------------ helpers

    @property
    def task_name(self) -> str:
        """The chosen task where the app has that config group, else the app's name."""
        choice = OmegaConf.select(self.config, "hydra.runtime.choices.task")
        return str(choice or self.config.hydra.job.name)

    @property
    def group(self) -> str:
        """The study's name in W&B."""
        return "/".join(self.study_dir.resolve().parts[-2:])

    def _read_history(self, run_dir: Path) -> History:
        """The curves of a job under canonical names."""
        return self.settings.metrics.canonical(read_history(run_dir))

    def _slots(self) -> int | None:
        """How many jobs run at a time, where the launcher tells."""
        pool = getattr(self.launcher, "pool", None)
        return None if pool is None else len(pool.slots)

    def _add_callback(self) -> RoundCallback:
        """Our callback among the app's, added where the app has none."""
        callbacks = self.context.callbacks.callbacks
        ours = next((callback for callback in callbacks if isinstance(callback, RoundCallback)), None)
        if ours is None:
            ours = RoundCallback()
            callbacks.append(ours)
        return ours

    def _report(self, study: Study) -> None:
        try:
            self._reporter.write(study)
        except Exception as error:  # noqa: BLE001 - drawn from the journal: `autoloop report` draws it again
            log.warning("the report could not be written (the journal is unharmed): %s", error)

    def _say_end(self, study: Study, stop: Stop) -> None:
        best = study.best()
        log.info(conclusion(study, stop.reason))
        if best:
            where = self.study_dir / "best.yaml"
            log.info("run the best once more (%s): %s", where, Facts(study).command(best))
        idle = idle_share(study)
        if math.isfinite(idle):
            log.info("slots stood idle %.0f %% of the time", 100 * idle)
        log.info("report: %s", self.study_dir / "reports")
        for hint in wandb_hints(study, self.study_dir):
            log.info(hint)


def contiguous(jobs: Sequence[Job], size: int | None) -> Iterator[list[Job]]:
    """Batches of jobs with consecutive numbers (a launcher counts them up), at most ``size`` long."""
    batch: list[Job] = []
    for job in jobs:
        if batch and (job.job != batch[-1].job + 1 or len(batch) == size):
            yield batch
            batch = []
        batch.append(job)
    if batch:
        yield batch


def _planned(variant: Variant, job: int) -> dict[str, Any]:
    """An entry of a ``round`` event."""
    return {"job": job, **{name: getattr(variant, name) for name in Plan.__dataclass_fields__}}


def _said(study: Study, number: int, study_dir: Path) -> tuple[int, str]:
    """The level and the line that tell of a job's end."""
    job = study.jobs[number]
    state = job.state.value if job.state else ""
    if job.state is TrialState.COMPLETE:
        return logging.INFO, f"job {number} {state}: {job.name}, objective {job.objective:.6g}"
    where = study_dir / job.run_dir / str(job.details.get("log", ""))
    return logging.WARNING, f"job {number} {state}: {job.name}: {job.error} (log: {where})"


def _told(variant: Variant) -> str:
    """Where a variant comes from and what it changes, in one line."""
    origin = f" from {variant.parent} by {variant.rule}" if variant.parent else ""
    edits = f": {' '.join(variant.edits)}" if variant.edits else ""
    return f"{variant.name}{origin}: {variant.reason}{edits}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")
