"""Running a study: asks the loop what is due, does it, and writes each step into the journal first."""

from __future__ import annotations

import logging
import math
import os
import shlex
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import cached_property, partial
from pathlib import Path

from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf

from autoloop import __version__
from autoloop.config.compose import Composer
from autoloop.config.rerun import rerun_words
from autoloop.config.settings import Settings
from autoloop.config.world import keep_configs
from autoloop.edits.variants import Variant
from autoloop.engine.execute.traces import add_traceback
from autoloop.engine.inside.body import JobBody
from autoloop.engine.inside.watch import Inside
from autoloop.engine.launchers import kind_of, prepare
from autoloop.engine.wandb_env import check_login, left_out
from autoloop.errors import JournalError, counted
from autoloop.history import History
from autoloop.loop.due import at_end, next_step
from autoloop.loop.filling import Round
from autoloop.loop.score import conclusion, winner
from autoloop.loop.steps import (
    Close,
    Decide,
    Flow,
    Measure,
    PlanRound,
    Requeue,
    Reseed,
    Run,
    Step,
    Stop,
    TakeBack,
    Wait,
)
from autoloop.rules.base import Decision
from autoloop.runner.callbacks import RoundCallback
from autoloop.runner.dispatch import Dispatcher, Returns, slots_of, slots_to_fill, stream_of
from autoloop.runner.onlookers import onlookers
from autoloop.runner.plan import Points, plan_text, preview, read_points
from autoloop.runner.planning import Planner
from autoloop.runner.resume import changes_since, end_of_earlier, interrupt_jobs, is_over
from autoloop.store.files import fitting, write_atomic
from autoloop.store.journal import FILE_NAME, Journal, set_aside
from autoloop.store.reading import read_curves
from autoloop.store.redact import logger, redact
from autoloop.study.events import (
    Identity,
    JobRequeued,
    Objective,
    Planned,
    RoundPlanned,
    RulesAsked,
    SearchClosed,
    StudyBegun,
    StudyResumed,
    StudyStopped,
)
from autoloop.study.identity import exact
from autoloop.study.record import Job, Plan, Study
from autoloop.study.schedule import idle_share, job_numbers
from autoloop.study.trials import TrialState
from autoloop.views.report import Reporter
from autoloop.views.report.facts import Facts
from autoloop.views.wandb_commands import wandb_hints

log: logging.Logger = logger("autoloop")

#: States of jobs, not tried again, that make the study's exit code 1.
UNFINISHED = (TrialState.FAILED, TrialState.TIMEOUT, TrialState.INTERRUPTED)

