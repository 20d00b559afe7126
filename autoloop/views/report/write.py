"""The report files of a study, each replaced as a whole so that no reader sees half a file."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any

import yaml

from autoloop.history.series import Series
from autoloop.store.files import inside, write_atomic
from autoloop.study.record import Study
from autoloop.views.report.data import best, optimization_results, write_json
from autoloop.views.report.facts import Facts
from autoloop.views.report.figures.chart import thin
from autoloop.views.report.html import html_pieces, wanted_curves
from autoloop.views.report.markdown import Curves, markdown


def write_report(
    study: Study,
    study_dir: str | Path,
    curves: Curves | None = None,
    task_name: str | None = None,
    facts: Facts | None = None,
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
        facts: What the study amounts to, where that has been worked out.

    Raises:
        OSError: The directory cannot be written.
    """
    root = Path(study_dir)
    reports = inside(root, "reports/data").parent
    inside(root, "reports")
    task = task_name or (study.header.task or "study")
    page_name = re.sub(r"[^\w.-]+", "_", task).strip(".") or "study"
    facts = facts or Facts(study)
    write_atomic(reports / "data" / "autorun_summary.json", partial(write_json, study))
    write_atomic(reports / f"{page_name}.md", markdown(study, curves, facts=facts))
    write_atomic(reports / "report.html", partial(_write_page, html_pieces(study, curves, facts)))
    write_atomic(root / "optimization_results.yaml", _yaml(optimization_results(study, facts)))
    winner = best(study, facts)
    if winner:
        what = "The front" if facts.front else "The best configuration"
        head = (
            f"# {what} of this study so far. Run it again with the line under `command`,\n"
            "# in the directory under `cwd`.\n"
        )
        write_atomic(root / "best.yaml", head + _yaml(winner))


def _write_page(pieces: Iterable[str], file: IO[bytes]) -> None:
    for piece in pieces:
        file.write(piece.encode("utf-8", "backslashreplace"))


CHEAP_S = 0.1  # a drawing that takes no longer is made after every end of a job
PAUSE = 20  # times the length of a longer one pass until the next


class Reporter:
    """Writes a study's report files again and again, and reads every curve it draws only once.

    Attributes:
        study_dir: The study's directory.
        read: Reads a run dir: metric -> curve, under canonical names.
        clock: Seconds, on which drawings are timed.
    """

    def __init__(
        self,
        study_dir: str | Path,
        read: Callable[[Path], Mapping[str, Series]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.study_dir = Path(study_dir)
        self._clock = clock
        self._drawn_at, self._took_s = 0.0, 0.0
        self.read = read
        self._known: dict[
            int, dict[str, Series | None]
        ] = {}  # job number -> metric -> thinned curve, None: no such

    def keep_up(self, study: Study) -> None:
        """Write all files where that is cheap or due: after a job or a round; there may be thousands.

        A drawing that took more than `CHEAP_S` is made again when `PAUSE` times as long has passed, so that a
        large study spends at most 5 % of its time on it.

        Raises:
            OSError: The directory cannot be written.
        """
        if self._took_s <= CHEAP_S or self._clock() - self._drawn_at >= PAUSE * self._took_s:
            self.write(study)

    def write(self, study: Study) -> None:
        """Write all files as `write_report` does, with the curves of jobs that have ended.

        Raises:
            OSError: The directory cannot be written.
        """
        began = self._clock()
        facts = Facts(study)
        for number, metrics in wanted_curves(study, facts).items():
            known = self._known.setdefault(number, {})
            if any(metric not in known for metric in metrics):
                history = self.read(inside(self.study_dir, study.jobs[number].run_dir))
                known.update({name: thin(history[name]) if name in history else None for name in metrics})
        curves = {
            number: {name: series for name, series in known.items() if series is not None}
            for number, known in self._known.items()
        }
        write_report(study, self.study_dir, curves, facts=facts)
        self._drawn_at = self._clock()
        self._took_s = self._drawn_at - began


def _yaml(item: dict[str, Any]) -> str:
    return str(yaml.safe_dump(item, sort_keys=False, allow_unicode=True, width=1000))
