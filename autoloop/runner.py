"""Running a study: asks the loop what is due, does it, and writes each step into the journal first."""

from __future__ import annotations

import json
import logging
import os
import shlex
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf

from autoloop import __version__
from autoloop.callbacks import LINEAGE_FILE, RoundCallback
from autoloop.collect import JobEnd, one_line, trial_fields
from autoloop.compose import Composer
from autoloop.errors import JournalError
from autoloop.files import write_atomic
from autoloop.history import History, read_history
from autoloop.journal import FILE_NAME, Journal, set_aside
from autoloop.loop import Decide, PlanRound, Requeue, Round, Run, Stop, next_step
from autoloop.onlookers import onlookers
from autoloop.plan import Points, plan_text, preview, read_points
from autoloop.planning import Planner
from autoloop.report import Reporter
from autoloop.report.facts import Facts
from autoloop.rules.base import Decision
from autoloop.score import conclusion
from autoloop.settings import Settings
from autoloop.study import Job, Plan, Study
from autoloop.trials import TrialState
from autoloop.variants import Variant
from autoloop.wandb_commands import wandb_hints

log = logging.getLogger("autoloop")

Returns = list[Sequence[JobReturn]]


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
        self.planner = Planner(settings, self.composer, self.study_dir)
        self.returns: Returns = []
        self._reporter = Reporter(self.study_dir, self._read_history)
        self._callback = self._add_callback()

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
        for start in points.starts:
            preview(self.composer, start.overrides, 0)  # what cannot work ends here, not in every job
        if self.settings.resume == "auto":
            self._set_finished_aside()
        with Journal(self.study_dir) as journal, onlookers(journal, self.settings, self.launcher):
            self._open(journal, points)
            try:
                stop = self._loop(journal, planned)
            except KeyboardInterrupt:
                self._interrupted(journal)
                raise SystemExit(130) from None
            return self._close(journal, stop)

    # ------------------------------------------------------------------ opening and closing

    def _open(self, journal: Journal, points: Points) -> None:
        OmegaConf.save(self.config, self.study_dir / "multirun.yaml")
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
        if journal.study.stopped and isinstance(next_step(journal.study, self.settings.limits), Stop):
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
            if study.stopped is None or not isinstance(next_step(study, self.settings.limits), Stop):
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
            "config": points.starts[0].config,
            "settings": {
                **self.settings.raw,
                "variants": [[variant.name, *variant.edits] for variant in points.named],
                "starts": [start.signature for start in points.starts],
            },
        }

    def _take_over(self, journal: Journal, job: Job) -> None:
        """Record what became of a job that was running when an earlier process ended."""
        end = JobEnd.read(self.study_dir / job.run_dir) or JobEnd(True, ended_by="interrupted")
        self._record(journal, job, end)

    def _close(self, journal: Journal, stop: Stop) -> Returns:
        study = journal.study
        if study.stopped is None:
            best = study.best()
            self.planner.keep_score(study)
            journal.append("stop", reason=stop.reason, failed=stop.failed, best=best.name if best else None)
            self._report(study)
        else:
            log.info("nothing is left to do in %s", self.study_dir)
        self._say_end(study, stop)
        failed = [job for job in study.counted() if job.state in (TrialState.FAILED, TrialState.TIMEOUT)]
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
        while True:
            step = next_step(journal.study, self.settings.limits)
            if isinstance(step, Stop):
                return step
            if isinstance(step, Run):
                self._run(journal, step.jobs)
            elif isinstance(step, Requeue):
                journal.append("requeue", job=journal.study.next_job, of=step.job.job, name=step.job.name)
            elif isinstance(step, Decide):
                self._decide(journal, step.round)
            elif isinstance(step, PlanRound):
                stop = self._plan(
                    journal, first if step.round == 1 else self.planner.next(journal.study, step.round)
                )
                if stop:
                    return stop

    def _plan(self, journal: Journal, planned: Round) -> Stop | None:
        if not planned.variants:
            refused = "; ".join(f"{r.rule} on {r.trial}: {r.why}" for r in planned.refused[:5])
            return Stop(
                f"no rule has anything new to propose after round {planned.number - 1}"
                + (f" ({refused})" if refused else "")
            )
        first_job = journal.study.next_job
        journal.append(
            "round",
            round=planned.number,
            variants=[_planned(variant, first_job + i) for i, variant in enumerate(planned.variants)],
            refused=[asdict(refusal) for refusal in planned.refused],
        )
        log.info("round %d: %s", planned.number, _count(len(planned.variants), "job"))
        for variant in planned.variants:
            log.info("  %s", _told(variant))
        return None

    def _decide(self, journal: Journal, number: int) -> None:
        study = journal.study
        known = {job.name: self.planner.trial(job) for job in study.counted() if job.state is not None}
        decisions: list[Decision] = []
        for callback in self.context.callbacks.callbacks:
            ask: Callable[..., list[Decision] | None] | None = getattr(callback, "on_round_end", None)
            if ask is None:
                continue
            said = ask(
                config=self.config,
                study_dir=self.study_dir,
                round=number,
                trials=[known[job.name] for job in study.of_round(number) if not job.is_repeat],
                known=known,
                rules=self.settings.rules,
                metrics=self.settings.metrics,
            )
            decisions.extend(said or ())
        journal.append("decisions", round=number, decisions=[asdict(decision) for decision in decisions])
        self._report(study)

    # ------------------------------------------------------------------ running jobs

    def _run(self, journal: Journal, jobs: Sequence[Job]) -> None:
        stream = getattr(self.launcher, "stream", None)
        if stream is not None:
            self._run_streamed(journal, jobs, stream)
        else:
            self._run_batches(journal, jobs)

    def _run_streamed(
        self, journal: Journal, jobs: Sequence[Job], stream: Callable[..., Iterator[Any]]
    ) -> None:
        """Run jobs through a launcher that tells of each end at once."""
        by_number = {job.job: job for job in jobs}
        returned: dict[int, JobReturn] = {}
        for outcome in stream(self._feed(journal, jobs)):
            job = by_number[outcome.index]
            self._record(journal, job, JobEnd.of_outcome(outcome))
            if isinstance(outcome.value, JobReturn):
                returned[job.job] = outcome.value
        done = [returned[number] for number in sorted(returned)]
        size = self.settings.max_batch_size or max(1, len(done))
        self.returns.extend(done[i : i + size] for i in range(0, len(done), size))

    def _feed(self, journal: Journal, jobs: Sequence[Job]) -> Iterator[tuple[int, Sequence[str]]]:
        """Hand out a job whenever a slot is free, until the study is to end."""
        for job in jobs:
            with journal.lock:
                if isinstance(next_step(journal.study, self.settings.limits), Stop):
                    return
                self._start(journal, job)
            yield job.job, job.plan.overrides

    def _run_batches(self, journal: Journal, jobs: Sequence[Job]) -> None:
        """Run jobs through any Hydra launcher, which tells of their ends all at once."""
        for batch in contiguous(jobs, self.settings.max_batch_size):
            if isinstance(next_step(journal.study, self.settings.limits), Stop):
                return
            for job in batch:
                self._start(journal, job)
            returned, broken = self._launch(batch)
            for job, job_return in zip(batch, returned, strict=True):
                self._record(journal, job, self._end_of(job, job_return, broken))
            self.returns.append([job_return for job_return in returned if job_return is not None])

    def _launch(self, batch: Sequence[Job]) -> tuple[list[JobReturn | None], str]:
        """Launch a batch; a launcher that raises loses its results, not the study."""
        try:
            returned = self.launcher.launch(
                [list(job.plan.overrides) for job in batch], initial_job_idx=batch[0].job
            )
        except Exception as error:
            log.exception("the launcher gave up on jobs %d to %d", batch[0].job, batch[-1].job)
            return [None] * len(batch), one_line(f"{type(error).__name__}: {error}")
        return list(returned), ""

    def _end_of(self, job: Job, job_return: JobReturn | None, broken: str) -> JobEnd:
        if job_return is not None:
            failed = job_return.status is not JobStatus.COMPLETED
            return replace(JobEnd.of(job_return._return_value, failed), started_at=job.started_at or None)
        left = JobEnd.read(self.study_dir / job.run_dir)
        return left or JobEnd(True, error=f"the launcher lost the job: {broken}")

    def _start(self, journal: Journal, job: Job) -> None:
        run_dir = self.composer.run_dir(job.plan.overrides, job.job)
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
        write_atomic(self.study_dir / run_dir / LINEAGE_FILE, json.dumps(lineage, default=str))
        log.info("job %d started: %s", job.job, job.name)

    def _record(self, journal: Journal, job: Job, end: JobEnd) -> None:
        """Write down how a job ended and show it."""
        job = journal.study.jobs[job.job]
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
        except OSError as error:
            log.warning("the report could not be written (the journal is unharmed): %s", error)

    def _say_end(self, study: Study, stop: Stop) -> None:
        best = study.best()
        log.info(conclusion(study, stop.reason))
        if best:
            where = self.study_dir / "best.yaml"
            log.info("run the best once more (%s): %s", where, Facts(study).command(best))
        log.info("report: %s", self.study_dir / "reports")
        for hint in wandb_hints(study, self.study_dir):
            log.info(hint)


def changes_since(header: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What of a study's settings differs from those it was started with, in words."""
    before = {key: header.get(key) for key in ("autoloop", "config", "settings", "objective")}
    after = json.loads(json.dumps({key: now[key] for key in before}, default=str))
    return _differences("", before, after)


def _differences(path: str, old: Any, new: Any) -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [*old, *(key for key in new if key not in old)]
        return [
            d
            for key in keys
            for d in _differences(f"{path}.{key}" if path else key, old.get(key), new.get(key))
        ]
    return [] if old == new else [f"{path}: was {old!r}, is {new!r}"]


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
