"""The contest of strategies: its score, and that docs/benchmarks.md shows what its raw results say."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from tests.helpers.places import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

import confirmation
import minimal
import racing
import strategies
from contest import report, score


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
