"""Errors of the built-in task that a user can cause."""

from __future__ import annotations

from pathlib import Path

from autoloop.errors import AutoloopError


class DivergedError(AutoloopError):
    """The training left the finite numbers; the last row of the history shows where.

    Attributes:
        step: The step whose row is not finite.
        metrics: Names of the metrics that are NaN or infinite, in the order they are logged.
    """

    def __init__(self, step: int, metrics: tuple[str, ...]) -> None:
        super().__init__(
            f"training diverged: {', '.join(metrics)} not finite at step {step}; "
            "the row is in the W&B history. Lower policy.optimizer_lr or ot.lambda_ot"
        )
        self.step = step
        self.metrics = metrics


class OutputDirError(AutoloopError, FileExistsError):
    """``output_dir`` exists, and a training never writes into the output of another.

    Attributes:
        path: The directory that exists.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"output_dir {str(path)!r} exists already: the trainer creates it itself and never writes into "
            "an existing one. Choose another output_dir or move this one away"
        )
        self.path = path
