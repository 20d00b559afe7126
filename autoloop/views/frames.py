"""A study for notebooks: `autoloop.Study.load` gives its jobs, curves and decisions as pandas' frames."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoloop.errors import ConfigError, OutsideError, did_you_mean
from autoloop.history.series import Series
from autoloop.store.files import inside
from autoloop.store.journal import read_study
from autoloop.store.reading import read_curves
from autoloop.study.record import Job, Study
from autoloop.views.analysis.sources import study_metrics
from autoloop.views.export.rows import job_rows
from autoloop.views.report import text
from autoloop.views.report.facts import Facts
from autoloop.views.report.figures.headline import headline, subtitle
from autoloop.views.report.figures.markup import el

if TYPE_CHECKING:
    import pandas as pd


class LoadedStudy:
    """A study as it was when it was loaded; `autoloop.Study` is this class.

    A notebook shows its headline. Reading changes nothing in the study, even while it runs.

    Attributes:
        study_dir: Its directory.
        metric: Name of the objective.
    """

    def __init__(self, study: Study, study_dir: Path) -> None:
        """Set up; users call `load`."""
        self.study_dir = study_dir
        self._study = study
        self._facts = Facts(study)
        self.metric = self._facts.metric

    @classmethod
    def load(cls, directory: str | os.PathLike[str]) -> LoadedStudy:
        """Read a study.

        Args:
            directory: The sweep directory, ``hydra.sweep.dir``.

        Raises:
            JournalError: There is no study, or its journal is damaged.
        """
        path = Path(directory)
        return cls(read_study(path), path)

    def trials(self) -> pd.DataFrame:
        """One row for each job, by its number: the columns of ``autoloop export csv``.

        ``config.<path>`` is the value of each knob that any job changed, ``<metric>.first``, ``.last`` and
        ``.best`` are numbers of its curves.

        Raises:
            OutsideError: pandas is not installed.
        """
        rows = job_rows(self._study)
        return _pandas().DataFrame(rows, columns=list(rows[0]) if rows else ["job"]).set_index("job")

    def curves(self, metric: str | None = None) -> pd.DataFrame:
        """The curves of one metric: a row for each step, a column for each job that logged it, by name.

        The curve of a job that a stop rule or a user ended is cut at the step at which it was judged.

        Args:
            metric: Name of the metric in the study; the objective if not given.

        Raises:
            ConfigError: No job has logged it.
            OutsideError: pandas is not installed.
        """
        pandas, name = _pandas(), metric or self.metric
        found = {job.name: series for job, series in self._series(name)}
        if not found:
            known = sorted({one for job in self._study.jobs.values() for one in job.summary})
            raise ConfigError(f"no job of {self.study_dir} has logged {name!r}{did_you_mean(name, known)}")
        columns = {
            of: pandas.Series(series.values, index=series.steps, name=of) for of, series in found.items()
        }
        return pandas.concat(columns.values(), axis=1).sort_index().rename_axis("step")

    def _series(self, metric: str) -> Iterator[tuple[Job, Series]]:
        metrics = study_metrics(self._study)
        for job in self._study.counted():
            if not job.run_dir:
                continue
            series = read_curves(inside(self.study_dir, job.run_dir), metrics).get(metric)
            if series is not None and len(series):
                yield job, series if job.stop_step is None else series.until(job.stop_step)

    def decisions(self) -> pd.DataFrame:
        """One row for each decision of a rule, and for each proposal that was refused.

        Columns: ``round``, ``rule``, ``trial`` (the parent of the proposed child), ``judged`` (the job that
        the rule looked at), ``fired``, ``reason``, ``edits``, ``expects``, ``refused`` (the reason; empty if
        it was not refused).

        Raises:
            OutsideError: pandas is not installed.
        """
        columns = ["round", "rule", "trial", "judged", "fired", "reason", "edits", "expects", "refused"]
        return _pandas().DataFrame([*self._decision_rows(), *self._refusal_rows()], columns=columns)

    def _decision_rows(self) -> Iterator[tuple[Any, ...]]:
        for number, decisions in sorted(self._study.decisions.items()):
            for one in decisions:
                edits = " ".join(one.edits)
                yield (number, one.rule, one.trial, one.judged, one.fired, one.reason, edits, one.expects, "")

    def _refusal_rows(self) -> Iterator[tuple[Any, ...]]:
        for number, refused in sorted(self._study.refused.items()):
            for one in refused:
                edits = " ".join(one.edits)
                yield (number, one.rule, one.trial, one.trial, True, "", edits, "", one.why)

    def __repr__(self) -> str:
        best = self._facts.best
        found = f", best {best.name} {self._facts.numbers(best)}" if best else ""
        return f"<study {self.study_dir}: {len(self._facts.jobs)} jobs, {self.metric}{found}>"

    def _repr_html_(self) -> str:
        """The headline of its report, for notebooks."""
        name = text.clean(self._study.header.task or self.study_dir.name)
        return str(el("div", el("h3", name), el("p", subtitle(self._facts)), headline(self._facts)))


def _pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise OutsideError("frames need pandas: pip install 'autoloop[frames]'") from error
    return pandas
