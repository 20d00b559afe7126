"""The curves of a job, as a study reads them from its directory."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from autoloop.curves.metrics import Metrics
from autoloop.curves.summary import MetricSummary, summarize
from autoloop.history import History, read_history
from autoloop.history.files import end_of_file
from autoloop.store.redact import MARGIN, one_line, redact
from autoloop.study.trials import Trial


def read_curves(run_dir: Path, metrics: Metrics) -> History:
    """Return the curves of a job under canonical names; of several runs those with the objective."""
    return metrics.canonical(read_history(run_dir, objective=metrics.objective_names, lines=metrics.lines))


def end_of_log(path: Path, size: int) -> str:
    """The end of a log without secrets, not even the half of one that begins before it; empty if unreadable.

    Args:
        path: The log.
        size: Bytes of it that are wanted; what stands for a secret counts as it is shown.
    """
    return redact(end_of_file(path, size + MARGIN), os.environ)[-size:]


def read_history_of(trial: Trial, study_dir: Path, metrics: Metrics) -> Trial:
    """The same trial with its curves, read from disk, under canonical names."""
    history, summary = history_and_summary(study_dir / trial.run_dir, metrics, trial.stop_step)
    return replace(trial, history=history, summary=summary, metric=metrics.objective, goal=metrics.goal)


def history_and_summary(
    run_dir: Path, metrics: Metrics, stop_step: int | None = None
) -> tuple[History, dict[str, MetricSummary]]:
    """The curves of a job under canonical names and their summaries; empty, saying why, where that fails.

    A job that a stop rule ended counts up to the step it was judged at: what it logged until it was gone
    depends on the machine.
    """
    try:
        history = read_curves(run_dir, metrics)
        history = history if stop_step is None else history.until(stop_step)
        return history, summarize(history, metrics.goals_of(history))
    except Exception as error:  # noqa: BLE001 - the border of a job: what it left is recorded as its problem
        problem = one_line(f"its history cannot be read: {type(error).__name__}: {error}")
        return History(problem=problem, path=run_dir), {}