#: What further jobs of a round are for, in words.
AIMS = {
    "race": "which of the leaders leads: another seed",
    "ablate": "which edits of the winner do something: without each of them",
    "reduce": "the winner without the edits that seem to do nothing",
    "check": "do they do nothing: the winner with and without them on further seeds",
    "confirm": "is the winner better: fresh seeds",
}


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
        self.world = keep_configs(context.config_loader)
        self.composer = Composer(context.config_loader, config, settings.bounds)
        fill = partial(slots_to_fill, launcher, settings)
        self.planner = Planner(settings, self.composer, self.study_dir, fill)
        self.returns: Returns = []
        self._reporter = Reporter(self.study_dir, self._read_history)
        self._callback = self._add_callback()
        self._first = Round(1, {})
        self._prepare_jobs()

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
        points, planned = self._begin(arguments)
        self.planner.load_scorecard()
        if self.settings.dry_run:
            print(self._plan_text(planned))
            return []
        self._check_surroundings(points.starts)
        if self.settings.resume == "auto":
            self._set_finished_aside()
        try:
            with Journal(self.study_dir) as journal, onlookers(journal, self.settings, self.launcher):
                if journal.study.begun and journal.study.header.identity is None:
                    self.composer.signs_values = True  # as the process did that began it
                    points, planned = self._begin(arguments)
                self._open(journal, points)
                return self._close(journal, self._until_stop(journal, planned))
        except OSError as error:
            raise JournalError(
                f"the study in {self.study_dir} cannot go on: {error}; what was written before is unharmed. "
                "Put that right, then give the same command again to go on"
            ) from error

    def _begin(self, arguments: Sequence[str]) -> tuple[Points, Round]:
        """Where the study starts, and its first round."""
        points = read_points(arguments, self.context.config_loader, self.composer, self.settings)
        return points, self.planner.first(points)

    def _plan_text(self, planned: Round) -> str:
        jobs = [(variant.overrides, job) for job, variant in enumerate(planned.variants)]
        given = StudyBegun(command=self._command, cwd=str(Path.cwd()))
        words = [[word for word in job[0] if not word.startswith("dry_run=")] for job in jobs]
        previews = [
            preview(self.composer, *job) or shlex.join(rerun_words(given, own))
            for job, own in zip(jobs, words, strict=True)
        ]
        dirs = [fitting(self.study_dir, self.composer.run_dir(*job), job[1]) for job in jobs]
        runs = list(zip(dirs, previews, strict=True))
        pool = getattr(self.launcher, "pool", None)
        slots = None if pool is None else pool.slots
        foresight = self.planner.foresee(planned, planned.variants[0])
        return plan_text(planned, self.settings, foresight, runs, slots, self.composer.sketch)

    def _check_surroundings(self, starts: Sequence[Variant]) -> None:
        """Find out before anything is written whether jobs can run here.

        Raises:
            ConfigError: The launcher has no slots for these settings, or W&B lacks a key.
        """
        _ = getattr(self.launcher, "pool", None)
        prepare(self.launcher, self.settings.n_jobs)
        for start in starts:
            preview(self.composer, start.overrides, 0)  # what cannot work ends here, not in every job
            asked = OmegaConf.select(self.composer.compose(start.overrides), "wandb")
            check_login(asked, os.environ)
        if unwanted := left_out(os.environ):
            log.warning("%s", unwanted)

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
        if not journal.study.begun:
            journal.append(now)
            log.info("study %s: %s", self.study_dir, counted(self.settings.limits.rounds, "round"))
            self._say_what_the_launcher_cannot_do()
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
        host = socket.gethostname()
        journal.append(StudyResumed(pid=os.getpid(), host=host, changed=tuple(changed), names="unique"))
        self._say_what_the_launcher_cannot_do()
        log.info("study %s goes on: %s so far", self.study_dir, counted(len(journal.study.jobs), "job"))
        for job in [job for job in journal.study.jobs.values() if job.running]:
            if self._adopt(job):
                log.info("job %d was started by an earlier process and is adopted: %s", job.job, job.name)
            else:
                self._take_over(journal, job)

    def _say_what_the_launcher_cannot_do(self) -> None:
        if not hasattr(self.launcher, "stream"):
            kind = kind_of(self.launcher)
            log.info("hydra/launcher=%s %s (docs/clusters.md)", kind.name, kind.cannot)

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

    def _header(self, points: Points) -> StudyBegun:
        metrics, start = self.settings.metrics, points.starts[0]
        return StudyBegun(
            autoloop=__version__,
            task=self.task_name,
            command=self._command,
            cwd=str(Path.cwd()),
            pid=os.getpid(),
            host=socket.gethostname(),
            overrides=tuple(points.arguments),
            objective=Objective(metric=metrics.objective, goal=metrics.goal, stat=metrics.objective_stat),
            limits=asdict(self.settings.limits),
            starts=tuple(start.name for start in points.starts),
            config=exact(self.composer.of_job(start.config)),
            identity=Identity(
                config=exact(self.composer.identity(start.overrides)), files=dict(self.world.files)
            ),
            settings={
                **self.settings.raw,
                "variants": [[variant.name, *variant.edits] for variant in points.named],
                "starts": [start.signature for start in points.starts],
            },
        )

    def _adopt(self, job: Job) -> bool:
        """Let the launcher look after a job that an earlier process started, where its jobs outlive that."""
        adopt: Callable[..., bool] | None = getattr(self.launcher, "adopt", None)
        return adopt is not None and adopt(job.job, job.plan.overrides, job.handle)

    def _take_over(self, journal: Journal, job: Job) -> None:
        """Record what became of a job that was running when an earlier process ended."""
        self._dispatcher(journal).record(job, end_of_earlier(self.study_dir / job.run_dir))

    def _close(self, journal: Journal, stop: Stop) -> Returns:
        study = journal.study
        if study.stopped is None:
            best = winner(replace(study, worthy=stop.worthy))
            self.planner.keep_score(study)
            journal.append(
                StudyStopped(
                    reason=stop.reason,
                    failed=stop.failed,
                    worthy=stop.worthy,
                    best=best.name if best else None,
                    limits=self.settings.limits.recorded(),
                )
            )
            self._report(study)
        else:
            log.info("nothing is left to do in %s", self.study_dir)
        self._say_end(study, stop)
        failed = [job for job in study.counted() if job.state in UNFINISHED]
        if failed and len(study.jobs) == 1 and self.returns:
            returned = self.returns[0][0]
            add_traceback(returned._return_value, failed[0].details.log_tail)
            _ = returned.return_value  # the only job: raise its own error, as Hydra's sweeper does
        if stop.failed or failed:
            raise SystemExit(1)
        return self.returns

    def _interrupted(self, journal: Journal) -> None:
        running = [job for job in journal.study.jobs.values() if job.running]
        interrupt_jobs(self.study_dir / job.run_dir for job in running)
        for job in running:
            if hasattr(self.launcher, "adopt"):
                log.warning("job %d goes on without this process: %s", job.job, job.name)
            else:
                self._take_over(journal, job)
        self._report(journal.study)
        log.warning("interrupted; the same command with hydra.sweep.dir=%s goes on from here", self.study_dir)

    # ------------------------------------------------------------------ the steps

    def _loop(self, journal: Journal, first: Round) -> Stop:
        self._first = first
        dispatcher = self._dispatcher(journal)
        while True:
            step = self._next_step(journal.study)
            if isinstance(step, Run | Wait) or journal.study.running():  # what runs here was adopted
                self.returns += dispatcher.run(step.jobs if isinstance(step, Run) else ())
                continue
            if isinstance(step, Stop):
                return step
            stop = self._take(journal, step)
            if stop:
                return stop

    def _dispatcher(self, journal: Journal) -> Dispatcher:
        take = partial(self._take, journal)
        return Dispatcher(
            journal, self.settings, self.composer, self.launcher, self._next_step, take, self._keep_up
        )

    def _next_step(self, study: Study) -> Step:
        return next_step(study, self.settings.limits, self._flow)

    def _take(self, journal: Journal, step: Step) -> Stop | None:
        """Take a step that starts no job; return why the study ends if there is nothing to propose."""
        if isinstance(step, Requeue):
            journal.append(JobRequeued(job=journal.study.next_job, of=step.job.job, name=step.job.name))
        elif isinstance(step, Decide):
            self._decide(journal, step.round)
        elif isinstance(step, Close):
            limits = self.settings.limits.recorded()
            journal.append(SearchClosed(reason=step.reason, worthy=step.worthy, limits=limits))
            log.info("the search is over: %s", step.reason)
        elif isinstance(step, Reseed | TakeBack):
            self._measure(journal, step)
        elif isinstance(step, PlanRound):
            first = step.round == 1 and not journal.study.jobs
            planned = self._first if first else self.planner.next(journal.study, step.round, step.places)
            return self._plan(journal, planned)
        return None

    @cached_property
    def _flow(self) -> Flow:
        """How rounds follow each other, as far as the launcher tells of each end."""
        if stream_of(self.launcher) is None:
            return Flow()
        flow = replace(self.settings.flow, slots=slots_of(self.launcher, self.settings))
        return flow if flow.slots is not None else replace(flow, barrier=True)

    def _plan(self, journal: Journal, planned: Round) -> Stop | None:
        if not planned.variants:
            return self._nothing_new(journal, planned)
        self._append_round(journal, planned)
        self.planner.remember(journal.study, planned.variants)
        more = " more" if len(journal.study.of_round(planned.number)) > len(planned.variants) else ""
        log.info("round %d: %s%s", planned.number, counted(len(planned.variants), "job"), more)
        for variant in planned.variants:
            log.info("  %s", _told(variant))
        return None

    def _nothing_new(self, journal: Journal, planned: Round) -> Stop | None:
        """End the search where nothing is proposed; while jobs run, they may still bring ideas."""
        refused = "; ".join(f"{r.rule} on {r.trial}: {r.why}" for r in planned.refused[:5])
        stop = Stop(
            f"no rule has anything new to propose after round {planned.number - 1}"
            + (f", and {planned.silence}" if planned.silence else "")
            + (f" ({refused})" if refused else "")
        )
        if journal.study.running():
            return stop
        end = at_end(journal.study, self.settings.limits, stop)
        return self._take(journal, end) if isinstance(end, Close) else end

    def _measure(self, journal: Journal, step: Measure) -> None:
        planned = self.planner.measure(journal.study, step)
        self._append_round(journal, planned, step.aim)
        if planned.variants:
            log.info("%s: %s", AIMS[step.aim], counted(len(planned.variants), "job"))

    def _append_round(self, journal: Journal, planned: Round, aim: str = "") -> None:
        """Write down what is planned, each with the number of its job."""
        jobs = job_numbers(journal.study, planned.variants)
        journal.append(
            RoundPlanned(
                round=planned.number,
                variants=tuple(Planned(jobs[one.name], Plan.of(one)) for one in planned.variants),
                refused=tuple(planned.refused),
                aim=aim,
            )
        )

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
            RulesAsked(round=number, decisions=tuple(decisions), judged=tuple(job.job for job in judged))
        )
        self._keep_up(study)

    # ------------------------------------------------------------------ helpers

    @property
    def _command(self) -> str:
        """The command line of this process."""
        return shlex.join([Path(sys.executable).name, *sys.orig_argv[1:]])

    @property
    def task_name(self) -> str:
        """The chosen task where the app has that config group, else the app's name."""
        choice = OmegaConf.select(self.config, "hydra.runtime.choices.task")
        return str(choice or self.config.hydra.job.name)

    def _read_history(self, run_dir: Path) -> History:
        """The curves of a job under canonical names."""
        return read_curves(run_dir, self.settings.metrics)

    def _add_callback(self) -> RoundCallback:
        """Our callback among the app's, added where the app has none."""
        callbacks = self.context.callbacks.callbacks
        ours = next((callback for callback in callbacks if isinstance(callback, RoundCallback)), None)
        if ours is None:
            ours = RoundCallback()
            callbacks.append(ours)
        return ours

    def _prepare_jobs(self) -> None:
        """Let jobs do for themselves what their launcher does not: know when to end."""
        body = getattr(self.launcher, "task_function", None)
        if isinstance(body, JobBody) and not hasattr(self.launcher, "stop"):
            body.inside = Inside(self.settings.watching, self.settings.metrics, self.settings.timeout_s)

    def _keep_up(self, study: Study) -> None:
        """Draw the report after a job's end and after a decision, as far as that is cheap or due."""
        self._draw(study, self._reporter.keep_up)

    def _report(self, study: Study) -> None:
        self._draw(study, self._reporter.write)

    def _draw(self, study: Study, draw: Callable[[Study], None]) -> None:
        try:
            draw(study)
        except Exception as error:  # noqa: BLE001 - drawn from the journal: `autoloop report` draws it again
            log.warning("the report could not be written (the journal is unharmed): %s", error)

    def _say_end(self, study: Study, stop: Stop) -> None:
        best = winner(study)
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


def _told(variant: Variant) -> str:
    """Where a variant comes from and what it changes, in one line."""
    origin = f" from {variant.parent} by {variant.rule}" if variant.parent else ""
    edits = f": {' '.join(variant.edits)}" if variant.edits else ""
    return f"{variant.name}{origin}: {variant.reason}{edits}"
