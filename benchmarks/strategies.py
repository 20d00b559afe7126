"""Which strategy finds better settings with the same number of jobs.

Every rival (`contest.rivals`) starts from the same baseline of a task (`contest.catalogue`), has the same
box, rounds of four jobs and the same number of jobs, 12 and 24 (the first 12 of 24 are the 12). What it
selects is trained again on seeds that the study never trained with. The score is `contest.score.regret`.

    python benchmarks/strategies.py best        # results/strategies_best.json: what each task has to give
    python benchmarks/strategies.py run         # appends to results/strategies.csv what is not there yet
    python benchmarks/strategies.py report      # tables and plots into docs/
    python benchmarks/strategies.py run --tasks FILE.py --rivals mixed,halving,tpe --studies 12 --out FILE.csv
    python benchmarks/strategies.py compare FILE.csv --ours mixed   # paired by task and study

With `--tasks` the tasks are those of Python files of anybody's (`contest.outside` says what they hold).

Needs ``pip install 'autoloop[bench]'``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from contest.catalogue import tasks
from contest.outside_run import compare, run_outside, table
from contest.raw import append, read, seeds
from contest.reference import best_known
from contest.rivals import ALIASES, BUDGETS, MEANT, RIVALS, Choice, Choices
from contest.score import regret
from contest.task import Task

RESULTS = Path(__file__).parent / "results" / "strategies.csv"
HELD_OUT = RESULTS.with_name("held_out.csv")
BEST = RESULTS.with_name("strategies_best.json")
Rivals = Mapping[str, Callable[[Task, int], Choices]]
COLUMNS = ("task", "rival", "study", "budget", "jobs", "steps", "value", "fresh", "baseline")


def run(studies: range, only: list[str], on: list[str], file: Path, rivals: Rivals = RIVALS) -> None:
    """Run every study that the file lacks."""
    done = {(row["task"], row["rival"], int(row["study"])) for row in read(file)}
    for study in studies:
        for task in tasks().values():
            wanted = [
                name
                for name in rivals
                if (not on or task.name in on)
                and (not only or name in only)
                and (task.name, name, study) not in done
            ]
            for name in wanted:
                _append(file, task, name, study, rivals)
        print(f"study {study} of {studies}", flush=True)


def _append(file: Path, task: Task, name: str, study: int, rivals: Rivals) -> None:
    """Run one study and write down its choices, both budgets at once."""
    choices = rivals[name](task, study).items()
    append(file, COLUMNS, [_row(task, name, study, jobs, choice) for jobs, choice in choices])


def _row(task: Task, name: str, study: int, budget: int, choice: Choice) -> list[str]:
    steps = choice.steps / task.steps  # in trainings
    row: list[object] = [task.name, name, study, budget, choice.jobs, f"{steps:.4g}", f"{choice.value:.5g}"]
    fresh = (_fresh(task, config) for config in (choice.config, {**task.config, "seed": study}))
    return [*map(str, row), *fresh]


_KNOWN: dict[tuple[str, str, tuple[int, ...]], str] = {}


def _fresh(task: Task, config: Mapping[str, Any]) -> str:
    """Results on fresh seeds; of each config once."""
    key = task.name, json.dumps({**config, "seed": 0}), task.fresh_seeds(config["seed"])
    if key not in _KNOWN:
        _KNOWN[key] = " ".join(f"{value:.5g}" for value in task.fresh(config))
    return _KNOWN[key]


def find_best(file: Path) -> None:
    """Search each task for its best, unless the file has it."""
    known = json.loads(file.read_text()) if file.exists() else {}
    for task in tasks().values():
        if task.name not in known:
            known[task.name] = float(f"{best_known(task):.5g}")
            file.write_text(json.dumps(known, indent=1) + "\n")
            print(task.name, known[task.name], flush=True)


def _named(text: str, unsaid: Iterable[str] = RIVALS) -> Rivals:
    """The rivals of a list of names with commas between them."""
    names = [ALIASES.get(name, name) for name in text.split(",") if name] or list(unsaid)
    for name in names:
        if name not in RIVALS:
            raise SystemExit(f"no rival {name!r}; there are {', '.join([*RIVALS, *ALIASES])}")
    return {name: RIVALS[name] for name in names}


def _rows(file: Path) -> list[dict[str, str]]:
    """Raw results with their regret, which those of the contest's own tasks lack."""
    rows, best = read(file), json.loads(BEST.read_text())
    for row in rows:
        if "regret" not in row:
            fresh, baseline = (list(map(float, row[name].split())) for name in ("fresh", "baseline"))
            row["regret"] = str(regret(fresh, baseline, best[row["task"]]))
    return rows


def _compare(file: Path, ours: str, beside: Path | None) -> None:
    """Print how a rival did against all others, or against those of another file."""
    rows = _rows(file)
    if beside is not None:
        others = _rows(beside)
        for row in others:
            row["rival"] += " before" if row["rival"] == ours else ""
        rows = [row for row in rows if row["rival"] == ours] + others
    print("\n".join(table(rows, ours, BUDGETS)))
    for budget in BUDGETS:
        for other, theirs, mine, low, high in compare(rows, ours, budget):
            print(
                f"{budget} jobs: {ours} {mine:.3f}, {other} {theirs:.3f} (ratio {mine / theirs:.2f}), "
                f"difference {mine - theirs:+.3f} [{low:+.3f}, {high:+.3f}]"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("best")
    runs = commands.add_parser("run")
    runs.add_argument("--studies", type=int, default=MEANT)
    runs.add_argument("--first", type=int, default=0, help="seed of the first study")
    runs.add_argument("--only", nargs="*", default=[], choices=RIVALS)
    runs.add_argument("--on", nargs="*", default=[], choices=tasks())
    runs.add_argument("--file", type=Path, default=RESULTS)
    runs.add_argument("--tasks", nargs="*", type=Path, default=[], help="Python files with tasks")
    runs.add_argument("--rivals", default="", help="names with commas between them")
    runs.add_argument("--out", type=Path, default=None, help="CSV file for the regrets of --tasks")
    compares = commands.add_parser("compare")
    compares.add_argument("file", type=Path)
    compares.add_argument("--ours", default="mixed")
    compares.add_argument("--beside", type=Path, default=None, help="CSV file with the others")
    commands.add_parser("report")
    given = parser.parse_args()
    if given.command == "run" and given.tasks:
        run_outside(given.tasks, _named(given.rivals), seeds(given), given.out or Path("regrets.csv"))
    elif given.command == "compare":
        _compare(given.file, given.ours, given.beside)
    elif given.command == "run":
        run(seeds(given), [*given.only, *_named(given.rivals, ())], given.on, given.file)
    elif given.command == "best":
        find_best(BEST)
    else:
        from contest.report import report

        report(read(RESULTS), json.loads(BEST.read_text()))


if __name__ == "__main__":
    main()
