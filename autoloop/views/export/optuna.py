"""A study as an Optuna study, which optuna-dashboard opens."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from autoloop.curves.metrics import Metrics
from autoloop.errors import AutoloopError, OutsideError
from autoloop.loop.score.averages import is_further_seed
from autoloop.loop.score.front_words import numbers
from autoloop.store.files import inside
from autoloop.store.reading import read_curves
from autoloop.study.record import Job, Study
from autoloop.study.trials import TrialState
from autoloop.views.export.rows import knob
from autoloop.views.report.facts import Facts

STATES = {
    TrialState.COMPLETE: "COMPLETE",
    TrialState.STOPPED: "PRUNED",
    TrialState.FAILED: "FAIL",
    TrialState.TIMEOUT: "FAIL",
    TrialState.INFEASIBLE: "FAIL",
    TrialState.INTERRUPTED: "FAIL",
}


def export_optuna(study: Study, study_dir: Path, storage: str, name: str, metrics: Metrics) -> int:
    """Write every ended job as a trial of a new Optuna study and return how many there are.

    Parameters are the paths that any variant changed; the curve of the objective becomes the intermediate
    values; lineage, rule and reason are user attributes. Where each configuration runs with several seeds, it
    is one trial, its values are the means, and the curve is that of the first seed.

    Args:
        study: The study.
        study_dir: Its directory.
        storage: An Optuna storage URL such as ``sqlite:///study.db``.
        name: Name of the Optuna study.
        metrics: Aliases and the objective.

    Raises:
        OutsideError: Optuna is not installed, or the storage cannot be used.
        AutoloopError: The storage holds a study of that name.
    """
    optuna = import_optuna()
    facts = Facts(study)
    ended = [job for job in facts.jobs if job.state is not None and not is_further_seed(study, job)]
    ranges = value_ranges(facts, ended)
    with _created(optuna, storage, name, directions(study)) as target:
        target.set_user_attr("autoloop study", str(study_dir.resolve()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            target.set_metric_names([one.name for one in study.aims.objectives] or [facts.metric])
        for job in ended:
            curve = _curve(job, study_dir, metrics)
            target.add_trial(trial_of(optuna, facts, job, ranges, curve))
    return len(ended)


def import_optuna() -> Any:
    """Import Optuna, quietly.

    Raises:
        OutsideError: It is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise OutsideError("this needs Optuna: pip install 'autoloop[optuna]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


@contextmanager
def _created(optuna: Any, storage: str, name: str, goals: Sequence[str]) -> Iterator[Any]:
    """A new Optuna study; no connection to its storage stays open behind it."""
    database = _database(optuna, storage)
    try:
        yield _create(optuna, database, storage, name, goals)
    finally:
        database.remove_session()
        database.engine.dispose()


def _database(optuna: Any, storage: str) -> Any:
    try:
        return optuna.storages.RDBStorage(storage)
    except Exception as error:
        raise _unusable(storage, error) from error


def _create(optuna: Any, database: Any, storage: str, name: str, goals: Sequence[str]) -> Any:
    try:
        return optuna.create_study(storage=database, study_name=name, directions=list(goals))
    except optuna.exceptions.DuplicatedStudyError as error:
        raise AutoloopError(f"{storage} holds a study {name!r} already; choose another --name") from error
    except Exception as error:
        raise _unusable(storage, error) from error


def _unusable(storage: str, error: Exception) -> OutsideError:
    first = str(error).strip().splitlines()[:1]
    return OutsideError(f"{storage} cannot be used: {type(error).__name__}: {''.join(first)}")


def value_ranges(facts: Facts, jobs: Sequence[Job]) -> dict[str, list[Any]]:
    """Path of each knob -> the values that jobs have there, as Optuna keeps them."""
    return {path: _range([knob(facts, job, path) for job in jobs]) for path in facts.base_values if jobs}


def trial_of(
    optuna: Any, facts: Facts, job: Job, ranges: Mapping[str, Sequence[Any]], curve: Mapping[int, float]
) -> Any:
    """A job that ended as a trial of Optuna.

    Args:
        optuna: The library.
        facts: What the study amounts to.
        job: The job.
        ranges: The parameters, see `value_ranges`.
        curve: Step -> value of the objective.
    """
    assert job.state is not None
    state = optuna.trial.TrialState[STATES[job.state]]
    if job.state is TrialState.COMPLETE and not math.isfinite(job.objective):
        state = optuna.trial.TrialState.FAIL
    params = {path: _param(knob(facts, job, path), values) for path, values in ranges.items()}
    trial = optuna.trial.create_trial(
        state=state,
        values=results(facts, job) if state is optuna.trial.TrialState.COMPLETE else None,
        system_attrs=constraints(job),
        params=params,
        distributions={path: _distribution(optuna, values) for path, values in ranges.items()},
        user_attrs=attributes(facts, job),
        intermediate_values=dict(curve),
    )
    if math.isfinite(job.started_at) and math.isfinite(job.ended_at):
        trial.datetime_start = datetime.fromtimestamp(job.started_at)
        trial.datetime_complete = datetime.fromtimestamp(job.ended_at)
    return trial


def directions(study: Study) -> list[str]:
    """Which way each objective is better, in Optuna's words."""
    goals = [one.maximize for one in study.aims.objectives] or [study.maximize]
    return ["maximize" if up else "minimize" for up in goals]


def results(facts: Facts, job: Job) -> list[float]:
    """A job's number of each objective, the mean over its seeds where it has several."""
    if not facts.study.aims.several:
        return [facts.result(job)]
    return list(numbers(facts.study, job, facts.averages).values())


def constraints(job: Job) -> dict[str, Any]:
    """How far each constraint is broken, where Optuna's samplers and dashboard look for it."""
    if not job.excess:
        return {}
    return {"constraints": [1.0 if math.isnan(one) else one for one in job.excess]}


def attributes(facts: Facts, job: Job) -> dict[str, Any]:
    """What a trial keeps of a job beside parameters and value."""
    plan = job.plan
    return {
        "name": job.name,
        "job": job.job,
        "round": job.round,
        "parent": plan.parent,
        "rule": plan.rule,
        "reason": plan.reason,
        "edits": list(plan.edits),
        "run_dir": job.run_dir,
        "state": job.state.value if job.state else None,
        "error": job.error,
        **({"seeds": facts.seeds(job)} if facts.averages else {}),
        **job.details.values,
    }


def _curve(job: Job, study_dir: Path, metrics: Metrics) -> dict[int, float]:
    if not metrics.objective or not job.run_dir:
        return {}
    series = read_curves(inside(study_dir, job.run_dir), metrics).get(metrics.objective)
    if series is None:
        return {}
    return dict(zip(series.steps.tolist(), series.values.tolist(), strict=True))


def _range(values: list[Any]) -> list[Any]:
    """The distinct values of a knob: floats if one of its numbers is, else choices as Optuna keeps them."""
    if all(_is_finite_number(value) for value in values):
        kind = int if all(isinstance(value, int) for value in values) else float
        return sorted({kind(value) for value in values})
    return list(dict.fromkeys(_choice(value) for value in values))


def _is_finite_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _choice(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # no range holds it
    return (
        value
        if value is None or isinstance(value, bool | int | float | str)
        else json.dumps(value, default=str)
    )


def _param(value: Any, values: Sequence[Any]) -> Any:
    return float(value) if {type(choice) for choice in values} == {float} else _choice(value)


def _distribution(optuna: Any, values: Sequence[Any]) -> Any:
    if {type(value) for value in values} == {float}:
        return optuna.distributions.FloatDistribution(values[0], values[-1])
    if {type(value) for value in values} == {int}:
        return optuna.distributions.IntDistribution(values[0], values[-1])
    return optuna.distributions.CategoricalDistribution(list(values))
