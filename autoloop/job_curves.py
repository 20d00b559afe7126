"""The curves of a job, as a study reads them from its directory."""

from __future__ import annotations

from pathlib import Path

from autoloop.history import History, read_history
from autoloop.metrics import Metrics


def read_curves(run_dir: Path, metrics: Metrics) -> History:
    """Return the curves of a job under canonical names; of several W&B runs those with the objective."""
    return metrics.canonical(read_history(run_dir, objective=metrics.objective_names))
