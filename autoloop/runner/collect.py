"""What a job left behind, read from its directory: how it ended, its curves, the end of its log."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus

from autoloop.curves.jitters import jitters
from autoloop.curves.metrics import Metrics
from autoloop.curves.summary import MetricSummary, summarize_series
from autoloop.edits.effects import unheeded
from autoloop.engine.execute.values import Outcome
from autoloop.engine.inside.notes import EarlyEnd
from autoloop.history import History, Series
from autoloop.history.files import read_note
from autoloop.history.wandb.kinds import WANDB
from autoloop.runner.job_logs import cause, log_file, tail, url_in
from autoloop.runner.numbers import Given, unknown, values_of
from autoloop.store.files import write_atomic
from autoloop.store.reading import history_and_summary
from autoloop.store.redact import one_line, redact_all
from autoloop.store.status import read_status
from autoloop.study.events import MOMENT, Details, JobEnded
from autoloop.study.fields import FieldError, read_fields
from autoloop.study.own_words import ENDING
from autoloop.study.record import Job
from autoloop.study.returned import ReturnedValue
from autoloop.study.trials import TrialState

OUT_OF_MEMORY = re.compile(
    r"out of memory|OutOfMemoryError|\bMemoryError\b|can(?:'t|not) allocate memory|\bbad_alloc\b"
    r"|CU\w{1,40}_STATUS_ALLOC",
    re.IGNORECASE,
)
NON_FINITE = re.compile(r"non-?finite|\bloss is nan\b|\bnan loss\b|loss became (nan|inf)", re.IGNORECASE)
ERROR_CHARACTERS = 1 << 16  # of an error's text, of which the first line is kept
END_FILE = "job_end.json"


@dataclass(frozen=True, slots=True)
class JobEnd:
    """How a job ended, whatever launched it.

    Attributes:
        failed: Whether it raised, was killed, or left with an exit code other than 0.
        return_value: The task's result where it is a number.
        results: Name -> number, where it returned several.
        returned: What it returned that is no result, such as ``a tuple of 2``; empty if nothing.
        several: The numbers of what it returned, where that was a list or tuple of numbers.
        resources: What its supervisor measured (`autoloop.curves.aims.WATCHED`).
        named: The metric whose value it returned, as its config says in its own process; empty if none.
        error: What went wrong, in one line; empty if nothing did.
        exit_code: Exit code of its process, None where the launcher does not tell.
        signal: Name of the signal that ended it, or None.
        ended_by: Why it was ended from outside: timeout, stalled, stopped, interrupted; None if it ended by
            itself.
        started_at: Seconds since the epoch, None if unknown.
        ended_at: The same.
        slot: Index of its slot, None if there are no slots.
        gpus: GPU ids it had.
        host: Name of the machine it ran on; empty where that is this one or unknown.
    """

    failed: bool
    return_value: float | None = None
    results: Mapping[str, float] = field(default_factory=dict)
    returned: str = ""
    several: tuple[float, ...] = ()
    resources: Mapping[str, float] = field(default_factory=dict)
    named: str = ""
    error: str = ""
    exit_code: int | None = None
    signal: str | None = None
    ended_by: str | None = None
    started_at: float | None = field(default=None, metadata=MOMENT)
    ended_at: float | None = field(default=None, metadata=MOMENT)
    slot: int | None = None
    gpus: tuple[str, ...] = ()
    host: str = ""

    @classmethod
    def of(cls, value: Any, failed: bool) -> JobEnd:
        """What a task returned, or the exception it raised."""
        if failed:
            found = getattr(value, "exit_code", None)  # it reports another program's end, in its words
            code = found if isinstance(found, int) else None
            message = f"{type(value).__name__}: {value}" if code is None else str(value)
            return cls(True, error=one_line(message[:ERROR_CHARACTERS]), exit_code=code)
        read = ReturnedValue.of(value)
        return cls(
            False,
            return_value=read.value,
            results=read.results,
            returned=read.problem,
            several=read.several,
        )

    @classmethod
    def of_outcome(cls, outcome: Outcome) -> JobEnd:
        """How a job of the slots launcher ended."""
        value = outcome.value
        done = isinstance(value, JobReturn) and value.status is JobStatus.COMPLETED
        read = cls.of(value._return_value if done and outcome.ok else None, failed=False)
        return replace(
            read,
            failed=not outcome.ok,
            error=cause(outcome.error),
            exit_code=outcome.exit_code,
            signal=outcome.signal,
            ended_by=outcome.ended_by,
            started_at=outcome.started_at,
            ended_at=outcome.ended_at,
            slot=outcome.slot,
            gpus=outcome.gpus,
            resources=outcome.resources,
        )

    @property
    def given(self) -> Given:
        """What the job gave beside its curves, the time that it took included."""
        measured = dict(self.resources)
        if self.started_at is not None and self.ended_at is not None:
            seconds = max(0.0, self.ended_at - self.started_at)
            measured |= {"wall_s": seconds, "wall_min": seconds / 60}
        return Given(self.return_value, self.results, self.several, measured)

    def write(self, run_dir: Path) -> None:
        """Leave it in the job's directory."""
        write_atomic(run_dir / END_FILE, json.dumps(redact_all(asdict(self), os.environ, ENDING)))

    def with_note(self, run_dir: Path) -> JobEnd:
        """The same end; where the job was ended from inside before its time, it says so."""
        early = EarlyEnd.read(run_dir)
        return replace(self, failed=True, ended_by=early.ended_by, error=early.error) if early else self

    def with_status(self, run_dir: Path) -> JobEnd:
        """The same end with what the job's ``status.json`` knows of its start and place."""
        status = read_status(run_dir) or {}
        return replace(
            self,
            started_at=self.started_at or status.get("started_at"),
            gpus=self.gpus or tuple(map(str, status.get("gpus") or ())),
            host=self.host or str(status.get("host") or ""),
        )

    @classmethod
    def read(cls, run_dir: Path) -> JobEnd | None:
        """What the job left in its directory; None if it left nothing readable."""
        try:
            found = json.loads(read_note(run_dir / END_FILE))
        except (OSError, ValueError, RecursionError):
            return None
        with suppress(FieldError, AttributeError):
            return read_fields(cls, {name: item for name, item in found.items() if item is not None})
        return None

    @classmethod
    def named_in(cls, run_dir: Path) -> str:
        """The metric that the job's own process says it returned; empty where it recorded none."""
        own = cls.read(run_dir)
        return own.named if own else ""


