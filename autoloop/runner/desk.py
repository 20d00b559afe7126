"""The desk: handles requests of users: judges them, writes them into the journal and carries them out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from autoloop.config.settings import Settings
from autoloop.engine.launchers import JobLauncher
from autoloop.errors import AutoloopError, counted
from autoloop.loop.controls import Standing, judge
from autoloop.loop.due import Hold, Step
from autoloop.loop.filling import Round
from autoloop.store.journal import Journal
from autoloop.store.reading import read_curves
from autoloop.store.redact import logger
from autoloop.store.requests import UserRequest, answer, pending
from autoloop.study.controls import BY_USER
from autoloop.study.events import StopAsked, UserControl
from autoloop.study.record import Job, Study
from autoloop.views.live.repeat import Repeat

log: logging.Logger = logger("autoloop")

LOOK_S = 0.5
"""Seconds between two looks for requests."""

COMPOSING = ("add", "ban", "bounds")
"""Actions for which a config is composed: meanwhile no job of a launcher may run in this process."""

NOBODY = "autoloop"
"""Who says yes to a round that nobody said anything of."""


@dataclass(slots=True)
class Desk:
    """Handles requests of users in a thread of its own while the study runs.

    Attributes:
        journal: The open journal.
        settings: What the study does.
        launcher: What runs its jobs.
        next_step: What the study needs next.
        plan_request: Plans a variant that a user wants.
        append: Writes a planned part of a round into the journal.
        config: Gives the baseline's config.
    """

    journal: Journal
    settings: Settings
    launcher: JobLauncher
    next_step: Callable[[Study], Step]
    plan_request: Callable[[Study, UserControl], Round]
    append: Callable[[Round], None]
    config: Callable[[Study], Any]
    _seen: set[Path] = field(default_factory=set)  # requests that were answered, should they not go away
    _to_stop: set[int] = field(default_factory=set)  # jobs to stop whose launcher does not have them yet
    _logged_hold: str = ""  # why the study waits, as the log has it
    _asking: tuple[int, float] = (0, 0.0)  # the round that waits for a yes, and since when

    def open(self) -> AbstractContextManager[object]:
        """Handle requests until the context ends."""
        self.look_between()  # what was left while nothing ran holds before anything is done
        return Repeat(self.look, LOOK_S, "controls")

    def look(self) -> None:
        """Handle the requests that wait, and continue what was begun, whatever the main thread does."""
        self._look(composing=self.launcher.singly)
        with self.journal.lock:
            self._approve_in_time()
            for number in list(self._to_stop):
                self._stop_job(number)

    def look_between(self) -> None:
        """Handle also the requests for which a config is composed: no job runs in this process now."""
        self._look(composing=True)

    def wait_while_held(self, hold: Hold) -> None:
        """Wait until a request ends the pause of a study in which nothing runs."""
        if hold.reason != self._logged_hold:
            log.info("the study waits: %s (autoloop tell DIR ..)", hold.reason)
            self._logged_hold = hold.reason
        seen = self.journal.study.events
        while self.journal.study.events == seen:
            time.sleep(LOOK_S / 2)
            self.look_between()

    def _look(self, composing: bool) -> None:
        for request in pending(self.journal.path.parent):
            wanted = request.control.action if request.control else ""
            if composing or wanted not in COMPOSING:
                self._handle_safely(request)

    def _handle_safely(self, request: UserRequest) -> None:
        try:
            self._handle(request)
        except Exception as error:  # the border of a request: logged, and the study goes on
            log.exception("a request could not be handled: %s", request.path.name)
            self._answer(request, _refused(request, f"it failed: {type(error).__name__}: {error}"))

    def _handle(self, request: UserRequest) -> None:
        with self.journal.lock:
            study = self.journal.study
            if request.path in self._seen or not study.jobs:
                return  # before round 1 is planned there is nothing to change
            control = request.control
            if control is None or request.problem:
                log.warning("a request is refused (%s): %s", request.path.name, request.problem)
                self._answer(request, _refused(request, request.problem))
            elif control.asked_as in study.controls.handled:
                self._answer(request, replace(control, taken=True, outcome="it was taken before"))
            else:
                self._answer(request, self._carry_out(control))

    def _answer(self, request: UserRequest, control: UserControl) -> None:
        self._seen.add(request.path)
        answer(request, control)

    def _carry_out(self, control: UserControl) -> UserControl:
        """Do what is asked for, in the journal first."""
        study = self.journal.study
        control = judge(control, study, self._standing(study))
        planned = None
        if control.taken and control.action == "add":
            control, planned = self._planned(control)
        self._write(control)
        if planned is not None:
            self.append(planned)
        if control.taken and control.action in ("stop", "end"):
            for number in control.jobs:
                self._ask_to_stop(self.journal.study.jobs[number], control)
        return control

    def _write(self, control: UserControl) -> None:
        self.journal.append(control)
        log.log(
            logging.INFO if control.taken else logging.WARNING,
            *(
                "%s: %s: %s%s",
                control.by,
                _describe(control),
                "" if control.taken else "refused: ",
                control.outcome,
            ),
        )

    def _standing(self, study: Study) -> Standing:
        places = self.launcher.places()
        slots = None if places is None or places.slots is None else len(places.slots)
        watch_s = self.settings.watching.interval_s
        return Standing(
            limits=self.settings.limits,
            n_jobs=self.settings.n_jobs,
            slots=slots,
            needs_approval=self.settings.flow.needs_approval,
            delay="" if self.launcher.stops else f" at its next look, every {watch_s:g} s (watch_s)",
            ignored=tuple(knob.path for knob in self.settings.ignored),
            config=lambda: self.config(study),
        )

    def _planned(self, control: UserControl) -> tuple[UserControl, Round | None]:
        """A variant that a user wants, as it would run; or why it cannot."""
        try:
            planned = self.plan_request(self.journal.study, control)
        except AutoloopError as error:
            return replace(control, taken=False, outcome=" ".join(str(error).split())), None
        if not planned.variants:
            why = "; ".join(refusal.why for refusal in planned.refused) or "it changes nothing"
            return replace(control, taken=False, outcome=why), None
        first = self.journal.study.next_job
        more = planned.variants[1:]
        also = f", with {counted(len(more), 'repeat')}" if more else ""
        outcome = f"planned as job {first} ({planned.variants[0].name}) of round {planned.number}{also}"
        return replace(control, outcome=outcome), planned

    def _ask_to_stop(self, job: Job, control: UserControl) -> None:
        """Write down that a user wants a running job ended, and end it."""
        reason = f"{'ended' if control.action == 'end' else 'stopped'} by {control.by}"
        step = self._step_of(job)
        self.journal.append(
            StopAsked(job=job.job, name=job.name, rule=BY_USER, reason=reason, step=step, evidence={})
        )
        self._stop_job(job.job)

    def _step_of(self, job: Job) -> int:
        """The last step that a job has logged; 0 where there is none."""
        metrics = self.settings.metrics.aimed(self.journal.study.aim)
        try:
            curves = read_curves(self.journal.path.parent / job.run_dir, metrics)
        except (OSError, ValueError):
            return 0
        return max((int(series.steps[-1]) for series in curves.values() if len(series)), default=0)

    def _stop_job(self, number: int) -> None:
        """Ask the launcher; one that does not have the job yet is asked again at the next look."""
        there = self.journal.study.jobs.get(number)
        if there is None or not there.running or not self.launcher.stops or self.launcher.stop(number):
            self._to_stop.discard(number)
        else:
            self._to_stop.add(number)

    def _approve_in_time(self) -> None:
        """Approve a round for which no request came within `approve_timeout_min`."""
        limit_s, study = self.settings.approve_timeout_s, self.journal.study
        if limit_s is None or not self.settings.flow.needs_approval:
            return
        held = isinstance(self.next_step(study), Hold) and not study.controls.paused
        waiting = study.waiting() if held else ()
        number, now = waiting[0].round if waiting else 0, time.monotonic()
        if self._asking[0] != number:
            self._asking = (number, now)
        elif number and now - self._asking[1] >= limit_s:
            why = f"round {number} runs: nobody said anything for {counted(limit_s / 60, 'minute')}"
            self._write(UserControl(action="approve", by=NOBODY, round=number, taken=True, outcome=why))


def _refused(request: UserRequest, why: str) -> UserControl:
    control = request.control or UserControl(action="", by="")
    return replace(control, taken=False, outcome=why)


def _describe(control: UserControl) -> str:
    """A request as the user wrote it."""
    return " ".join(filter(None, [control.action, control.name or control.path, *control.edits]))
