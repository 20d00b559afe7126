"""The contest of strategies: its score, and that docs/benchmarks.md shows what its raw results say."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.places import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

import confirmation
import minimal
import racing
import strategies
from contest import outside_run, report, score
from contest.rivals import RIVALS

MODELS = ("mixed_one_hot", "mixed_botorch", "mixed_optuna_gp")


def test_the_baseline_has_regret_one_and_the_best_zero() -> None:
    assert score.regret([4.0, 4.0], [2.0, 8.0], 1.0) == pytest.approx(1.0)
    assert score.regret([1.0, 1.0], [2.0, 8.0], 1.0) == pytest.approx(0.0)
    assert score.regret([0.5, 0.5], [2.0, 8.0], 1.0) < 0


def test_a_config_that_diverges_on_a_fresh_seed_is_worse_than_the_baseline() -> None:
    assert score.regret([math.nan, math.nan], [2.0, 2.0], 1.0) == score.WORST
    assert score.regret([1.0, math.inf], [2.0, 2.0], 1.0) == score.WORST / 2


def test_a_paired_difference_is_told_from_chance() -> None:
    luck = np.random.default_rng(1).normal(size=10)
    assert score.p_worse(luck + 0.1, luck) < 0.01
    assert 0.2 < score.p_worse(luck, luck[::-1]) < 0.8


def test_the_page_shows_what_the_raw_results_say() -> None:
    scores = report.Scores.of(strategies.read(strategies.RESULTS), json.loads(strategies.BEST.read_text()))
    page = report.PAGE.read_text()
    assert report.replaced(page, report.section(scores)) == page
    assert report.PAGE.with_name(report.PICTURE).read_text() == report.picture(scores)


def told(lines: Iterator[str]) -> None:
    """Check that the page has these tables."""
    tables = "\n".join(lines).split("\n\n")
    assert [table for table in tables if table not in report.PAGE.read_text()] == []


def test_the_tables_on_minimal_and_racing_are_what_their_raw_results_say() -> None:
    told(minimal.report(confirmation.read(minimal.RESULTS)))
    told(racing.report(strategies.read(racing.RESULTS), json.loads(strategies.BEST.read_text())))


OUTSIDE = '''
import math


class Valley:
    """A training whose loss falls towards what its rate and its kind allow."""

    name, steps, seeds = "valley", 20, (101, 102)
    config = {"lr": 0.001, "units": 4, "kind": "a", "seed": 0}
    space = {"lr": [1e-5, 1.0], "units": [2, 32], "kind": {"choices": ["a", "b"]}}

    def train(self, config, steps):
        end = 0.1 + math.log10(config["lr"] / 0.1) ** 2 + 0.3 * (config["kind"] == "a") + 1 / config["units"]
        end += 0.01 * (config["seed"] % 3)
        return {"eval/loss": [(step, end + 4 * math.exp(-step / 5)) for step in range(1, steps + 1)]}
'''


def test_tasks_of_a_file_run_without_touching_the_code(tmp_path: Path) -> None:
    """One row for each study and budget, with equal steps; what is there is not run again."""
    file, out = tmp_path / "tasks.py", tmp_path / "out.csv"
    file.write_text(OUTSIDE)
    rivals = {name: RIVALS[name] for name in ("random", "halving", "priorband", "mixed", "mixed_steps")}
    for _ in range(2):
        outside_run.run_outside([file], rivals, range(1), out)
    rows = strategies.read(out)
    assert list(rows[0]) == ["task", "rival", "study", "budget", "jobs", "steps", "regret"]
    assert len(rows) == len(rivals) * 2
    assert all(float(row["steps"]) <= int(row["budget"]) + 1 for row in rows)
    found = {(row["rival"], row["budget"]): float(row["regret"]) for row in rows}
    assert found["mixed", "24"] <= found["mixed", "12"] < 0.5
    told = outside_run.compare(rows, "mixed", 24)
    assert [other for other, *_ in told] == ["random", "halving", "priorband", "mixed_steps"]


def test_regret_of_results_of_any_sign_is_a_share_of_what_there_is_to_gain() -> None:
    assert outside_run.regret_of([-1.0], [0.0], -2.0) == pytest.approx(0.5)
    assert outside_run.regret_of([2.0], [4.0], 1.0) == pytest.approx(0.5)
    assert outside_run.regret_of([math.nan], [4.0], 1.0) == score.WORST


@pytest.mark.parametrize(
    ("ours", "rivals"),
    [
        ("mixed", ["halving", "priorband", "optuna_tpe", "random", "mixed_unprobed"]),
        ("mixed_steps", ["halving", "priorband", "optuna_tpe", "mixed"]),
    ],
)
def test_the_tables_on_held_out_trainings_are_what_their_raw_results_say(
    ours: str, rivals: list[str]
) -> None:
    lines = outside_run.table(strategies.read(strategies.HELD_OUT), ours, strategies.BUDGETS)
    wanted = [line for line in lines if line.startswith(tuple(f"| `{rival}` |" for rival in rivals))]
    assert len(wanted) == len(rivals)
    assert [line for line in wanted if line not in report.PAGE.read_text()] == []


def test_the_table_on_models_in_the_place_of_the_sampler_is_what_its_raw_results_say() -> None:
    lines = outside_run.table(strategies.read(strategies.HELD_OUT), "mixed", strategies.BUDGETS)
    for line in list(lines)[2:]:
        rival, studies, first, built_in, _, later, built_in_later, *_ = line.strip("| ").split(" | ")
        if rival.strip("`") in MODELS:
            numbers = rf"{studies} \| {first} \| {built_in} \|.*\| {later} \| {built_in_later} \|"
            assert re.search(rf"\| {rival}.* \| {numbers}", report.PAGE.read_text()), rival


@pytest.mark.slow
def test_the_tables_on_confirmation_are_what_its_raw_results_say() -> None:
    told(confirmation.report(confirmation.read(confirmation.RESULTS)))


def test_a_rival_is_shown_where_the_raw_results_tell_of_it() -> None:
    """A further rival takes no win from the others: it has no number of jobs."""
    rows = [row for row in strategies.read(strategies.RESULTS) if row["rival"] != "mixed_steps"]
    more = [{**row, "rival": "mixed_steps"} for row in rows if row["rival"] == "mixed"]
    best = json.loads(strategies.BEST.read_text())
    without, with_it = report.Scores.of(rows, best), report.Scores.of([*rows, *more], best)
    assert set(with_it.rivals) - set(without.rivals) == {"mixed_steps"}
    assert with_it.wins("random", 12) == without.wins("random", 12)
    lines = set(report.section(with_it).splitlines()) - set(report.section(without).splitlines())
    assert sum(line.startswith("| `mixed_steps` |") for line in lines) == 1
    assert "mixed_steps" not in report.section(without)
    assert len(set(report.aims(with_it)) - set(report.aims(without))) == len(report.BUDGETS)
