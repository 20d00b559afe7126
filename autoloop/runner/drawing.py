"""Drawing a study's report while it runs: a report that cannot be written harms no study."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from autoloop.curves.metrics import Metrics
from autoloop.history import History
from autoloop.store.reading import read_curves
from autoloop.store.redact import logger
from autoloop.study.record import Study
from autoloop.views.report import Reporter

log: logging.Logger = logger("autoloop")


class Drawing:
    """The report of one study, drawn from its journal again and again."""

    def __init__(self, study_dir: Path, metrics: Metrics) -> None:
        """Set up for one study.

        Args:
            study_dir: Its directory.
            metrics: How its curves are called.
        """
        self._metrics = metrics
        self._reporter = Reporter(study_dir, self._read)

    def keep_up(self, study: Study) -> None:
        """Draw the report after a job's end and after a decision, as far as that is cheap or due."""
        self._draw(study, self._reporter.keep_up)

    def write(self, study: Study) -> None:
        """Draw the report."""
        self._draw(study, self._reporter.write)

    def _read(self, run_dir: Path) -> History:
        return read_curves(run_dir, self._metrics)

    def _draw(self, study: Study, draw: Callable[[Study], None]) -> None:
        self._metrics = self._metrics.aimed(study.aim)
        try:
            draw(study)
        except Exception as error:  # noqa: BLE001 - drawn from the journal: `autoloop report` draws it again
            log.warning("the report could not be written (the journal is unharmed): %s", error)
