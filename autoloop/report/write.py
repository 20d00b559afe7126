"""The report files of a study, each replaced as a whole so that no reader sees half a file."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from autoloop.files import write_atomic
from autoloop.history.series import Series
from autoloop.report.data import autorun_summary, best, optimization_results, to_json
from autoloop.report.figures.chart import thin
from autoloop.report.html import html, wanted_curves
from autoloop.report.markdown import Curves, markdown
from autoloop.study import Study


def write_report(
    study: Study, study_dir: str | Path, curves: Curves | None = None, task_name: str | None = None
) -> None:
    """Write all report files of a study, replacing those of an earlier call.

    They are ``reports/data/autorun_summary.json``, ``reports/<task>.md``, ``reports/report.html``,
    ``optimization_results.yaml`` and, once a job has completed, ``best.yaml``.

    Args:
        study: The study.
        study_dir: Its directory; missing directories below it are made.
        curves: Job number -> metric -> curve, as far as they are at hand.
        task_name: Name of the Markdown file, by default the study's task; characters that do not belong in a
            file name become ``_``.

    Raises:
        OSError: The directory cannot be written.
    """
    root = Path(study_dir)
    reports = root / "reports"
    task = task_name or str(study.header.get("task") or "study")
    page_name = re.sub(r"[^\w.-]+", "_", task).strip(".") or "study"
    write_atomic(reports / "data" / "autorun_summary.json", to_json(autorun_summary(study)))
    write_atomic(reports / f"{page_name}.md", markdown(study, curves))
    write_atomic(reports / "report.html", html(study, curves))
    write_atomic(root / "optimization_results.yaml", _yaml(optimization_results(study)))
    winner = best(study)
    if winner:
        head = "# The best configuration of this study so far. Run it again with the line under `command`.\n"
        write_atomic(root / "best.yaml", head + _yaml(winner))


#: So many times as long as a report took passes before the next one is drawn at the end of a job.
REST = 20.0


class Reporter:
    """Writes a study's report files again and again, and reads every curve it draws only once.

    Attributes:
        study_dir: The study's directory.
        read: Reads a run dir: metric -> curve, under canonical names.
    """

    def __init__(
        self,
        study_dir: str | Path,
        read: Callable[[Path], Mapping[str, Series]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.study_dir = Path(study_dir)
        self.read = read
        self._clock = clock
        self._due_at = -math.inf
        self._known: dict[
            int, dict[str, Series | None]
        ] = {}  # job number -> metric -> thinned curve, None: no such

    def keep_up(self, study: Study) -> None:
        """Write all files unless they were written a moment ago; drawing takes a small share of the time.

        A report grows with its study, and is asked for at the end of every job.

        Raises:
            OSError: The directory cannot be written.
        """
        if self._clock() >= self._due_at:
            self.write(study)

    def write(self, study: Study) -> None:
        """Write all files as `write_report` does, with the curves of jobs that have ended.

        Raises:
            OSError: The directory cannot be written.
        """
        began = self._clock()
        for number, metrics in wanted_curves(study).items():
            known = self._known.setdefault(number, {})
            if any(metric not in known for metric in metrics):
                history = self.read(self.study_dir / study.jobs[number].run_dir)
                known.update({name: thin(history[name]) if name in history else None for name in metrics})
        curves = {
            number: {name: series for name, series in known.items() if series is not None}
            for number, known in self._known.items()
        }
        write_report(study, self.study_dir, curves)
        ended = self._clock()
        self._due_at = ended + REST * (ended - began)


def _yaml(item: dict[str, Any]) -> str:
    return str(yaml.safe_dump(item, sort_keys=False, allow_unicode=True, width=1000))
