"""Running the jobs of a study through a Hydra launcher; the journal has each start and each end."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus

from autoloop.config.compose import Composer
from autoloop.config.settings import Settings
from autoloop.engine.execute.returns import SmallReturn
from autoloop.engine.execute.values import Outcome, Placed
from autoloop.engine.inside.notes import EarlyEnd
from autoloop.engine.launchers import JobLauncher
from autoloop.engine.other_launchers import Returned
from autoloop.engine.watcher import Watcher
from autoloop.loop.controls import jobs_at_once
from autoloop.loop.due import Hold, PlanRound, Requeue, Run, Step, Stop, Wait
from autoloop.loop.score.front_words import broken, describe_numbers
from autoloop.runner.collect import JobEnd, end_in_launcher, job_ended
from autoloop.runner.resume import end_of_earlier
from autoloop.runner.starting import leave_lineage, make_place
from autoloop.stopping import StopDecision
from autoloop.stopping.probes import ProbeComparison, goes_on
from autoloop.store.journal import Journal
from autoloop.store.redact import logger
from autoloop.study.controls import BY_USER
from autoloop.study.events import Event, JobEnded, JobPlaced, JobStarted, ProbesJudged, StopAsked, UserControl
from autoloop.study.record import Job, Study
from autoloop.study.schedule import contiguous, gpu_neighbour
from autoloop.study.trials import TrialState

log: logging.Logger = logger("autoloop")

Returns = list[Sequence[JobReturn]]


class Dispatcher:
    """Starts jobs, watches them and records their ends, through a launcher that streams or any other."""

    def __init__(
        self,
        journal: Journal,
        settings: Settings,
        composer: Composer,
        launcher: JobLauncher,
        next_step: Callable[[Study], Step],
        take: Callable[[Step], Stop | None],
        report: Callable[[Study], None],
    ) -> None:
        """Set up; nothing is started.

        Args:
            journal: The open journal of the study.
            settings: What the study does.
            composer: Composes jobs and names their directories.
            launcher: What runs the jobs.
            next_step: What a study needs next.
            take: Takes a step that starts no job; returns why the study ends if there is nothing to propose.
            report: Draws the study; called after each end.
        """
        self._journal = journal
        self._settings = settings
        self._composer = composer
        self._launcher = launcher
        self._next_step = next_step
        self._take = take
        self._report = report
        self._study_dir = journal.path.parent
        self._closing = False
        self._news = threading.Condition(journal.lock)  # notified of ends, and of what probes showed
        self._ends = 0  # so many were reported: what is planned meanwhile does not know of the latest
        self._warned_of_shared_gpu = False
        self._suspects: set[str] = set()  # one of them broke the launcher: they run alone
        self._watcher = Watcher(
            settings.watching,
            settings.metrics,
            self._study_dir,
            journal.snapshot,
            self._stop,
            probed=self._note_probed if launcher.stops else None,
        )

    def run(self, jobs: Sequence[Job]) -> Returns:
        """Run jobs until none is due, and through a launcher that streams whatever falls due meanwhile.

        Returns:
            What the jobs of each batch returned, in job order.
        """
        return self._run_streamed() if self._launcher.singly else self._run_batches(jobs)

    def _run_streamed(self) -> Returns:
        """Run jobs through a launcher that reports each end at once, until nothing runs any more."""
        returned: dict[int, JobReturn] = {}
        ended = self._news
        self._closing = False
        self._journal.observers.append(self._on_event)
        if self._launcher.stops:  # else the jobs are watched from inside
            self._watcher.start()
        try:
            with closing(self._launcher.stream(self._feed(ended))) as outcomes:
                for outcome in outcomes:
                    if isinstance(outcome, Placed):
                        self._place(outcome)
                        continue
                    self._closing = self._closing or outcome.ended_by == "interrupted"
                    self._record_outcome(outcome)
                    with ended:
                        self._ends += 1
                        ended.notify_all()
                    if isinstance(outcome.value, JobReturn):
                        returned[outcome.index] = SmallReturn.of(outcome.value)
        finally:
            self._watcher.close()
            with ended:
                self._closing = True
                ended.notify_all()
                self._journal.observers.remove(self._on_event)
        return self._batched([returned[number] for number in sorted(returned)])

    def _batched(self, done: Sequence[JobReturn]) -> Returns:
        """What jobs returned, in batches as long as was asked for."""
        size = self._settings.max_batch_size or max(1, len(done))
        return [done[i : i + size] for i in range(0, len(done), size)]

    def _feed(self, ended: threading.Condition) -> Iterator[tuple[int, Sequence[str]]]:
        """Hand out a job whenever a slot is free; what is to be decided while jobs run is decided here.

        Ends where nothing runs and nothing is to be started: the rest is done between streams. A slot is free
        before its job's end is written down; that is waited for. What takes its time, a plan, is made without
        the journal's lock, so that ends are written down meanwhile.
        """
        study = self._journal.study
        while True:
            with ended:
                ended.wait_for(lambda: self._closing or self._has_room(study))
                step = Stop("closing") if self._closing else self._next_step(study)
                known = self._ends
                if isinstance(step, Run):
                    overrides = self._start(step.jobs[0])
                elif isinstance(step, Stop) or not (study.running() or isinstance(step, Requeue)):
                    return
                elif isinstance(step, Wait | Hold):
                    ended.wait()
                elif not isinstance(step, PlanRound):
                    self._take(step)
            if isinstance(step, Run) and overrides is not None:
                yield step.jobs[0].job, overrides
            elif isinstance(step, PlanRound) and self._take(step) is not None:
                self._wait_for_news(ended, known)

    def _on_event(self, event: Event, study: Study) -> None:
        """A request of a user wakes whoever waits for the end of a job."""
        if isinstance(event, UserControl):
            self._ends += 1
            self._news.notify_all()

    def _wait_for_news(self, ended: threading.Condition, known: int) -> None:
        """Wait until more ends than ``known`` were reported."""
        with ended:
            ended.wait_for(lambda: self._closing or self._ends != known)

    def _has_room(self, study: Study) -> bool:
        """Whether fewer jobs run than there are slots, as far as the journal knows."""
        room = jobs_at_once(study, self._launcher.room(self._settings.n_jobs))
        return room is None or len(study.running()) < room

    def _stop(self, job: Job, decision: StopDecision) -> None:
        """End a running job that a stop rule wants ended."""
        if self._note_stop(job, decision):
            log.warning("job %d is stopped by %s: %s: %s", job.job, decision.rule, job.name, decision.reason)
            self._launcher.stop(job.job)

    def _note_probed(self, found: ProbeComparison) -> None:
        """Write down how the probes of the learning rate compare; what waits for that goes on."""
        with self._journal.lock:
            if self._journal.study.probed is None:
                self._journal.append(ProbesJudged(step=found.step, values=found.values, best=found.best))
                self._news.notify_all()
        best = None if found.best is None else self._journal.study.jobs[found.best].name
        log.info("the probes are judged at step %d: %s", found.step, goes_on(best))

    def _note_stop(self, job: Job, decision: StopDecision) -> bool:
        """Write down that a job is to be stopped; return whether that was news and the job runs."""
        with self._journal.lock:
            known = self._journal.study.jobs[job.job]
            if not known.running or known.stop is not None or job.job in self._journal.study.controls.kept:
                return False
            self._journal.append(_asked(job, decision))
            return True

    def _record_outcome(self, outcome: Outcome | Returned) -> None:
        """Write down the end of a job that a launcher reported alone."""
        job = self._journal.study.jobs[outcome.index]
        if isinstance(outcome, Returned):
            self.record(job, self._end_of(job, outcome.value, outcome.broken))
        else:
            self.record(job, self._end_of_outcome(job, outcome))

    def _end_of_outcome(self, job: Job, outcome: Outcome) -> JobEnd:
        """How a job in a slot ended; a result that did not come back stands in its directory."""
        end = JobEnd.of_outcome(outcome)
        own = None if outcome.value is not None or not outcome.ok else JobEnd.read(self._run_dir(job))
        if own is None or own.failed:
            return end
        return replace(end, return_value=own.return_value, results=own.results, returned=own.returned)

    def _run_batches(self, jobs: Sequence[Job]) -> Returns:
        """Run jobs through any Hydra launcher, which reports their ends all at once."""
        done: list[JobReturn] = []
        for batch in contiguous(jobs, self._batch_size(), self._suspects):
            if isinstance(self._next_step(self._journal.study), Stop):
                break
            started = {job.job: overrides for job in batch if (overrides := self._start(job)) is not None}
            for part in contiguous([job for job in batch if job.job in started], None):
                returned, broken = self._launch([started[job.job] for job in part], part[0].job)
                self._record_batch(part, returned, broken)
                done += [job_return for job_return in returned if job_return is not None]
        return self._batched(done)

    def _batch_size(self) -> int | None:
        at_once = jobs_at_once(self._journal.study, self._settings.n_jobs)
        sizes = (self._settings.max_batch_size, at_once, self._launcher.kind.batch)
        return min((size for size in sizes if size is not None), default=None)

    def _record_batch(
        self, batch: Sequence[Job], returned: Sequence[JobReturn | None], broken: BaseException | None
    ) -> None:
        """Write down the ends of a batch; of a launcher that raised, what the jobs themselves tell."""
        silent = [job for job in batch if broken is not None and self._left_nothing(job)]
        self._suspects |= {job.name for job in silent if len(silent) > 1}
        for job, job_return in zip(batch, returned, strict=True):
            company = len(silent) - 1 if job in silent else 0
            self.record(job, self._end_of(self._journal.study.jobs[job.job], job_return, broken, company))

    def _left_nothing(self, job: Job) -> bool:
        """Whether a job began and left no record of its end; one that still runs is waited for."""
        run_dir = self._run_dir(job)
        return (run_dir / ".hydra").exists() and end_of_earlier(run_dir).ended_by == "interrupted"

    def _run_dir(self, job: Job) -> Path:
        return self._study_dir / self._journal.study.jobs[job.job].run_dir

    def _launch(
        self, overrides: Sequence[list[str]], first: int
    ) -> tuple[Sequence[JobReturn | None], BaseException | None]:
        """Launch a batch; a launcher that raises loses its results, not the study."""
        try:
            return list(self._launcher.launch(overrides, first)), None
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the border of jobs: recorded as their end
            log.warning("the launcher gave up on jobs %d to %d: %s", first, first + len(overrides) - 1, error)
            return [None] * len(overrides), error

    def _end_of(
        self, job: Job, job_return: JobReturn | None, broken: BaseException | None, company: int = 0
    ) -> JobEnd:
        """How a job ended: what it left in its directory comes before what its launcher tells."""
        run_dir = self._run_dir(job)
        end = JobEnd.read(run_dir)
        if end is None and job_return is not None:
            failed = job_return.status is not JobStatus.COMPLETED
            end = JobEnd.of(job_return._return_value, failed)
        end = end or end_in_launcher(broken, run_dir, company)
        return replace(end.with_status(run_dir), started_at=end.started_at or job.started_at or None)

    def _start(self, job: Job) -> list[str] | None:
        """Make a job's directory and write down that it starts; return the overrides to launch it with.

        None where there is no place for it on disk: that job has failed, and no other.
        """
        study_dir, composer = self._study_dir, self._composer
        self._journal.check()  # before a directory is made: it would begin another study's
        overrides, run_dir = make_place(study_dir, self._journal.study, composer, job)
        self._journal.append(JobStarted(job=job.job, name=job.name, round=job.round, run_dir=run_dir))
        try:
            leave_lineage(study_dir, run_dir, composer, job, overrides)
        except OSError as error:
            self.record(job, JobEnd(True, error=f"its directory cannot be made: {error}"))
            return None
        log.info("job %d started: %s", job.job, job.name)
        return overrides

    def _note_stop_from_inside(self, job: Job) -> None:
        """Write down that a stop rule ended a job, where that was decided beside the training."""
        early = EarlyEnd.read(self._run_dir(job))
        decision = early.stop() if early else None
        if decision is not None and self._note_stop(job, decision):
            log.warning("job %d was stopped by %s: %s: %s", job.job, decision.rule, job.name, decision.reason)

    def _place(self, placed: Placed) -> None:
        """Write down where the engine has put a job, as far as that is news."""
        job = self._journal.study.jobs[placed.index]
        run_dir = job.run_dir
        if placed.job_dir is not None:
            run_dir = os.path.relpath(placed.job_dir, self._study_dir.resolve())
        if job.handle == placed.handle and run_dir == job.run_dir:
            return
        self._journal.append(
            JobPlaced(job=job.job, handle=placed.handle, restarts=placed.restarts, run_dir=run_dir)
        )
        if placed.restarts:
            log.warning("job %d was started again by its engine, in %s: %s", job.job, run_dir, job.name)

    def record(self, job: Job, end: JobEnd) -> None:
        """Write down how a job ended and show it."""
        job = self._journal.study.jobs[job.job]
        self._note_stop_from_inside(job)
        ended = self._ended(self._journal.study.jobs[job.job], end)
        self._journal.append(ended)
        log.log(*_end_line(self._journal.study, job.job, self._study_dir))
        for warning in ended.details.warnings:
            log.warning("job %d: %s", job.job, warning)
        self._look_for_shared_gpu(job.job)
        self._report(self._journal.study)

    def _look_for_shared_gpu(self, number: int) -> None:
        """Tell once that two jobs saw one GPU: engines pin GPUs, some launchers do not."""
        job = self._journal.study.jobs[number]
        other = None if self._warned_of_shared_gpu else gpu_neighbour(self._journal.study, job)
        if other is not None:
            self._warned_of_shared_gpu = True
            shared = ", ".join(sorted({*job.gpus} & {*other.gpus}))
            where = f"GPU {shared} of {job.details.host}"
            log.warning("jobs %d and %d saw %s at the same time; is this intended?", other.job, number, where)

    def _ended(self, job: Job, end: JobEnd) -> JobEnded:
        """What is recorded of a job's end; one that a stop rule wants ended counts up to that step.

        A job that came to its own end before anybody looked is judged now. Its result is only kept where it
        is better than all that was known when it was planned.
        """
        study = self._journal.study
        run_dir, metrics = self._study_dir / job.run_dir, self._settings.metrics.aimed(study.aim)
        ended = job_ended(job, end, run_dir, metrics)
        came_through = not end.failed and end.ended_by is None
        if came_through and job.stop is not None and job.stop.rule == BY_USER:
            return ended  # it was faster than the user's request
        judged = came_through and bool(self._settings.watching.rules) and job.job not in study.controls.kept
        if judged and leads(study, job, ended.objective):
            return ended
        late = self._watcher.judge_ended(study, job) if judged else None
        if late is not None:
            self._note_stop(job, late)
        why = study.jobs[job.job].stop
        if why is None:
            return ended
        stopped = replace(end, failed=True, ended_by="stopped", error=f"{why.rule}: {why.reason}")
        return job_ended(job, stopped, run_dir, metrics, why.step)


def leads(study: Study, job: Job, objective: float) -> bool:
    """Whether a result is better than every one that was known when its job was planned."""
    best = study.best_when_planned(job)
    sign = -1 if study.maximize else 1
    return best is not None and sign * objective < sign * best.objective


def _asked(job: Job, decision: StopDecision) -> StopAsked:
    """What the journal says of a job that a stop rule wants ended."""
    values = {one.name: getattr(decision, one.name) for one in fields(decision)}
    return StopAsked(job=job.job, name=job.name, **values)


def _result(study: Study, job: Job) -> str:
    if not job.known:
        return "without a result"
    numbers = describe_numbers(study, job, {}) if study.aims.several else f"objective {job.objective:.6g}"
    limits = broken(study, job)
    return f"{numbers}, breaks a constraint: {limits}" if limits else numbers


def _end_line(study: Study, number: int, study_dir: Path) -> tuple[int, str]:
    """The log level and the line that report a job's end."""
    job = study.jobs[number]
    state = job.state.value if job.state else ""
    if job.state is TrialState.COMPLETE:
        unseen = study.open and not job.known
        result = "result not known yet" if unseen else _result(study, job)
        return logging.INFO, f"job {number} {state}: {job.name}, {result}"
    log_of = job.details.log
    where = f" (log: {study_dir / job.run_dir / log_of})" if log_of else ""  # one that never began has none
    return logging.WARNING, f"job {number} {state}: {job.name}: {job.error}{where}"
