"""Running a study: asks the loop what is due, does it, and writes each step into the journal first.

`opening` says how a study begins or goes on, `stepping` takes the steps that start no job, `dispatch` runs
jobs, `ending` says what is left at the end.
"""

from __future__ import annotations

import logging
import os
import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path

from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf

from autoloop.config.compose import Composer
from autoloop.config.idle_bounds import idle_bounds
from autoloop.config.rerun import rerun_command, without_study
from autoloop.config.settings import Settings
from autoloop.config.values import written
from autoloop.config.world import keep_configs
from autoloop.curves.metrics import Metrics
from autoloop.edits.variants import Variant
from autoloop.engine.inside.watch import Inside
from autoloop.engine.launchers import JobLauncher
from autoloop.engine.streams import show
from autoloop.engine.wandb_env import check_login, left_out
from autoloop.errors import JournalError
from autoloop.loop.controls import jobs_at_once
from autoloop.loop.due import next_step
from autoloop.loop.filling import Round
from autoloop.loop.steps import Flow, Hold, Run, Step, Stop, Wait
from autoloop.runner.aiming import check_measured, log_aims, settle
from autoloop.runner.callbacks import RoundCallback
from autoloop.runner.desk import Desk
from autoloop.runner.dispatch import Dispatcher, Returns
from autoloop.runner.drawing import Drawing
from autoloop.runner.ending import exit_if_failed, leave_jobs, log_end, write_stop
from autoloop.runner.generations import breeding, length_begun, refuse_contradictions
from autoloop.runner.longer import as_begun, climbing
from autoloop.runner.memory import remember
from autoloop.runner.named import named_in
from autoloop.runner.onlookers import onlookers
from autoloop.runner.opening import (
    command_line,
    header_of,
    keep_config,
    open_study,
    refuse_interpolation,
    set_finished_aside,
    single_run_overrides,
    sweep_pattern,
    task_name,
    warn_of_unfinished,
)
from autoloop.runner.plan import Points, place_and_preview, plan_text, preview, read_points
from autoloop.runner.planning import Planner
from autoloop.runner.progress import counting
from autoloop.runner.quiet import set_detail
from autoloop.runner.resume import end_of_earlier
from autoloop.runner.searching import refuse_missing, understood
from autoloop.runner.stepping import Stepper
from autoloop.store.files import fitting
from autoloop.store.journal import Journal
from autoloop.store.redact import keep_secrets_of, logger
from autoloop.study.events import StudyBegun
from autoloop.study.record import Job, Study

log: logging.Logger = logger("autoloop")


