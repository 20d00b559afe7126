"""What a study is judged by where the user named nothing: seen from the first results, before decisions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from autoloop.curves.metrics import Metrics
from autoloop.curves.objective import LEVELS, RETURNED, Objective, most_telling, sure_goal
from autoloop.errors import counted, did_you_mean, nearest
from autoloop.loop.steps import Limits
from autoloop.study.record import Job, Study
from autoloop.study.trials import TrialState

RESULTS = (RETURNED, "objective")
"""Names of the one of several returned results that is meant to be the objective."""

ROUNDING = 1e-4
"""A returned value that differs from a logged one by no more than this share of it is the same number."""

SEVERAL = 2
"""So many jobs that all return 0 return it as a program does that went well, and not as a result."""

SHOWN = 12
"""Logged metrics that are listed where none of them says what a job is worth."""


def seen(study: Study, metrics: Metrics, named: str = "") -> Objective | None:
    """What the jobs that completed show the study to be judged by.

    Args:
        study: The record.
        metrics: Goals of metrics, and the direction that the user gave.
        named: The metric whose value the app says it returns; empty where only its jobs do, or none.

    Returns:
        The objective; None while no job has completed, or where there is nothing to judge by.
    """
    done = [job for job in study.counted() if job.state is TrialState.COMPLETE]
    results = [result for job in done if (result := _results(job))]
    if results:
        return _of_results(_common(results), metrics)
    names = {job.details.named for job in done}
    named = named or (names.pop() if len(names) == 1 else "")
    returned = [value for job in done if (value := _returned(job)) is not None]
    if not returned:
        return _of_curves(done, metrics, f"the task returned {_no_number(done)}") if done else None
    aim = _of_returned(done, metrics, named)
    if any(returned) or aim != metrics.aim or not aim.why:
        return aim
    if len(done) < SEVERAL:
        return None  # the next ones tell
    return _of_curves(done, metrics, _all_zero(done))


def _of_curves(done: Sequence[Job], metrics: Metrics, basis: str) -> Objective | None:
    """The most telling metric that all jobs logged, which is taken for what their tasks returned."""
    logged = _common([_finite(job.summary) for job in done])
    return _most_telling(logged, metrics, f"{basis}, and of {counted(len(logged), 'logged metric')}")


def _returned(job: Job) -> float | None:
    return job.details.return_value


def _results(job: Job) -> Mapping[str, Any]:
    return job.details.results


def _finite(summary: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [name for name, numbers in summary.items() if numbers.get("last") is not None]


def _common(names: Sequence[Iterable[str]]) -> list[str]:
    """What all have in common, in the order of the first."""
    return [name for name in names[0] if all(name in other for other in names)]


def _of_results(names: Sequence[str], metrics: Metrics) -> Objective | None:
    """The named result that is the objective: the one called so, the only one, else the most telling."""
    meant = next((name for name in RESULTS if name in names), names[0] if len(names) == 1 else "")
    if not meant:
        return _most_telling(names, metrics, f"of {counted(len(names), 'returned number')}")
    goal = metrics.direction or metrics.known_goal(meant) or metrics.known_goal(RETURNED)
    why = "the task returned it" + ("" if metrics.direction else _because(meant, metrics))
    return Objective(meant, goal or "min", metrics.objective_stat, why)


def _most_telling(names: Sequence[str], metrics: Metrics, basis: str) -> Objective | None:
    """The most telling metric that can be turned the way the user wants; None where there is none."""
    goals = {name: goal for name in names if (goal := metrics.known_goal(name))}
    fitting = {name: goal for name, goal in goals.items() if metrics.direction in ("", goal)}
    chosen = most_telling(names, fitting)
    if not chosen:
        return None
    why = (
        f"{basis} it says most{_because(chosen, metrics)}; hydra.sweeper.metrics.objective=NAME takes another"
    )
    return Objective(chosen, fitting[chosen], metrics.objective_stat, why)


def _because(name: str, metrics: Metrics) -> str:
    """How the goal of a metric is known, as the end of a clause."""
    if not metrics.known_goal(name):
        return ", lower is taken as better, because its name says nothing"
    return ", and its name says which way" if sure_goal(name) == metrics.known_goal(name) else ""


def _of_returned(done: Sequence[Job], metrics: Metrics, named: str) -> Objective:
    """The number that the task returns; where it is a metric's, that one's goal."""
    before = metrics.aim_called(named)
    if before != metrics.aim or not before.why:  # its name says which way, or the user does
        return before
    twins = dict(_twins([job for job in done if _returned(job) is not None], metrics))
    goals = {metrics.known_goal(name) for name in twins}
    if len(goals) != 1:
        return before
    name, goal = most_telling(twins, dict.fromkeys(twins, "")), goals.pop()
    why = f"it is the {twins[name]} of {name}, which is best {LEVELS[goal]}"
    return replace(before, goal=goal, why=why)


def _twins(done: Sequence[Job], metrics: Metrics) -> Iterator[tuple[str, str]]:
    """Metrics of a known goal of which every job returned the last or the best value, and which."""
    for name in _common([list(job.summary) for job in done]):
        if not metrics.known_goal(name):
            continue
        for stat in ("last", "best"):
            if all(_same(_returned(job), job.summary[name].get(stat)) for job in done):
                yield name, f"{stat} value"
                break


def _same(returned: float | None, logged: float | None) -> bool:
    if returned is None or logged is None:
        return False
    return math.isclose(returned, logged, rel_tol=ROUNDING, abs_tol=1e-12)


def nothing_to_judge_by(study: Study, limits: Limits) -> str:
    """Why a search cannot go on: jobs completed and none has a result, what they left, and what to set.

    Empty where there is a result, no job completed, or neither a search nor an objective was asked for: then
    the jobs were wanted for themselves.
    """
    done = [job for job in study.counted() if job.state is TrialState.COMPLETE]
    wanted = limits.rounds > 1 or study.aim.metric
    if not done or not wanted or (any(job.known for job in study.counted()) and not is_all_zero(study)):
        return ""
    return f"there is nothing to judge by: {missing(study)}"


def is_all_zero(study: Study) -> bool:
    """Whether all jobs returned 0, as programs do that went well, and no metric took the place of that.

    While that is so, what the study is judged by is still open, and no job is better than another.
    """
    if not study.open:
        return False
    done = [job for job in study.counted() if job.state is TrialState.COMPLETE]
    return len(done) >= SEVERAL and all(_returned(job) == 0 for job in done)


def _all_zero(done: Sequence[Job]) -> str:
    return f"the task returned 0 in each of {counted(len(done), 'job')}"


def missing(study: Study) -> str:
    """Why no job that completed has a result, what they left, and what to set; empty where none completed."""
    done = [job for job in study.counted() if job.state is TrialState.COMPLETE]
    names = list(dict.fromkeys(name for job in done for name in job.summary))
    if not done:
        return ""
    logged = f"what was logged: {_few(names)}" if names else "nothing was logged that could be read"
    if study.aims.several:
        return f"{_lacking(study, done)}; {logged}; {_SEVERAL}"
    if study.aim.metric:
        hint, near = did_you_mean(study.aim.metric, names), nearest(study.aim.metric, names)
        example = near or (names[0] if names else "NAME")
        return (
            f"no job has a value of {study.aim.metric}{hint}; {logged}; "
            f"name one of these: hydra.sweeper.metrics.objective={example}"
        )
    returned = _all_zero(done) if is_all_zero(study) else f"the task returned {_no_number(done)}"
    return f"{returned}; {logged}; {_knob(names)}"


_SEVERAL = "return a dict of numbers, or name metrics that are logged in hydra.sweeper.objectives"


def _lacking(study: Study, done: Sequence[Job]) -> str:
    """Which of several objectives no job has, with a job's own word on it where that has one."""
    lacking = [
        one.name for one in study.aims.objectives if not any(one.name in job.details.values for job in done)
    ]
    warning = next(iter(done[0].details.warnings), "")
    why = f" ({warning})" if warning and study.aims.by_place else ""
    names = ", ".join(lacking) or "all objectives together"
    return f"no job has a value of {names}{why}"


def _no_number(done: Sequence[Job]) -> str:
    """What the task returned that is no result, in words: most often None."""
    kinds = Counter(job.details.returned or "None" for job in done)
    return kinds.most_common(1)[0][0] if done else "None"


def _knob(names: Sequence[str]) -> str:
    example = names[0] if names else "NAME"
    return (
        f"return one number or a dict of numbers, or name a metric: hydra.sweeper.metrics.objective={example}"
    )


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