def end_in_launcher(broken: BaseException | None, run_dir: Path, company: int = 0) -> JobEnd:
    """How a job ended that left no record of its end, and of which the launcher tells none.

    Args:
        broken: What the launcher raised.
        run_dir: The job's directory; a job that never began is to be run again.
        company: How many other jobs of the same call are in the same state. Which of them broke the launcher
            nobody can say, so they are to be run again, each alone.
    """
    if not (run_dir / ".hydra").exists():
        return JobEnd(True, ended_by="interrupted", error="its launcher gave up before it began")
    lost = JobEnd(True, error=one_line(f"the launcher lost the job: {_describe(broken)}")).with_note(run_dir)
    if lost.ended_by or not company:
        return lost
    return replace(lost, ended_by="interrupted", error=f"{lost.error} (together with {company} more)")


def _describe(error: BaseException | None) -> str:
    return "without a word" if error is None else f"{type(error).__name__}: {error}"


def job_ended(
    job: Job, end: JobEnd, run_dir: Path, metrics: Metrics, stop_step: int | None = None
) -> JobEnded:
    """What the journal says of a job's end, read from the job's directory.

    Args:
        job: The job.
        end: How it ended.
        run_dir: Its directory.
        metrics: Aliases, goals and the objective.
        stop_step: The last step that counts; None for all.
    """
    history, summary = history_and_summary(run_dir, metrics, stop_step)
    doubt = end.given.doubt(metrics.aims) or no_result(end, metrics)
    end = replace(end, results=end.given.named(metrics.aims, summary)) if metrics.aims else end
    summary |= {name: _returned_once(value) for name, value in end.results.items() if name not in summary}
    log = log_file(run_dir)
    log_tail = tail(log) if log else ""
    state, error = trial_state(end, history, summary, metrics, log_tail)
    values = values_of(end.results, summary, metrics)
    done = state is TrialState.COMPLETE
    log_tail = log_tail if state is not TrialState.COMPLETE else ""
    details = replace(
        _details(job, end, history, log, (doubt, unknown(values, metrics.aims) if done else "")),
        values=values,
        log_tail=log_tail,
        source=source_of(history, run_dir),
        named=end.named or JobEnd.named_in(run_dir),
        jitters=jitters(history, summary, metrics, end.return_value),
    )
    return JobEnded(
        objective=objective_of(end, summary, metrics),
        state=state,
        summary={name: metric.as_dict() for name, metric in summary.items()},
        steps=max((int(series.steps[-1]) for series in history.values() if len(series.steps)), default=0),
        error=error,
        details=details,
        job=job.job,
        name=job.name,
        round=job.round,
    )


def _details(job: Job, end: JobEnd, history: History, log: Path | None, doubts: Sequence[str]) -> Details:
    """What is known of a job's end beside its result."""
    run = history.run
    ignored = unheeded(job.plan.changes, run.config) if run else []
    return Details(
        exit_code=end.exit_code,
        signal=end.signal,
        ended_by=end.ended_by,
        return_value=end.return_value,
        results=end.results,
        returned=end.returned,
        started_at=end.started_at,
        ended_at=end.ended_at,
        slot=end.slot,
        gpus=end.gpus,
        host=end.host or None,
        log=log.name if log else "",
        url=run.url if run and run.url else url_in(log),
        run_id=run.run_id if run else "",
        problem=history.problem,
        warnings=(*filter(None, [history.note, *doubts]), *map(str, ignored)),
        unheeded=tuple(value.path for value in ignored if value.in_vain),
    )


