"""The numbers of a study as plain data that any JSON reader takes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import IO, Any

from autoloop.edits import LiteralError, parse_literal
from autoloop.loop.score import confirmation, levels, start_at, without_effect
from autoloop.loop.score.front_words import numbers
from autoloop.study.record import CLIMB, Job, Study
from autoloop.views.report.facts import Facts

FIELDS = ("first", "last", "best", "best_step", "delta", "pct", "count")


def autorun_summary(study: Study) -> dict[str, dict[str, Any]]:
    """Return every ended job's summaries: ``{run dir: {metric: {first, ..., count}, "steps": n}}``.

    Cumulative over the rounds, in job order. NaN and infinities become None, which JSON writes as ``null``,
    so that every reader takes the result. A job that left no history has ``steps`` alone.
    """
    return dict(_summaries(study))


def _summaries(study: Study) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run dir and summary of every ended job; of two with one run dir the later, in the first one's place."""
    numbers: dict[str, int] = {}
    for number in sorted(study.jobs):
        job = study.jobs[number]
        if job.state is not None and job.run_dir:
            numbers[job.run_dir] = number
    for run_dir, number in numbers.items():
        job = study.jobs[number]
        yield run_dir, {**_metrics(job), "steps": job.steps}


def to_json(summary: dict[str, dict[str, Any]]) -> str:
    """Return a summary as JSON text: one line per metric, so that differences between two files read well."""
    return "".join(_pieces(summary.items()))


def write_json(study: Study, file: IO[bytes]) -> None:
    """Write `to_json` of a study's `autorun_summary`, job by job: that of a long study is large."""
    for piece in _pieces(_summaries(study)):
        file.write(piece.encode("utf-8", "backslashreplace"))


