"""Running the contest on tasks of files: one row of a CSV file for each study and budget, with its regret."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from contest.outside import tasks_of
from contest.raw import append, read
from contest.reference import best_of
from contest.results import Choice, Choices
from contest.score import WORST, interval
from contest.task import Task

COLUMNS = ("task", "rival", "study", "budget", "jobs", "steps", "regret")
Rivals = Mapping[str, Callable[[Task, int], Choices]]


def run_outside(files: Iterable[Path], rivals: Rivals, studies: Iterable[int], out: Path) -> None:
    """Run every study that the file lacks.

    Args:
        files: Python files with tasks (`contest.outside`).
        rivals: Name -> rival.
        studies: Seeds of the studies.
        out: The CSV file; what is the best known of each task stands beside it, in a JSON file.
    """
    tasks = tasks_of(files)
    done = {(row["task"], row["rival"], int(row["study"])) for row in read(out)}
    for study in studies:
        for task in tasks.values():
            best = _best(task, out.with_suffix(".best.json"))
            for name, rival in rivals.items():
                if (task.name, name, study) not in done:
                    append(out, COLUMNS, _rows(task, name, study, rival(task, study), best))
        print(f"study {study}", flush=True)


def _best(task: Task, file: Path) -> float:
    known: dict[str, float] = json.loads(file.read_text()) if file.exists() else {}
    if task.name not in known:
        known[task.name] = float(f"{best_of(task):.6g}")
        file.write_text(json.dumps(known, indent=1) + "\n")
    return known[task.name]


_KNOWN: dict[str, list[float]] = {}


def _fresh(task: Task, config: Mapping[str, Any]) -> list[float]:
    """Results of a config on the task's own seeds, each trained once."""
    key = json.dumps([task.name, {**config, "seed": 0}], sort_keys=True, default=str)
    if key not in _KNOWN:
        _KNOWN[key] = task.fresh(config)
    return _KNOWN[key]


def _rows(task: Task, name: str, study: int, choices: Mapping[int, Choice], best: float) -> list[list[str]]:
    baseline = _fresh(task, {**task.config, "seed": study})
    rows = []
    for budget, choice in choices.items():
        found = regret_of(_fresh(task, choice.config), baseline, best)
        told = [budget, choice.jobs, f"{choice.steps / task.steps:.4g}", f"{found:.5g}"]
        rows.append([task.name, name, str(study), *map(str, told)])
    return rows


def regret_of(fresh: Sequence[float], baseline: Sequence[float], best: float) -> float:
    """How much of what a task has to give a config leaves: 1 is the baseline, 0 the best known.

    On the scale of logarithms where all values are above 0, else on their own; the mean over fresh seeds,
    each at most `WORST`, which a training that diverged counts.
    """
    logs = best > 0 and all(value > 0 for value in (*fresh, *baseline) if math.isfinite(value))
    scale = math.log if logs else float
    start = [scale(value) for value in baseline if math.isfinite(value)]
    goal = scale(best)
    whole = float(np.mean(start)) - goal if start else 1.0
    parts = [(scale(one) - goal) / whole if math.isfinite(one) else WORST for one in fresh]
    return float(np.mean(np.minimum(parts, WORST)))


def compare(
    rows: Sequence[Mapping[str, str]], ours: str, budget: int
) -> list[tuple[str, float, float, float, float]]:
    """Set one rival against all others, paired by task and study.

    Returns:
        Of each other rival its name, its mean regret, ours, and the 95 % interval of ours minus its.
    """
    found: dict[str, dict[tuple[str, str], float]] = {}
    for row in rows:
        if int(row["budget"]) == budget:
            found.setdefault(row["rival"], {})[row["task"], row["study"]] = float(row["regret"])
    told = []
    for other, theirs in found.items():
        common = sorted(set(theirs) & set(found[ours]))
        if other == ours or not common:
            continue
        gaps: dict[str, list[float]] = {}
        for task, study in common:
            gaps.setdefault(task, []).append(found[ours][task, study] - theirs[task, study])
        low, high = interval({task: np.array(one) for task, one in gaps.items()})
        told.append((other, _mean(theirs, common), _mean(found[ours], common), low, high))
    return told


def _studies(rows: Sequence[Mapping[str, str]], rival: str, budget: int) -> set[tuple[str, str]]:
    """Task and number of the studies that a rival has run."""
    own = (row for row in rows if row["rival"] == rival and int(row["budget"]) == budget)
    return {(row["task"], row["study"]) for row in own}


def _mean(regrets: Mapping[tuple[str, str], float], places: Sequence[tuple[str, str]]) -> float:
    """Mean over tasks of the means over studies."""
    tasks = {task for task, _ in places}
    return float(np.mean([np.mean([regrets[one] for one in places if one[0] == task]) for task in tasks]))


def table(rows: Sequence[Mapping[str, str]], ours: str, budgets: Sequence[int]) -> Iterator[str]:
    """Yield a Markdown table of how a rival did against all others, on the studies that both have run."""
    heads = [f"{budget} jobs: regret | `{ours}` there | difference, 95 % interval" for budget in budgets]
    yield f"| rival | studies | {' | '.join(heads)} |"
    yield "|---|---:|" + "---:|---:|---|" * len(budgets)
    found = {budget: {one[0]: one for one in compare(rows, ours, budget)} for budget in budgets}
    for other in found[budgets[0]]:
        count = len(_studies(rows, ours, budgets[0]) & _studies(rows, other, budgets[0]))
        cells = []
        for budget in budgets:
            _, theirs, mine, low, high = found[budget][other]
            cells += [f"{theirs:.3f}", f"{mine:.3f}", f"{mine - theirs:+.3f} ({low:+.3f} to {high:+.3f})"]
        yield f"| `{other}` | {count} | {' | '.join(cells)} |"