def source_of(history: History, run_dir: Path) -> str:
    """Where a job's curves are from, in words; empty where it has none."""
    if not history.sources or not len(history):
        return ""
    tracker, path = history.sources[-1]
    if tracker == WANDB:
        return "W&B"
    file = Path(path)
    inside = file.relative_to(run_dir) if file.is_relative_to(run_dir) else file
    return f"{tracker.replace('_', ' ')} {inside.as_posix()}"


def no_result(end: JobEnd, metrics: Metrics) -> str:
    """That a task returned what is no result, where that was to be the objective; empty otherwise."""
    if not end.returned or metrics.objective:
        return ""
    return f"the task returned {end.returned}; return one number or a dict of numbers"


def _returned_once(value: float) -> MetricSummary:
    """The summary of a named result: of a curve with one point."""
    return summarize_series(Series.of([value]))


def trial_state(
    end: JobEnd,
    history: History,
    summary: Mapping[str, MetricSummary],
    metrics: Metrics,
    log_tail: str = "",
) -> tuple[TrialState, str]:
    """How the trial ended, and why if it did not complete.

    Finiteness comes first: a diverged run may exit with 0.

    Args:
        end: How its job ended.
        history: Its curves.
        summary: Their summaries.
        metrics: What must be finite, and the objective.
        log_tail: The end of the log; a launcher's own error may hide that the trainer ran out of memory.
    """
    out_of_memory = _out_of_memory(end, log_tail)
    if out_of_memory:
        return TrialState.INFEASIBLE, out_of_memory
    if end.ended_by == "interrupted":
        return (
            TrialState.INTERRUPTED,
            f"interrupted: {end.error}" if end.error else "the study was interrupted",
        )
    diverged = metrics.not_finite(history)
    if diverged or (end.failed and NON_FINITE.search(end.error)):
        return TrialState.INFEASIBLE, f"{diverged} is not finite" if diverged else end.error
    returned = end.results.get(metrics.objective) if metrics.objective else end.return_value
    if returned is not None and not math.isfinite(returned):
        return TrialState.INFEASIBLE, f"the returned objective is not finite ({returned})"
    for one in metrics.aims.objectives:
        if not math.isfinite(end.results.get(one.name, 0.0)):
            return TrialState.INFEASIBLE, f"the returned {one.name} is not finite ({end.results[one.name]})"
    if broken := metrics.not_finite({name: Series.of([value]) for name, value in end.results.items()}):
        return TrialState.INFEASIBLE, f"the returned {broken} is not finite ({end.results[broken]})"
    if end.ended_by in ("timeout", "stalled"):
        return TrialState.TIMEOUT, end.error or f"ended: {end.ended_by}"
    if end.ended_by == "stopped":
        return TrialState.STOPPED, end.error or "stopped by a stop rule"
    if end.failed:
        return TrialState.FAILED, end.error or _how_it_died(end)
    if metrics.objective and not summary:
        return (
            TrialState.FAILED,
            f"the job ended well but left no history: {history.problem or 'it logged no number'}",
        )
    return TrialState.COMPLETE, ""


def _out_of_memory(end: JobEnd, log_tail: str) -> str:
    """The line that reports missing memory, empty if the job did not fail or did not fail for that."""
    if not end.failed or end.ended_by:
        return ""
    return next(
        (one_line(line) for line in (end.error, *log_tail.splitlines()) if OUT_OF_MEMORY.search(line)), ""
    )


def _how_it_died(end: JobEnd) -> str:
    if end.signal:
        return f"killed by {end.signal}"
    return f"exit code {end.exit_code}" if end.exit_code is not None else "the job failed without a message"


def objective_of(end: JobEnd, summary: Mapping[str, MetricSummary], metrics: Metrics) -> float:
    """The objective: the named result, the configured statistic of the metric, or the one number returned.

    Of several objectives the first; not known where one of them is not.
    """
    names = [one.name for one in metrics.aims.objectives]
    if names:
        values = values_of(end.results, summary, metrics)
        return values[names[0]] if all(name in values for name in names) else math.nan
    if metrics.objective in end.results:
        return end.results[metrics.objective]
    if metrics.objective in summary:
        return float(getattr(summary[metrics.objective], metrics.objective_stat))
    return end.return_value if end.return_value is not None and not metrics.objective else math.nan


def objective_again(job: Job, study_dir: Path, metrics: Metrics) -> float:
    """The objective of a job that ended before it was known what that is."""
    results = job.details.results
    end = JobEnd(False, return_value=job.details.return_value, results=results)
    curve = bool(metrics.objective) and metrics.objective not in results
    run_dir = study_dir / job.run_dir
    summary = history_and_summary(run_dir, metrics, job.stop_step)[1] if curve else {}
    return objective_of(end, summary, metrics)
