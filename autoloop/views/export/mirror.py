"""A study kept as an Optuna study while it runs, so that optuna-dashboard follows it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from autoloop.loop.score.averages import is_further_seed
from autoloop.study.record import Job, Study
from autoloop.study.trials import TrialState
from autoloop.views.export.optuna import (
    STATES,
    attributes,
    constraints,
    directions,
    import_optuna,
    results,
)
from autoloop.views.report.facts import Facts

JOURNAL = "journal:"
"""What a storage begins with that is a file of Optuna's journal; others are URLs of databases."""


@dataclass(slots=True)
class OptunaMirror:
    """Adds each job that ended to an Optuna study, once, also over restarts.

    Attributes:
        storage: ``sqlite:///x.db``, another database's URL, or ``journal:x.log``.
        name: Name of the Optuna study; one that is there is gone on with.
        choices: Path -> the values of a knob of the space that is no number.
        starts: Path -> the value that the study starts with.
        conditions: Path -> path of another knob -> the values with which it counts. A job has no parameter
            for a knob that does not count there: its config may lack that key.
    """

    storage: str
    name: str
    choices: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    starts: Mapping[str, Any] = field(default_factory=dict)
    conditions: Mapping[str, Mapping[str, Sequence[Any]]] = field(default_factory=dict)
    _target: Any = None
    _known: set[int] = field(default_factory=set)

    def update(self, study: Study) -> None:
        """Add the jobs that have ended since.

        Raises:
            OutsideError: Optuna is not installed.
        """
        ended = [job for job in _settled(study) if job.job not in self._known]
        if not ended or study.open:
            return
        optuna, facts = import_optuna(), Facts(study)
        if self._target is None:
            self._target = self._opened(optuna, study)
        for job in ended:
            if job.job not in self._known:
                self._target.add_trial(self._trial(optuna, facts, job))
                self._known.add(job.job)

    def _opened(self, optuna: Any, study: Study) -> Any:
        backend: Any = self.storage
        if self.storage.startswith(JOURNAL):
            journal = optuna.storages.journal
            backend = optuna.storages.JournalStorage(
                journal.JournalFileBackend(self.storage.removeprefix(JOURNAL))
            )
        goals = directions(study)
        target = optuna.create_study(
            storage=backend, study_name=self.name, directions=goals, load_if_exists=True
        )
        self._known |= {trial.user_attrs.get("job", -1) for trial in target.get_trials(deepcopy=False)}
        return target

    def _trial(self, optuna: Any, facts: Facts, job: Job) -> Any:
        assert job.state is not None
        state = optuna.trial.TrialState[STATES[job.state]]
        known = math.isfinite(job.objective)
        if job.state is TrialState.COMPLETE and not known:
            state = optuna.trial.TrialState.FAIL
        knobs = {**facts.base_values, **self.starts, **facts.knobs[job.job]}
        counted = {path: value for path, value in knobs.items() if self._counts(path, knobs)}
        values, others = self._params(optuna, counted)
        trial = optuna.trial.create_trial(
            state=state,
            values=results(facts, job) if state is optuna.trial.TrialState.COMPLETE else None,
            system_attrs=constraints(job),
            params={path: value for path, (value, _) in values.items()},
            distributions={path: distribution for path, (_, distribution) in values.items()},
            user_attrs={**attributes(facts, job), **others},
        )
        if math.isfinite(job.started_at) and math.isfinite(job.ended_at):
            trial.datetime_start = datetime.fromtimestamp(job.started_at)
            trial.datetime_complete = datetime.fromtimestamp(job.ended_at)
        return trial

    def _counts(self, path: str, knobs: Mapping[str, Any]) -> bool:
        """Whether the conditions of a knob hold; one on a value that no knob turns holds all along."""
        wanted = self.conditions.get(path, {})
        return all(
            other not in knobs or (knobs[other] in values and self._counts(other, knobs))
            for other, values in wanted.items()
        )

    def _params(
        self, optuna: Any, values: Mapping[str, Any]
    ) -> tuple[dict[str, tuple[Any, Any]], dict[str, str]]:
        """The values of a job as parameters with their distributions, and as texts what cannot be one.

        A parameter's choices never change in a storage, so only those that the space names are some.
        """
        params: dict[str, tuple[Any, Any]] = {}
        others: dict[str, str] = {}
        make = optuna.distributions
        for path, value in values.items():
            listed = [*self.choices.get(path, ()), *([self.starts[path]] if path in self.starts else ())]
            if path in self.choices and value in listed:
                params[path] = value, make.CategoricalDistribution(tuple(dict.fromkeys(listed)))
            elif path not in self.choices and isinstance(value, int | float) and math.isfinite(value):
                params[path] = float(value), make.FloatDistribution(float(value), float(value))
            else:
                others[path] = str(value)
        return params, others


def _settled(study: Study) -> list[Job]:
    """The jobs whose results are final: with several seeds for each configuration once all of them ended."""
    jobs = study.counted()
    waiting = {job.origin for job in jobs if is_further_seed(study, job) and job.state is None}
    return [
        job
        for job in jobs
        if job.state is not None and job.place not in waiting and not is_further_seed(study, job)
    ]