def _pieces(items: Iterable[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    start = "{"
    for run, item in items:
        yield f"{start}\n {_dump(run)}: {_run(item)}"
        start = ","
    yield "\n}\n" if start == "," else "{\n}\n"


def best_params(facts: Facts, job: Job) -> dict[str, Any]:
    """Return what sets a job apart: path -> value, typed if a variant changed it, else as its override."""
    params = dict(facts.knobs[job.job])
    for override in job.plan.overrides:
        key, _, item = override.lstrip("+").partition("=")
        own = key.startswith(("~", "hydra.", "hydra/"))
        if not own and not any(path == key or path.startswith(f"{key}.") for path in params):
            params[key] = _plain(item)
    return params


def optimization_results(study: Study, facts: Facts | None = None) -> dict[str, Any]:
    """Return the best job in the form Hydra's own sweepers write to ``optimization_results.yaml``.

    ``best_evaluated_params`` and ``best_evaluated_result`` are the names of Hydra's Nevergrad sweeper,
    ``best_params`` and ``best_value`` those of its Optuna sweeper: scripts that read either go on working.
    Of several objectives ``solutions`` has the front, as the Optuna sweeper writes it: ``params`` and
    ``values`` of each point. Only ``name`` is there while no job has completed.
    """
    facts = facts or Facts(study)
    if facts.front:
        return {"name": "autoloop", "solutions": [_solution(facts, job) for job in facts.front]}
    if facts.best is None:
        return {"name": "autoloop"}
    params = best_params(facts, facts.best)
    return {
        "name": "autoloop",
        "best_evaluated_params": params,
        "best_evaluated_result": facts.result(facts.best),
        "best_params": dict(params),
        "best_value": facts.result(facts.best),
        "best_overrides": list(facts.best.plan.overrides),
        "best_run_dir": facts.best.run_dir,
    }


def best(study: Study, facts: Facts | None = None) -> dict[str, Any]:
    """Return the winner: overrides, result beside the baseline's, how to run it; empty without one.

    Of several objectives it is ``front``, such an entry for each of its points.
    """
    facts = facts or Facts(study)
    if facts.front:
        return {"front": [_point(facts, job) for job in facts.front]}
    job = facts.best
    if job is None:
        return {}
    baseline = _beside(study, facts, job)
    return {
        "name": job.name,
        "job": job.job,
        "round": job.round,
        "run_dir": job.run_dir,
        "objective": {
            "metric": facts.metric,
            "goal": "max" if study.maximize else "min",
            "value": facts.result(job),
            "baseline": baseline if math.isfinite(baseline) else None,
        },
        **_seeds(facts, job),
        **_limits(facts, job),
        **_proof(study),
        **_again(facts, job),
    }


def _again(facts: Facts, job: Job) -> dict[str, Any]:
    """How to run a job once more."""
    return {
        "command": facts.command(job),
        **({"cwd": cwd} if (cwd := facts.study.header.cwd) else {}),
        "overrides": list(job.plan.overrides),
        "params": best_params(facts, job),
    }


def _solution(facts: Facts, job: Job) -> dict[str, Any]:
    """A point of the front as the Optuna sweeper writes it, with what finds its run."""
    values = list(numbers(facts.study, job, facts.averages).values())
    params = best_params(facts, job)
    return {
        "params": params,
        "values": values,
        "name": job.name,
        "run_dir": job.run_dir,
        **_seeds(facts, job),
    }


def _point(facts: Facts, job: Job) -> dict[str, Any]:
    """A point of the front, with each of its objectives and how to run it."""
    results = numbers(facts.study, job, facts.averages)
    goals = {one.name: "max" if one.maximize else "min" for one in facts.study.aims.objectives}
    place = {"name": job.name, "job": job.job, "round": job.round, "run_dir": job.run_dir}
    values = {name: {"goal": goals[name], "value": value} for name, value in results.items()}
    return {
        **place,
        "objectives": values,
        **_seeds(facts, job),
        **_limits(facts, job),
        **_again(facts, job),
    }


def _seeds(facts: Facts, job: Job) -> dict[str, int]:
    """Of how many seeds a job's numbers are the mean; nothing where they are its own."""
    return {"seeds": facts.seeds(job)} if job.place in facts.averages else {}


def _limits(facts: Facts, job: Job) -> dict[str, Any]:
    """The constraints and what the job has of each; nothing without any."""
    values = job.details.values
    found = {one.description: values.get(one.name) for one in facts.study.aims.constraints}
    return {"constraints": found} if found else {}


def _beside(study: Study, facts: Facts, job: Job) -> float:
    """The baseline's result at the length that a job was trained to; NaN where there is none."""
    level = job.plan.evidence.get("level") if job.rule == CLIMB else 0
    start = start_at(study, job, level) if isinstance(level, int) and level else facts.baseline
    return facts.result(start) if start is not None else math.nan


def _proof(study: Study) -> dict[str, Any]:
    """What was measured about the winner after it was found, as far as it was."""
    found, without = confirmation(study), without_effect(study)
    proof: dict[str, Any] = {"without_effect": list(without)} if without else {}
    lengths = [level.length for level in levels(study)]
    proof |= {"trained_to": lengths} if lengths else {}
    if found is not None:
        proof["confirmed"] = {
            "name": found.chosen.name,
            "seeds": len(found.gains_pct),
            "gain_pct": found.gain_pct,
            "interval_pct": list(found.interval_pct),
            "probability_better": found.better,
            "optimism_pct": _number(found.optimism_pct),
        }
        if not found.scale.is_percent(found.reference):
            proof["confirmed"]["percent_of"] = found.scale.unit(found.reference)
    return proof


def _metrics(job: Job) -> dict[str, dict[str, float | int | None]]:
    return {metric: {key: _number(entry.get(key)) for key in FIELDS} for metric, entry in job.summary.items()}


def _number(item: Any) -> float | int | None:
    return item if isinstance(item, (int, float)) and math.isfinite(item) else None


def _plain(item: str) -> Any:
    """Read the right side of an override as Hydra does, whose words are not YAML's; else it is its text."""
    with suppress(LiteralError):
        return parse_literal(item) if item else item
    with suppress(ValueError):
        return float(item)  # inf, nan
    return item


def _run(item: dict[str, Any]) -> str:
    return "{" + ",".join(f"\n  {_dump(metric)}: {_dump(entry)}" for metric, entry in item.items()) + "\n }"


def _dump(item: Any) -> str:
    return json.dumps(item, allow_nan=False)