class StudyRunner:
    """Runs one study in one sweep directory, through any Hydra launcher."""

    def __init__(
        self,
        settings: Settings,
        context: HydraContext,
        config: DictConfig,
        launcher: Launcher,
        arguments: Sequence[str],
    ) -> None:
        """Set up for one study.

        Args:
            settings: Its settings.
            context: Hydra's loader and callbacks.
            config: The sweep's own config.
            launcher: What runs the jobs.
            arguments: The overrides of the command line, sweeps included.

        Raises:
            AutoloopError: The user's input cannot be used.
        """
        set_detail(settings.detail)
        self.context = context
        self.config = config
        self.launcher = JobLauncher(launcher)
        self.study_dir = Path(str(config.hydra.sweep.dir))
        keep_secrets_of(written(config))
        self.world = keep_configs(context.config_loader)
        self.arguments = tuple(arguments)
        self.composer = Composer(context.config_loader, config, settings.bounds)
        search, settings = understood(arguments, settings, self.composer, context.config_loader)
        refuse_contradictions(settings)
        search, settings = climbing(search, settings, self.composer)
        self.search, settings = breeding(search, settings, self.composer)
        self.composer.bounds = dict(settings.bounds)
        self.settings = settings
        fill = partial(self.launcher.to_fill, settings.n_jobs)
        self.memory = remember(
            settings.learn_from,
            self.study_dir,
            sweep_pattern(config),
            task_name(config),
            settings.metrics.aim,
        )
        self.planner = Planner(
            settings, self.composer, self.study_dir, fill, self.memory, self.launcher.stops
        )
        self.returns: Returns = []
        self._drawing = Drawing(self.study_dir, settings.metrics)
        self._add_callback()
        self._prepare_jobs(settings.metrics)

    def run(self) -> Returns:
        """Run the study until it stops.

        Returns:
            What the jobs of each batch returned, in job order.

        Raises:
            AutoloopError: The user's input cannot be used; nothing was launched.
            SystemExit: With code 1 if a job failed for good, 130 if the study was interrupted.
        """
        refuse_interpolation(self.study_dir)
        points, planned = self._begin()
        for warning in idle_bounds(self.settings.bounds, [one.config for one in planned.variants]):
            log.warning("%s", warning)
        self.planner.load_scorecard()
        if self.settings.dry_run:
            show(self._plan_text(planned))
            return []
        self._check_surroundings(points.starts)
        if self.settings.resume == "auto":
            set_finished_aside(self.study_dir, self.settings.limits)
        try:
            with Journal(self.study_dir) as journal, onlookers(journal, self.settings, self.launcher):
                study = journal.study
                if study.begun and self._begun_otherwise(study):
                    points, planned = self._begin()
                if study.begun:
                    points = points.as_recorded(study.header)
                return self._run(self._stepper(journal, planned), points)
        except OSError as error:
            raise JournalError(
                f"the study in {self.study_dir} cannot continue: {error}; nothing that was written is lost. "
                "Correct this, then run the same command again to continue"
            ) from error

    def _begun_otherwise(self, study: Study) -> bool:
        """Take up how a study began; return whether that leads to other starting points."""
        search = self.search
        self.search = as_begun(length_begun(search, self.settings.climbing.breeding, study), study)
        return self.composer.imitate(study.header) or self.search != search

    def _begin(self) -> tuple[Points, Round]:
        """Where the study starts, and its first round."""
        points = read_points(self.arguments, self.search, self.composer, self.settings)
        for start in points.starts:
            keep_secrets_of(start.config)
        if self.settings.limits.rounds > 1:
            for start in points.starts:
                refuse_missing(self.composer.planned(start.overrides))
        return points, self.planner.first(points)

    def _plan_text(self, planned: Round) -> str:
        single = single_run_overrides(self.config, self.composer, planned.variants[0].overrides)
        given = StudyBegun(command=command_line(), cwd=str(Path.cwd()), single=single)
        preview = counting(self._preview, "looked at", len(planned.variants))
        runs = [preview(given, variant.overrides, job) for job, variant in enumerate(planned.variants)]
        places = self.launcher.places()
        foresight = self.planner.foresee(planned, planned.variants[0])
        named = named_in(self.config)
        sketch, warning = self.composer.sketch, [*self.search.explained, *self.memory.notes]
        return plan_text(planned, self.settings, foresight, runs, places, named, sketch, warning)

    def _preview(self, given: StudyBegun, overrides: Sequence[str], job: int) -> tuple[str, str]:
        """Directory of a job, and what it would run."""
        wanted, shown = place_and_preview(self.composer, overrides, job)
        kept = without_study(overrides, self.composer.study_keys)
        kept = [one for one in kept if not self.composer.is_knob(one, "dry_run")]
        return fitting(self.study_dir, wanted, job), shown or shlex.join(rerun_command(given, kept))

    def _check_surroundings(self, starts: Sequence[Variant]) -> None:
        """Find out before anything is written whether jobs can run here.

        Raises:
            ConfigError: The launcher has no slots for these settings, or W&B lacks a key.
        """
        self.launcher.prepare(self.settings.n_jobs)
        check_measured(self.settings.metrics.aims, self.launcher)
        for start in starts:
            preview(self.composer, start.overrides, 0)  # what cannot work ends here, not in every job
            asked = OmegaConf.select(self.composer.compose(start.overrides), "wandb")
            check_login(asked, os.environ)
        if unwanted := left_out(os.environ):
            log.warning("%s", unwanted)

    # ------------------------------------------------------------------ with the journal open

    def _run(self, steps: Stepper, points: Points) -> Returns:
        """Open the study, do what is due, close it."""
        keep_config(self.study_dir, self.config)
        header = header_of(
            self.settings, self.config, self.composer, self.world.files, points, self.memory.learnt
        )
        take_over = partial(self._take_over, steps)
        is_new = not steps.journal.study.begun
        open_study(steps.journal, self.settings, self.launcher, header, take_over)
        if is_new:
            log_aims(self.settings.metrics, named_in(self.config))
            warn_of_unfinished(self.config, steps.journal)
            for line in (*self.search.explained, *self.memory.notes):
                log.info("%s", line)
        self._prepare_jobs(self.settings.metrics.aimed(steps.journal.study.aim))
        desk = self._desk(steps)
        with desk.open():
            return self._close(steps.journal, self._until_stop(steps, desk))

    def _desk(self, steps: Stepper) -> Desk:
        """Who takes what users tell this study while it runs."""
        return Desk(
            steps.journal,
            self.settings,
            self.launcher,
            self._next_step,
            self.planner.plan_request,
            steps.append,
            self.planner.baseline,
        )

    def _until_stop(self, steps: Stepper, desk: Desk) -> Stop:
        """Do what is due until nothing is; an interruption leaves a study that resumes."""
        try:
            return self._loop(steps, desk)
        except (KeyboardInterrupt, SystemExit) as end:
            with suppress(KeyboardInterrupt):
                self._interrupted(steps)
            raise SystemExit(130 if isinstance(end, KeyboardInterrupt) else end.code) from None

    def _loop(self, steps: Stepper, desk: Desk) -> Stop:
        dispatcher, study = self._dispatcher(steps), steps.journal.study
        while True:
            desk.look_between()
            step = self._next_step(study)
            if isinstance(step, Hold) and not study.running():
                desk.wait_while_held(step)
                continue
            if isinstance(step, Run | Wait) or study.running():  # what runs here was adopted
                self.returns += dispatcher.run(step.jobs if isinstance(step, Run) else ())
                continue
            if isinstance(step, Stop):
                return step
            stop = steps.take(step)
            if stop:
                return stop

    def _close(self, journal: Journal, stop: Stop) -> Returns:
        study = journal.study
        if study.stopped is None:
            self._settle(journal)
            self.planner.keep_score(study)
            write_stop(journal, stop, self.settings)
            self._drawing.write(study)
        else:
            log.info("nothing is left to do in %s", self.study_dir)
        log_end(study, stop, self.study_dir, self.settings)
        exit_if_failed(study, stop, self.returns, self.settings.max_failure_rate)
        return self.returns

    def _interrupted(self, steps: Stepper) -> None:
        leave_jobs(steps.journal, self.launcher, partial(self._take_over, steps))
        self._drawing.write(steps.journal.study)
        log.warning(
            "interrupted; the same command with hydra.sweep.dir=%s continues from here", self.study_dir
        )

    def _take_over(self, steps: Stepper, job: Job) -> None:
        """Record what became of a job that was running when an earlier process ended."""
        self._dispatcher(steps).record(job, end_of_earlier(self.study_dir / job.run_dir))

    # ------------------------------------------------------------------ its parts

    def _stepper(self, journal: Journal, first: Round) -> Stepper:
        return Stepper(
            journal,
            self.settings,
            self.planner,
            first,
            self.context,
            self.config,
            partial(self._settle, journal),
            self._drawing.keep_up,
        )

    def _settle(self, journal: Journal) -> None:
        """Find out from the first results what the study is judged by, where the user did not say."""
        if settle(journal, self.settings.metrics, self.config):
            self._prepare_jobs(self.settings.metrics.aimed(journal.study.aim))

    def _dispatcher(self, steps: Stepper) -> Dispatcher:
        return Dispatcher(
            steps.journal,
            self.settings,
            self.composer,
            self.launcher,
            self._next_step,
            steps.take,
            self._drawing.keep_up,
        )

    def _next_step(self, study: Study) -> Step:
        flow = replace(self._flow, slots=jobs_at_once(study, self._flow.slots))
        return next_step(study, self.settings.limits, flow)

    @cached_property
    def _flow(self) -> Flow:
        """How rounds follow each other, as far as the launcher reports each end."""
        if not self.launcher.singly:
            return Flow(needs_approval=self.settings.flow.needs_approval)
        flow = replace(self.settings.flow, slots=self.launcher.room(self.settings.n_jobs))
        return flow if flow.slots is not None else replace(flow, barrier=True)

    def _add_callback(self) -> None:
        """Our callback among the app's, added where the app has none."""
        callbacks = self.context.callbacks.callbacks
        if not any(isinstance(callback, RoundCallback) for callback in callbacks):
            callbacks.append(RoundCallback())

    def _prepare_jobs(self, metrics: Metrics) -> None:
        """Let jobs do for themselves what their launcher does not: know when to end."""
        inside = Inside(self.settings.watching, metrics, self.settings.timeout_s)
        self.launcher.watch_from_inside(inside)
